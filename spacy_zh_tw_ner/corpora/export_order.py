"""Sort the records of an export, which are stored in a temporary file until their order is known."""

import pickle
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from tempfile import TemporaryFile
from typing import NamedTuple, Protocol

from .records import Record

CHUNK = 128  # records that a ranking receives at once


class Proposal(NamedTuple):
    """A record to export, with one score per entity. `scores` is empty if the entities have no scores."""

    record: Record
    scores: list[float]


class Ranking(Protocol):
    """Protocol of objects that determine an order of texts. All texts must be added before the order is computed."""

    def add(self, texts: Sequence[str]) -> None:
        """Receive the next texts of the source, in their order. `order` ranks all texts that were added."""
        ...

    def order(self) -> list[int]:
        """Return the indices of all added texts, in the order in which they are to be exported."""
        ...


def most_uncertain_first(proposals: Iterable[Proposal]) -> Iterator[Proposal]:
    """Yield the proposals, sorted by the lowest score of their entities, ascending; those without scores come last."""
    lowest: list[float] = []

    def add(chunk: list[Proposal]) -> None:
        lowest.extend(min(proposal.scores, default=1.0) for proposal in chunk)

    return _spooled(proposals, add, lambda: sorted(range(len(lowest)), key=lowest.__getitem__))


def ranked(proposals: Iterable[Proposal], ranking: Ranking) -> Iterator[Proposal]:
    """Yield records in the order in which `ranking` puts their texts."""
    return _spooled(proposals, lambda chunk: ranking.add([proposal.record.text for proposal in chunk]), ranking.order)


def _spooled(
    proposals: Iterable[Proposal], add: Callable[[list[Proposal]], object], order: Callable[[], list[int]]
) -> Iterator[Proposal]:
    """Store all records in a temporary file, and then yield them in the order that `order` returns.

    proposals (Iterable[Proposal]): The records.
    add (Callable[[list[Proposal]], object]): Called with each chunk of records.
    order (Callable[[], list[int]]): Called after the last chunk; returns the indices of the records to yield.
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
