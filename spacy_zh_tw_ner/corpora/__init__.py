"""Read annotated corpora in many formats, check and convert them to `.spacy` files, and export them again."""
