"""Corpus readers, augmentation, and the resumable training loop."""
