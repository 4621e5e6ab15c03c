"""What keeps the memory of the process where it is: small steps, and what was freed goes back to the system."""

import ctypes
import sys
import time
from collections.abc import Callable
from functools import partial

from spacy.language import Language

from ..pipeline.quantize import backbone_shims

# Pieces that a Transformer reads at once on a CPU. More take memory by the hundred MiB, leave the caches, and are no
# faster: 1,024 take 0.9 s of a BERT-base in 8 bits where 8,192 take 1.1 s a thousand.
STEP = 1_024
PAUSE = 1.0  # seconds between two times that memory is given back


def read_in_steps(nlp: Language) -> None:
    """Have each Transformer of a pipeline read no more than STEP pieces at once."""
    for shim in backbone_shims(nlp):
        shim.passes.eval_limit = STEP


class Trimmer:
    """Gives freed memory back to the system.

    glibc would keep it: every batch has other shapes, and what is left of one fits no other, so that the process would
    grow for thousands of requests.
    """

    def __init__(self) -> None:
        self._trim = _find_trim()
        self._last = 0.0
        self.due = False

    def used(self) -> None:
        """Say that memory was taken and freed; it is given back now if it was not for a while."""
        self.due = True
        if time.monotonic() - self._last > PAUSE:
            self.trim()

    def trim(self) -> None:
        """Give memory back now, if any was used."""
        if self.due:
            self._trim()
            self._last, self.due = time.monotonic(), False


def _find_trim() -> Callable[[], object]:
    """glibc's own, which other systems and libraries do not have."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    return partial(trim, 0) if trim is not None else lambda: None
