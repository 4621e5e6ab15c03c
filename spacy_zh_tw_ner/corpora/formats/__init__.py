"""Readers and writers of annotation formats, one module per format, and detection of the format of a file."""
