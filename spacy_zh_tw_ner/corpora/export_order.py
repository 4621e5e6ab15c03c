"""Order the records of an export: those of which a pipeline is least certain first, or by a ranking of their texts."""

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
    """An order of texts that is known when all texts have been added."""

    def add(self, texts: Sequence[str]) -> None:
        """Add the next texts."""
        ...

    def order(self) -> list[int]:
        """Return the indices of all texts in their order."""
        ...


def most_uncertain_first(proposals: Iterable[Proposal]) -> Iterator[Proposal]:
    """Sort records by the lowest score of their entities, ascending. Records without scores come last."""
    lowest: list[float] = []

    def add(chunk: list[Proposal]) -> None:
        lowest.extend(min(proposal.scores, default=1.0) for proposal in chunk)

    return _spooled(proposals, add, lambda: sorted(range(len(lowest)), key=lowest.__getitem__))


def ranked(proposals: Iterable[Proposal], ranking: Ranking) -> Iterator[Proposal]:
    """Sort records by a ranking of their texts."""
    return _spooled(proposals, lambda chunk: ranking.add([proposal.record.text for proposal in chunk]), ranking.order)


def _spooled(
    proposals: Iterable[Proposal], add: Callable[[list[Proposal]], object], order: Callable[[], list[int]]
) -> Iterator[Proposal]:
    """Yield records in an order that is known after all have been added; they are in a temporary file meanwhile."""
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
