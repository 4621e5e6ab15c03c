"""tokens → windows → wordpieces → hidden: any Hugging Face encoder or decoder."""
