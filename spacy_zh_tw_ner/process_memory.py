"""Bound the memory of the process: limit oneDNN's cache of kernels, and return freed heap memory to the system."""

import ctypes
import os
import sys
from collections.abc import Callable
from functools import partial

CACHE_CAPACITY = "ONEDNN_PRIMITIVE_CACHE_CAPACITY"
N_PRIMITIVES = 32


def limit_primitive_cache() -> None:
    """Limit oneDNN's cache of compiled kernels to N_PRIMITIVES, unless the environment sets its size.

    By default, the cache holds kernels for 1,024 shapes. Nearly every batch has new shapes, so that it grows to
    hundreds of MiB. The kernels are allocated between the tensors of a training step and stay when these are freed,
    which fragments the heap. With the limit, more kernels are compiled again, which takes about a hundredth of the time
    of an update of the weights.

    oneDNN reads the environment variable when it is first used; after that, this function has no effect. torch exports
    no function that sets the size.
    """
    os.environ.setdefault(CACHE_CAPACITY, str(N_PRIMITIVES))


def return_freed_memory() -> None:
    """Return freed heap memory to the operating system. It takes milliseconds: do not call it in a loop."""
    find_trim()()


def find_trim() -> Callable[[], object]:
    """Return a function that calls glibc's `malloc_trim(0)`; with other C libraries it does nothing."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    return partial(trim, 0) if trim is not None else lambda: None
