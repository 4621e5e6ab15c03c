"""Detect optional dependencies."""

from functools import lru_cache
from importlib.util import find_spec


@lru_cache
def has_numba() -> bool:
    """Return whether numba is installed; it is not imported for that."""
    return find_spec("numba") is not None


@lru_cache
def has_bitsandbytes() -> bool:
    """Return whether bitsandbytes is installed; musl, and macOS on Intel, have no wheels of it."""
    return find_spec("bitsandbytes") is not None


@lru_cache
def has_seqeval() -> bool:
    """Return whether seqeval is installed, of the extra `evaluate`."""
    return find_spec("seqeval") is not None


@lru_cache
def has_resvg() -> bool:
    """Return whether resvg-py is installed, of the extra `evaluate`."""
    return find_spec("resvg_py") is not None
