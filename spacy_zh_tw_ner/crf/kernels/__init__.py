"""Loops of the CRF, compiled by numba for one CPU core. Import this module only if numba is installed.

Each token costs a product of a row vector and a matrix, with sums (forward-backward) or maxima (Viterbi):

    out[j] = Σ_i x[i] · matrix[i, j]        `multiply_one`, `multiply_four`
    out[j] = max_i x[i] + matrix[i, j]      `maximize_one`, `maximize_four`

Four sequences ("lanes") are computed at a time, so each row of the matrix is loaded once for four. Sums are computed in
blocks of four sequences and four tags, whose 16 sums stay in registers; they read the transposed matrix, `into`, along
its rows. The compiler does not keep maxima in registers, so `maximize_four` processes two rows of the matrix per pass.
Rows are padded to a multiple of 16 float32, the widest vector register, so that no loop has a remainder.
"""

import numpy as np

from ..layout import Layout
from ..transitions import Transitions
from .forward_backward import compute_expectations, run_recursions
from .viterbi import find_best_paths

__all__ = ["compile_all", "compute_expectations", "find_best_paths", "run_recursions"]


def compile_all() -> None:
    """Compile every loop for float32, or load its machine code from numba's cache."""
    transitions = Transitions(np.zeros((1, 1), np.float32), np.zeros(1, np.float32), np.zeros(1, np.float32))
    layout, emissions = Layout([1]), np.zeros((1, 1), np.float32)
    run_recursions(emissions, layout, transitions)
    compute_expectations(emissions, layout, transitions, np.ones(1, np.bool_))
    find_best_paths(emissions, layout, transitions)
