"""The recursions for CPUs, compiled by numba, an optional package: import this only where it is installed.

Each kernel takes C-contiguous arrays: emissions (n_rows, n_tags) float32, lengths (batch_size,) int64, gold (n_rows,
n_tags) bool, transitions float32. It never raises; what became of each sequence is in the array it returns last.
The machine code is compiled at the
first call, which takes some seconds, and kept beside the modules or in the user's cache, see `simd.jit`.
"""

from .best_path import best_paths
from .forward_backward import FINE, ILLEGAL, NOT_FINITE, UNSOUND
from .likelihood import likelihood
from .posterior import posterior

__all__ = ["FINE", "ILLEGAL", "NOT_FINITE", "UNSOUND", "best_paths", "likelihood", "posterior"]
