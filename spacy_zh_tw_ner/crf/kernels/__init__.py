"""The loops of the CRF, compiled by numba for one CPU core. Import this module only where numba is installed.

Each token costs a product of a row vector and a matrix, with sums (forward-backward) or maxima (Viterbi):

    out[j] = Σ_i x[i] · matrix[i, j]        `multiply_one`, `multiply_four`
    out[j] = max_i x[i] + matrix[i, j]      `maximize_one`, `maximize_four`

Four sequences are computed at a time, so that each row of the matrix is read once for four. A product is a block of
four sequences and four tags, whose 16 sums stay in registers; it reads the transposed matrix, `into`, along its rows.
Maxima are not kept in registers by the compiler: there, two rows of the matrix are added to the result at a time. Rows
are padded to a multiple of 16, the float32 in the widest vector register, so that no loop has a remainder.
"""

import numpy as np

from ..layout import Layout
from ..transitions import Transitions
from .forward_backward import expect, walk
from .viterbi import find_best_paths

__all__ = ["compile_all", "expect", "find_best_paths", "walk"]


def compile_all() -> None:
    """Compile every loop for float32, or load its machine code from numba's cache."""
    transitions = Transitions(np.zeros((1, 1), np.float32), np.zeros(1, np.float32), np.zeros(1, np.float32))
    layout, emissions = Layout([1]), np.zeros((1, 1), np.float32)
    walk(emissions, layout, transitions)
    expect(emissions, layout, transitions, np.ones(1, np.bool_))
    find_best_paths(emissions, layout, transitions)
