"""Evaluate pipelines on gold documents: scores, confidence intervals, figures and HTML pages."""
