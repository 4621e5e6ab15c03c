"""The recursions for CPUs, compiled by numba, an optional package: import this only where it is installed.

Each kernel takes C-contiguous arrays: emissions (n_rows, n_tags) float32, lengths (batch_size,) int64, gold (n_rows,
n_tags) bool, transitions float32. It never raises; what became of each sequence is in the array it returns last.
The machine code is kept beside the modules or in the user's cache. It is compiled anew when the module of a kernel has
changed; after a change to another module of this folder, empty `__pycache__`.
"""

from .best_path import best_paths
from .forward_backward import FINE, ILLEGAL, NOT_FINITE, UNSOUND
from .likelihood import likelihood
from .posterior import posterior

__all__ = ["FINE", "ILLEGAL", "NOT_FINITE", "UNSOUND", "best_paths", "likelihood", "posterior"]
