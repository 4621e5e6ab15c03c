"""Annotated files → records → `.spacy`: reading, checking, converting, validating."""
