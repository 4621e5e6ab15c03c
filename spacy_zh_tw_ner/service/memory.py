"""Return freed heap memory to the operating system while the service runs (malloc_trim)."""

import time

from ..process_memory import find_trim

PAUSE = 1.0  # seconds between two times that memory is given back


class Trimmer:
    """Gives freed memory back to the system.

    glibc would keep it: every batch has other shapes, and what is left of one fits no other, so that the process would
    grow for thousands of requests.
    """

    def __init__(self) -> None:
        self._trim = find_trim()
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
