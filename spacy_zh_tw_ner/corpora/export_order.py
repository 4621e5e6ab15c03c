"""Sort the records of an export, which are stored in a temporary file until their order is known.

`export --order` uses it for all orders but that of the file.
"""

import pickle
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from tempfile import TemporaryFile
from typing import NamedTuple, Protocol

from .records import Record

CHUNK = 128  # records that a ranking receives at once


class Proposal(NamedTuple):
    """A record to export, and the scores of its entities.

    record: A text with its entities, which are gold or predicted by a pipeline.
    scores: The scores from 0 to 1 that the pipeline gives the entities; empty if they have no scores.
    """

    record: Record
    scores: list[float]


class Ranking(Protocol):
    """Protocol of objects that determine an order of texts, for example by the uncertainty of a pipeline.

    `ranked` first calls `add` with each chunk of texts, until all texts are added. It then calls `order` once.
    """

    def add(self, texts: Sequence[str]) -> None:
        """Receive the next texts to be ranked, in the order of the input."""
        ...

    def order(self) -> list[int]:
        """Return the indices of all added texts, in the order in which they are to be exported.

        Index 0 is the text that was added first.
        """
        ...


def most_uncertain_first(proposals: Iterable[Proposal]) -> Iterator[Proposal]:
    """Yield the proposals, sorted by the lowest score of their entities, ascending.

    Proposals without scores come last, as if their lowest score were 1.
    """
    lowest: list[float] = []

    def add(chunk: list[Proposal]) -> None:
        lowest.extend(min(proposal.scores, default=1.0) for proposal in chunk)

    return _spooled(proposals, add, lambda: sorted(range(len(lowest)), key=lowest.__getitem__))


def ranked(proposals: Iterable[Proposal], ranking: Ranking) -> Iterator[Proposal]:
    """Yield all proposals, in the order that `ranking` determines for their texts."""
    return _spooled(proposals, lambda chunk: ranking.add([proposal.record.text for proposal in chunk]), ranking.order)


def _spooled(
    proposals: Iterable[Proposal], add: Callable[[list[Proposal]], object], order: Callable[[], list[int]]
) -> Iterator[Proposal]:
    """Store all proposals in a temporary file, and then yield them in the order that `order` returns.

    proposals (Iterable[Proposal]): Records with their scores.
    add (Callable[[list[Proposal]], object]): Called with each chunk of proposals.
    order (Callable[[], list[int]]): Called after the last chunk; returns the indices of the proposals to yield.
    """
    remaining = iter(proposals)
    with TemporaryFile() as file:
        places: list[int] = []
        while chunk := list(islice(remaining, CHUNK)):
            for proposal in chunk:
                places.append(file.tell())
                pickle.dump(proposal, file)
            add(chunk)
        for index in order():
            file.seek(places[index])
            yield pickle.load(file)
