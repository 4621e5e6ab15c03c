"""Loops of the CRF, compiled by numba for one CPU core; numpy replaces them where numba is not installed.

For each token, a row vector is multiplied by a matrix, with sums (forward-backward) or maxima (Viterbi):

    out[j] = Σ_i x[i] · matrix[i, j]        `multiply_four`
    out[j] = max_i x[i] + matrix[i, j]      `maximize_four`

Four sequences ("lanes") are computed at a time, so each row of the matrix is loaded once for four; the results of lanes
whose sequence has ended are not used. Sums are computed in blocks of four lanes and four tags, whose 16 sums stay in
registers; they read the transposed matrix (argument `into`) by row. The compiler does not keep maxima in registers, so
`maximize_four` processes two rows of the matrix per pass. Rows are padded to a multiple of 16 float32, the widest
vector register, so that no loop has a remainder.

`forward_backward` and `viterbi` hold the loops. They import numba, so import them through `kernels_for`. Neither uses
compiled functions of the other: numba's cache recompiles a function only when its own source file changes.
"""

import sys
from collections.abc import Callable
from functools import lru_cache
from threading import Timer
from typing import Any, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from ...errors import Errors, MissingExtraError
from ...extras import has_numba, install_hint
from ..layout import Layout
from ..transitions import Transitions

FunctionT = TypeVar("FunctionT", bound=Callable[..., Any])

LANES = 4  # sequences that are computed at a time
WIDTH = 16  # float32 in the widest vector register
NOTIFY_AFTER = 2.0  # seconds; loading cached machine code takes less


class Kernels(NamedTuple):
    """Functions that call compiled loops. Each replaces a numpy function, with the same arguments and results.

    run_recursions: Forward and backward variables; replaces `crf.forward_backward._run_recursions`.
    compute_expectations: Marginals and expected counts; replaces `crf.forward_backward.compute_expectations`.
    find_best_paths: Most probable tag paths; replaces `crf.viterbi._find_best_paths`.
    """

    run_recursions: Callable[..., Any]
    compute_expectations: Callable[..., Any]
    find_best_paths: Callable[..., Any]


def kernels_for(compiled: bool | None) -> Kernels | None:
    """Return the compiled loops, or None for numpy.

    compiled (Optional[bool]): True for compiled loops, False for numpy; None for compiled if numba is installed.
    RAISES (MissingExtraError): If `compiled` is True and numba is not installed.
    """
    if compiled and not has_numba():
        raise MissingExtraError(Errors.ZT110.format(hint=install_hint("fast")))
    return None if compiled is False or not has_numba() else _load_kernels()


@lru_cache(maxsize=1)
def _load_kernels() -> Kernels:
    """Import the loops and compile them for float32, or load them from numba's cache.

    Compilation takes up to half a minute. It is repeated only for a new version of this package or of numba, or another
    type of processor. If it takes longer than NOTIFY_AFTER, the user is notified on standard error.
    """
    import numba  # noqa: F401  (takes a second by itself)

    message = "Compiling the CRF for this processor. This takes up to half a minute, once."
    timer = Timer(NOTIFY_AFTER, print, (message,), {"file": sys.stderr, "flush": True})
    timer.daemon = True
    timer.start()
    try:
        from . import forward_backward, viterbi

        kernels = Kernels(
            forward_backward.run_recursions, forward_backward.compute_expectations, viterbi.find_best_paths
        )
        _compile(kernels)
    finally:
        timer.cancel()
    return kernels


def _compile(kernels: Kernels) -> None:
    """Compile every loop for float32 by calling it once."""
    transitions = Transitions(np.zeros((1, 1), np.float32), np.zeros(1, np.float32), np.zeros(1, np.float32))
    layout, emissions = Layout([1]), np.zeros((1, 1), np.float32)
    kernels.run_recursions(emissions, layout, transitions)
    kernels.compute_expectations(emissions, layout, transitions, np.ones(1, np.bool_))
    kernels.find_best_paths(emissions, layout, transitions)


def jit(*fastmath: str) -> Callable[[FunctionT], FunctionT]:
    """Return a decorator that compiles a function at its first call, and caches the machine code on disk if possible.

    fastmath (str): Fast-math flags of LLVM, such as "contract" (https://llvm.org/docs/LangRef.html#fast-math-flags).
    """
    from numba import njit

    options: dict[str, Any] = {"nogil": True, "error_model": "numpy", "fastmath": set(fastmath)}

    def compile_(function: FunctionT) -> FunctionT:
        compiled: FunctionT
        try:
            compiled = njit(function, cache=True, **options)
        except RuntimeError:  # numba can write neither to the package's folder nor to the user's cache
            compiled = njit(function, **options)
        return compiled

    return compile_


def padded(matrix: npt.NDArray[Any], value: float) -> npt.NDArray[Any]:
    """Return a larger copy of a matrix, with a multiple of 4 (LANES) rows and of 16 (WIDTH) columns.

    The additional rows (at the bottom) and columns (at the right) are filled with `value`.
    """
    n_rows, n_columns = matrix.shape
    shape = -(-n_rows // LANES) * LANES, -(-n_columns // WIDTH) * WIDTH
    larger = np.full(shape, value, matrix.dtype)
    larger[:n_rows, :n_columns] = matrix
    return larger
