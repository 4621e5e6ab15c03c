"""Pipelines against gold: scores, and pages to look at."""
