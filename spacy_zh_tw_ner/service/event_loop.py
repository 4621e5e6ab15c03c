"""Keep the event loop responsive: pauses in long work, and JSON whose values are counted before it is parsed."""

import asyncio
import time

import numpy as np

QUANTUM = 0.01  # seconds of work after which others have their turn
COUNTED = 1 << 18  # bytes of a body from which on its values are counted; fewer are parsed in a few milliseconds
CHUNK = 1 << 18  # bytes that are looked at in one step
QUOTE, COMMA, BRACKET, BACKSLASH, BRACE = b'",[\\{'


class Pause:
    """Awaited in a loop, it lets other tasks run whenever the loop has worked for a while."""

    def __init__(self) -> None:
        self._since = time.perf_counter()

    async def __call__(self) -> None:
        """Let others run, if it is time."""
        if time.perf_counter() - self._since > QUANTUM:
            await asyncio.sleep(0)
            self._since = time.perf_counter()


def count_values(body: bytes) -> int:
    """Count the values of a JSON document that is valid, without parsing it: commas and opening brackets.

    A parser holds the GIL, and makes objects of millions of `[]` for a second or more. This takes a few milliseconds
    for each MiB, for most of which numpy releases the GIL.

    body (bytes): JSON in UTF-8. Of any other document, some number is returned.
    RETURNS (int): One less than the number of values or fewer; empty arrays and objects count as two.
    """
    data, found = np.frombuffer(body, dtype=np.uint8), 0
    inside, odd = 0, 0  # whether a string has begun before the chunk, and an odd number of backslashes is before it
    for start in range(0, len(data), CHUNK):
        part = data[start : start + CHUNK]
        places = np.arange(len(part), dtype=np.int32)
        # shape: (n,) the last place up to each that holds no backslash; backslashes from the chunk before count as one
        last = np.maximum.accumulate(np.where(part == BACKSLASH, np.int32(-1 - odd), places))
        before = np.concatenate([[-1 - odd], last[:-1]])
        escaped = (places - 1 - before) & 1
        # A string ends or begins at each quote that is not escaped.
        within = (np.cumsum((part == QUOTE) & (escaped == 0)) + inside) & 1
        separators = (part == COMMA) | (part == BRACKET) | (part == BRACE)
        found += int(np.count_nonzero(separators & (within == 0)))
        inside, odd = int(within[-1]), int(len(part) - 1 - last[-1]) & 1
    return found
