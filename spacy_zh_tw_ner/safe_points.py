"""Safe points: places in the processing of a long text where the same thread may do other work.

A service has one inference thread. While this thread processes a text of a million characters, short texts must not
wait for the end of the long text, and a client must be able to cancel it. So the loops over windows of a text and over
chunks of a sequence call `safe_point()`. `safe_point()` calls the function that was installed with `interrupted_by`, if
any:

    long text   ──window──window──┐         ┌──window──window──┐         ┌── …
    safe point                    └─ batch ─┘                  └─ batch ─┘

Without an installed function, a safe point only reads a context variable.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeAlias

InterruptT: TypeAlias = Callable[[], None]
_interrupt: ContextVar[InterruptT | None] = ContextVar("zh_tw_ner_interrupt", default=None)


@contextmanager
def interrupted_by(interrupt: InterruptT | None) -> Iterator[None]:
    """Context manager: call a function at every safe point inside the block, in place of that of an outer block.

    interrupt (Optional[Callable[[], None]]): Function that does other work and returns, or raises an error to cancel
        the block; None for no function. While `interrupt` runs, safe points do nothing, unless `interrupt` itself calls
        `interrupted_by`.
    """
    token = _interrupt.set(interrupt)
    try:
        yield
    finally:
        _interrupt.reset(token)


def is_interruptible() -> bool:
    """Return whether `interrupted_by` has installed a function that does other work at safe points.

    If so, callers should process smaller chunks between safe points.
    """
    return _interrupt.get() is not None


def safe_point() -> None:
    """Call the function that `interrupted_by` installed, if any. It does other work, or raises an error to cancel.

    The caller must be able to stop here: it must not hold a lock, be inside a context manager whose effect the other
    work must not have, or have data structures that are changed in part only.
    """
    interrupt = _interrupt.get()
    if interrupt is not None:
        with interrupted_by(None):
            interrupt()
