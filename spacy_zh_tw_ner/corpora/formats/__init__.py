"""Readers and writers of annotation formats: one module a format, and the detection of the format of a file."""
