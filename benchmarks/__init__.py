"""Side-by-side measurements: `python -m benchmarks.NAME`. Nothing here asserts a time."""
