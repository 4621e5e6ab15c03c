"""Shared settings of the compiled loops: numba options, block sizes, and padding."""

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
from numba import njit

FunctionT = TypeVar("FunctionT", bound=Callable[..., Any])

LANES = 4  # sequences that are computed at a time
WIDTH = 16  # float32 in the widest vector register


def jit(*fastmath: str) -> Callable[[FunctionT], FunctionT]:
    """Return a decorator that compiles a function at its first call, and caches the machine code on disk if possible.

    fastmath (str): What the compiler may assume, see https://llvm.org/docs/LangRef.html#fast-math-flags.
    """
    options: dict[str, Any] = {"nogil": True, "error_model": "numpy", "fastmath": set(fastmath)}

    def compile_(function: FunctionT) -> FunctionT:
        compiled: FunctionT
        try:
            compiled = njit(function, cache=True, **options)
        except RuntimeError:  # numba can write neither beside the package nor in the user's cache
            compiled = njit(function, **options)
        return compiled

    return compile_


def padded(matrix: npt.NDArray[Any], value: float) -> npt.NDArray[Any]:
    """Pad rows to a multiple of LANES and columns to a multiple of WIDTH."""
    n_rows, n_columns = matrix.shape
    shape = -(-n_rows // LANES) * LANES, -(-n_columns // WIDTH) * WIDTH
    larger = np.full(shape, value, matrix.dtype)
    larger[:n_rows, :n_columns] = matrix
    return larger
