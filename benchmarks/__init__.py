"""Benchmarks of this package and of similar ones: `python -m benchmarks.NAME`. None of them asserts a time."""
