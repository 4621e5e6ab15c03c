"""Compared documents → counts by document and group, from which every score and its interval comes."""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from ..entities import Entity
from .mistakes import overlapping
from .predictions import Compared

CountsT: TypeAlias = npt.NDArray[np.int64]  # (n_documents, n_groups, 3): right, wrong, missed
GroupT: TypeAlias = Callable[[Entity, str], str]  # an entity and its surface → its group

# The longest length of each group but the last. Names of people have 2 to 4 characters, and few entities over 8.
LENGTHS = {1: "1", 2: "2", 3: "3", 4: "4", 6: "5–6", 8: "7–8"}
LONGER = "9+"


class Table(NamedTuple):
    """groups: Names, sorted. counts: (n_documents, n_groups, 3), right, wrong and missed."""

    groups: tuple[str, ...]
    counts: CountsT


def tabulate(documents: Sequence[Compared], group: GroupT = lambda entity, surface: entity.label) -> Table:
    """Count exact entities: those whose first and last character and label are right.

    A predicted entity counts in its own group, and so does one of the gold. Precision is then the share of the
    predicted entities of a group, recall the share of the gold ones.

    documents (Sequence[Compared]): What was predicted, and the gold.
    group (Callable): Which group an entity belongs to; by label, where nothing is said.
    RETURNS (Table): The counts.
    """

    def names(document: Compared, entities: Iterable[Entity]) -> list[str]:
        return [group(entity, document.surface(entity)) for entity in entities]

    return _table(
        [
            (
                names(document, document.expected & document.found),
                names(document, document.found - document.expected),
                names(document, document.expected - document.found),
            )
            for document in documents
        ]
    )


def tabulate_boundaries(documents: Sequence[Compared]) -> Table:
    """Count entities whose first and last character are right, whatever their label: one group, "boundary"."""
    bare = [
        Compared(
            document.text,
            frozenset(entity._replace(label="boundary") for entity in document.expected),
            frozenset(entity._replace(label="boundary") for entity in document.found),
        )
        for document in documents
    ]
    return tabulate(bare)


def tabulate_types(documents: Sequence[Compared]) -> Table:
    """Count entities by label that overlap one of the same label, one to one: "type" of SemEval-2013 task 9."""
    rows = []
    for document in documents:
        right = overlapping(document.expected, document.found, same_label=True)
        wrong = document.found - {found for _, found in right}
        missed = document.expected - {expected for expected, _ in right}
        rows.append(
            ([entity.label for entity, _ in right], [entity.label for entity in wrong], [e.label for e in missed])
        )
    return _table(rows)


def by_length(entity: Entity, surface: str) -> str:
    """Group entities by their number of characters."""
    return next((name for longest, name in LENGTHS.items() if len(surface) <= longest), LONGER)


def by_surface(known: frozenset[str]) -> GroupT:
    """Group entities by whether the training data holds an entity of the same characters, whatever its label.

    known (frozenset[str]): The surfaces of the training data.
    RETURNS (Callable): Entity, surface → "seen" or "unseen".
    """
    return lambda entity, surface: "seen" if surface in known else "unseen"


def _table(rows: Sequence[tuple[list[str], list[str], list[str]]]) -> Table:
    groups = tuple(sorted({name for row in rows for names in row for name in names}))
    column = {name: i for i, name in enumerate(groups)}
    counts = np.zeros((len(rows), len(groups), 3), dtype=np.int64)
    for i, row in enumerate(rows):
        for kind, names in enumerate(row):
            for name in names:
                counts[i, column[name], kind] += 1
    return Table(groups, counts)
