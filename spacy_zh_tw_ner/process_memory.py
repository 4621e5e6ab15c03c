"""Keep the memory of the process bounded: compiled kernels of oneDNN, and freed memory that the C library keeps."""

import ctypes
import os
import sys
from collections.abc import Callable
from functools import partial

CACHE_CAPACITY = "ONEDNN_PRIMITIVE_CACHE_CAPACITY"
N_PRIMITIVES = 32


def limit_primitive_cache() -> None:
    """Limit oneDNN's cache of compiled kernels, unless the user has set its size.

    By default it keeps 1,024 shapes, and nearly every batch has a shape of its own: hundreds of MiB. They are allocated
    among the tensors of a step and stay when those are freed, so that the heap grows around them. Before an update of
    the weights, the shapes of its batch are compiled again, which takes about a hundredth of the time of an update.

    oneDNN reads the variable when it is first used. Later it has no effect; torch exports no function to set it.
    """
    os.environ.setdefault(CACHE_CAPACITY, str(N_PRIMITIVES))


def return_freed_memory() -> None:
    """Return freed heap memory to the operating system. It takes milliseconds; do it after a phase, not in a loop."""
    find_trim()()


def find_trim() -> Callable[[], object]:
    """Return glibc's `malloc_trim`, or a function that does nothing with other systems and C libraries."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    return partial(trim, 0) if trim is not None else lambda: None
