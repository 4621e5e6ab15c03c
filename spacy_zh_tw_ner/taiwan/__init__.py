"""Taiwanese conventions as plain functions, without spaCy."""
