"""Choose between compiled loops and numpy."""

import sys
from functools import lru_cache
from threading import Timer
from types import ModuleType
from typing import TypeAlias

from ..errors import Errors
from ..extras import has_numba, install_hint

KernelsT: TypeAlias = ModuleType

NOTIFY_AFTER = 2.0  # seconds; loading cached machine code takes less


def kernels_for(compiled: bool | None) -> KernelsT | None:
    """Return the module of compiled loops, or None for numpy.

    compiled (Optional[bool]): True for compiled loops, False for numpy; None for compiled if numba is installed.
    RAISES (ValueError): If `compiled` is True and numba is not installed.
    """
    if compiled and not has_numba():
        raise ValueError(Errors.ZT110.format(hint=install_hint("fast")))
    return None if compiled is False or not has_numba() else _load_kernels()


@lru_cache(maxsize=1)
def _load_kernels() -> KernelsT:
    """Import the kernels and compile them for float32, or load them from numba's cache.

    Compilation takes some seconds, once for each version of this package, of numba and of the processor; a message on
    standard error announces it.
    """
    import numba  # noqa: F401  (takes a second by itself)

    message = "Compiling the CRF for this processor. This takes up to half a minute, once."
    timer = Timer(NOTIFY_AFTER, print, (message,), {"file": sys.stderr, "flush": True})
    timer.daemon = True
    timer.start()
    try:
        from . import kernels

        kernels.compile_all()
    finally:
        timer.cancel()
    return kernels
