"""Encode tokens with a Hugging Face encoder or decoder: windows, wordpiece ids, one hidden vector per token."""
