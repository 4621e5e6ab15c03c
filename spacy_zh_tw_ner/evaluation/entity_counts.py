"""Count right, wrong and missed entities by document and group, as the basis of every score and interval."""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
from spacy.tokens import Doc

from ..entities import Entity
from .mistakes import overlapping
from .predictions import ComparedDoc, compare

CountsT: TypeAlias = npt.NDArray[np.int64]  # (n_documents, n_groups, 3): right, wrong, missed
GroupT: TypeAlias = Callable[[Entity, str], str]  # an entity and its surface → its group

# Longest length of each group but the last. Names of people have 2 to 4 characters, and few entities have over 8.
LENGTHS = {1: "1", 2: "2", 3: "3", 4: "4", 6: "5–6", 8: "7–8"}
LONGER = "9+"


class EntityCounts(NamedTuple):
    """Counts of entities by document and group.

    groups: Names of groups, such as labels, sorted.
    counts: (n_documents, n_groups, 3) true positives, false positives and false negatives.
    """

    groups: tuple[str, ...]
    counts: CountsT


def count_entities(
    documents: Iterable[ComparedDoc], group: GroupT = lambda entity, surface: entity.label
) -> EntityCounts:
    """Count exact entities: those whose first and last character and label are right.

    Predicted and gold entities each count in their own group. Precision is then the share of the predicted entities
    of a group that are right, recall the share of the gold entities that were found.

    documents (Iterable[ComparedDoc]): Gold and predicted entities.
    group (Callable): Returns the group of an entity; by default its label.
    RETURNS (EntityCounts): The counts.
    """

    def names(document: ComparedDoc, entities: Iterable[Entity]) -> list[str]:
        return [group(entity, document.surface(entity)) for entity in entities]

    return _tabulate(
        [
            (
                names(document, document.expected & document.found),
                names(document, document.found - document.expected),
                names(document, document.expected - document.found),
            )
            for document in documents
        ]
    )


def count_boundaries(documents: Iterable[ComparedDoc]) -> EntityCounts:
    """Count entities whose first and last character are right, whatever their label, in one group "boundary"."""

    def bare(entities: Iterable[Entity]) -> frozenset[Entity]:
        return frozenset(entity._replace(label="boundary") for entity in entities)

    return count_entities(d._replace(expected=bare(d.expected), found=bare(d.found)) for d in documents)


def count_types(documents: Iterable[ComparedDoc]) -> EntityCounts:
    """Count entities by label that overlap one of the same label, one to one: "type" of SemEval-2013 task 9."""
    rows = []
    for document in documents:
        right = overlapping(document.expected, document.found, same_label=True)
        wrong = document.found - {found for _, found in right}
        missed = document.expected - {expected for expected, _ in right}
        rows.append(([e.label for e, _ in right], [e.label for e in wrong], [e.label for e in missed]))
    return _tabulate(rows)


def micro_f(pairs: Iterable[tuple[Doc, Doc]]) -> float:
    """Return the micro F of exact entities, 0 to 100.

    pairs (Iterable[tuple[Doc, Doc]]): Gold and predicted documents.
    """
    right, wrong, missed = count_entities(compare(pairs)).counts.sum(axis=(0, 1)).tolist()
    return float(100 * 2 * right / max(1, 2 * right + wrong + missed))


def by_length(entity: Entity, surface: str) -> str:
    """Group entities by their number of characters."""
    return next((name for longest, name in LENGTHS.items() if len(surface) <= longest), LONGER)


def by_surface(known: frozenset[str]) -> GroupT:
    """Group entities by whether the training data has an entity of the same characters, whatever its label.

    known (frozenset[str]): The surfaces of the training data.
    RETURNS (Callable): Entity, surface → "seen" or "unseen".
    """
    return lambda entity, surface: "seen" if surface in known else "unseen"


def _tabulate(rows: Sequence[tuple[list[str], list[str], list[str]]]) -> EntityCounts:
    groups = tuple(sorted({name for row in rows for names in row for name in names}))
    column = {name: i for i, name in enumerate(groups)}
    counts = np.zeros((len(rows), len(groups), 3), dtype=np.int64)
    for i, row in enumerate(rows):
        for kind, names in enumerate(row):
            for name in names:
                counts[i, column[name], kind] += 1
    return EntityCounts(groups, counts)
