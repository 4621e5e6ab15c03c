"""The chain of a text that is too long to be held whole: its emissions lie on disk, and a part of it is looked at.

A part of a chain is a chain, too: what arrives from before takes the place of `start`, and that of `end` what all that
follows makes of each tag. Parts meet where no entity that matters goes on, so that each entity lies in one of them,
with the probability that it has in the whole.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from tempfile import TemporaryFile
from typing import Any

import numpy as np
import numpy.typing as npt

from ..safe_points import is_interruptible, safe_point
from .chain import Chain, FloatsT, best_ways, trace
from .folder import Transitions

LONG, PART = 8_192, 4_096  # tokens of a text that is taken apart, and of a part
SLICED = 1_024  # tokens of a text that is taken apart where other work may interrupt


def is_long(n_tokens: int) -> bool:
    """Return whether a text of so many tokens is taken apart."""
    return n_tokens > (SLICED if is_interruptible() else LONG)


class Rows(AbstractContextManager["Rows"]):
    """An array in a temporary file, which grows at its end and is read in stretches.

    width (int): Of a row.
    dtype (DTypeLike): Of a number.
    """

    def __init__(self, width: int, dtype: npt.DTypeLike) -> None:
        self._file = TemporaryFile()  # noqa: SIM115  # it is closed with this array
        self._width, self._dtype, self._n = width, np.dtype(dtype), 0

    def __len__(self) -> int:
        return self._n

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def append(self, rows: npt.NDArray[Any]) -> None:
        """Add (n, width) rows."""
        self._file.seek(self._n * self._width * self._dtype.itemsize)
        self._file.write(np.ascontiguousarray(rows, dtype=self._dtype).data)
        self._n += len(rows)

    def read(self, start: int, end: int) -> npt.NDArray[Any]:
        """(end − start, width)"""
        size = self._width * self._dtype.itemsize
        self._file.seek(start * size)
        read = np.frombuffer(self._file.read((end - start) * size), dtype=self._dtype)
        return read.reshape(-1, self._width)


def parts(
    emissions: Rows, transitions: Transitions, goes_on: Callable[[int, Chain], npt.NDArray[np.bool_]]
) -> Iterator[tuple[int, int, Chain]]:
    """Take a chain apart, from its last part to its first.

    emissions (Rows): (n_tokens, n_tags) of the text.
    transitions (Transitions): Of the text.
    goes_on (Callable[[int, Chain], npt.NDArray]): Of the first row and the chain of a part: (n,) whether at a token an
        entity may go on that has begun before it.
    YIELDS (tuple[int, int, Chain]): The first row of the chain of a part, and the first row that is the part's own;
        what stands between the two is another's.
    """
    matrix, start, end = transitions
    starts = [start]
    for first in range(0, len(emissions) - PART, PART):
        safe_point()
        unknown = Transitions(matrix, starts[-1], np.zeros_like(end))
        starts.append(Chain(emissions.read(first, first + PART), unknown).log_arriving())
    last = len(emissions)
    while last:
        number = (last - 1) // PART
        safe_point()
        while True:
            first = number * PART
            chain = Chain(emissions.read(first, last), Transitions(matrix, starts[number], end))
            free = np.flatnonzero(~goes_on(first, chain)[1:]) + 1
            if not number or len(free):
                break
            number -= 1  # an entity as long as a part
        own = int(free[0]) if number else 0
        yield first, first + own, chain
        last, end = first + own, chain.log_beta[own - 1]


def best_path(emissions: Rows, transitions: Transitions) -> npt.NDArray[np.int32]:
    """(n_tokens,) the most probable legal tags."""
    n_tags = len(transitions.start)
    scores: FloatsT | None = None
    with Rows(n_tags, np.min_scalar_type(n_tags)) as ways:
        for first in range(0, len(emissions), PART):
            safe_point()
            came_from, scores = best_ways(emissions.read(first, first + PART), transitions, scores)
            ways.append(came_from)
        assert scores is not None
        path = np.empty(len(emissions), dtype=np.int32)
        path[-1] = (scores + transitions.end).argmax()
        for first in range((len(ways) - 1) // PART * PART, -1, -PART):
            last = min(first + PART, len(ways))
            path[first : last + 1] = trace(ways.read(first, last), int(path[last]))
    return path


def on_disk(stretches: Iterable[npt.NDArray[np.float32]], n_tags: int) -> Rows:
    """Write emissions, as they come, into a temporary file."""
    rows = Rows(n_tags, np.float32)
    for stretch in stretches:
        rows.append(stretch)
    return rows
