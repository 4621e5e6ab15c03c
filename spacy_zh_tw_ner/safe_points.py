"""Safe points: places in the work on a long text where the same thread may do other work in between.

A service has one inference thread. While it reads a text of a million characters, short texts must not wait for its
end, and it must be possible to give the long one up. So the loops over windows and over parts of a chain call
`safe_point()`, which calls whatever function the thread has installed with `interrupted_by`:

    long text   ──window──window──┐         ┌──window──window──┐         ┌── …
    safe point                    └─ batch ─┘                  └─ batch ─┘

The work on the long text is not aware of it. Where no function is installed, a safe point costs a dictionary look-up.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeAlias

InterruptT: TypeAlias = Callable[[], None]
_interrupt: ContextVar[InterruptT | None] = ContextVar("zh_tw_ner_interrupt", default=None)


@contextmanager
def interrupted_by(interrupt: InterruptT | None) -> Iterator[None]:
    """Call a function at every safe point that the block passes.

    interrupt (Optional[Callable[[], None]]): Does other work and returns, or raises to give the block up. Safe points
        that it passes itself do nothing, unless it installs a function of its own. None for no function.
    """
    token = _interrupt.set(interrupt)
    try:
        yield
    finally:
        _interrupt.reset(token)


def is_interruptible() -> bool:
    """Return whether a function is installed, for which work should be cut into smaller slices."""
    return _interrupt.get() is not None


def safe_point() -> None:
    """Let other work run now. Call it where no lock, open context or half-written state is held."""
    interrupt = _interrupt.get()
    if interrupt is not None:
        with interrupted_by(None):
            interrupt()
