"""tokens → windows → pieces → hidden: any Hugging Face encoder or decoder."""
