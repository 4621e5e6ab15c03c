"""What this installation has beyond the packages it requires."""

from functools import lru_cache
from importlib.util import find_spec


@lru_cache
def has_numba() -> bool:
    """Whether numba is installed; it is not imported for that."""
    return find_spec("numba") is not None


@lru_cache
def has_bitsandbytes() -> bool:
    """Whether bitsandbytes is installed; musl, and macOS on Intel, have no wheels of it."""
    return find_spec("bitsandbytes") is not None


@lru_cache
def has_seqeval() -> bool:
    """Whether seqeval is installed, of the extra `evaluate`."""
    return find_spec("seqeval") is not None


@lru_cache
def has_resvg() -> bool:
    """Whether resvg-py is installed, of the extra `evaluate`."""
    return find_spec("resvg_py") is not None
