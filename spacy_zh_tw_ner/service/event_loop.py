"""Keep the event loop responsive: pauses in long work, and JSON whose values are counted before it is parsed."""

import asyncio
import time

import numpy as np

QUANTUM = 0.01  # seconds of work after which other tasks run
COUNTED = 1 << 18  # bytes; the values of larger bodies are counted, smaller ones parse in a few milliseconds
CHUNK = 1 << 18  # bytes per step
QUOTE, COMMA, BRACKET, BACKSLASH, BRACE = b'",[\\{'


class Pause:
    """Await it in a loop: other tasks run whenever the loop has worked for QUANTUM seconds."""

    def __init__(self) -> None:
        self._since = time.perf_counter()

    async def __call__(self) -> None:
        """Let other tasks run if QUANTUM seconds have passed."""
        if time.perf_counter() - self._since > QUANTUM:
            await asyncio.sleep(0)
            self._since = time.perf_counter()


def count_values(body: bytes) -> int:
    """Count the values of a JSON document without parsing it: commas and opening brackets outside strings.

    A parser holds the GIL for a second or more while it builds millions of `[]`. Counting takes a few milliseconds per
    MiB, and numpy releases the GIL for most of them.

    body (bytes): JSON in UTF-8. For anything else the count has no meaning.
    RETURNS (int): The number of values less one, where empty arrays and objects count as two.
    """
    data, found = np.frombuffer(body, dtype=np.uint8), 0
    inside, odd = 0, 0  # at the start of a chunk: in a string (1), after an odd number of backslashes (1)
    for start in range(0, len(data), CHUNK):
        part = data[start : start + CHUNK]
        places = np.arange(len(part), dtype=np.int32)
        # (n,) last position at or before each that has no backslash, so runs of backslashes can be counted
        last = np.maximum.accumulate(np.where(part == BACKSLASH, np.int32(-1 - odd), places))
        before = np.concatenate([[-1 - odd], last[:-1]])
        escaped = (places - 1 - before) & 1
        # Each quote that is not escaped begins or ends a string.
        within = (np.cumsum((part == QUOTE) & (escaped == 0)) + inside) & 1
        separators = (part == COMMA) | (part == BRACKET) | (part == BRACE)
        found += int(np.count_nonzero(separators & (within == 0)))
        inside, odd = int(within[-1]), int(len(part) - 1 - last[-1]) & 1
    return found
