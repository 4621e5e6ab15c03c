"""Sizes of the blocks that the loops compute, and arrays padded to them."""

from typing import Any

import numpy as np
import numpy.typing as npt

LANES = 4  # sequences that are computed at a time
WIDTH = 16  # float32 in the widest vector register


def padded(matrix: npt.NDArray[Any], value: float) -> npt.NDArray[Any]:
    """Pad rows to a multiple of LANES and columns to a multiple of WIDTH."""
    n_rows, n_columns = matrix.shape
    shape = -(-n_rows // LANES) * LANES, -(-n_columns // WIDTH) * WIDTH
    larger = np.full(shape, value, matrix.dtype)
    larger[:n_rows, :n_columns] = matrix
    return larger
