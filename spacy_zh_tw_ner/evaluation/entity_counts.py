"""Count right, wrong and missed entities by document and group. Scores and intervals are computed from these counts."""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
from spacy.tokens import Doc

from ..entities import Entity
from .mistakes import overlapping
from .predictions import ComparedDoc, compare

CountsT: TypeAlias = npt.NDArray[np.int64]  # (n_documents, n_groups, 3): right, wrong, missed
GroupT: TypeAlias = Callable[[Entity, str], str]  # entity, its text (surface) → name of its group

# Greatest length of each group except the last → its name. Few entities have more than 8 characters.
LENGTHS = {1: "1", 2: "2", 3: "3", 4: "4", 6: "5–6", 8: "7–8"}
LONGER = "9+"


class EntityCounts(NamedTuple):
    """Counts of entities by document and group.

    groups: names of the groups, such as labels, in alphabetical order.
    counts: (n_documents, n_groups, 3) true positives, false positives and false negatives.
    """

    groups: tuple[str, ...]
    counts: CountsT


def count_entities(
    documents: Iterable[ComparedDoc], group: GroupT = lambda entity, surface: entity.label
) -> EntityCounts:
    """Count exact entities: a predicted entity is right if a gold entity has the same boundaries and label.

    Each gold entity and each predicted entity is counted in the group that `group` returns for it. So precision is the
    share of the predicted entities of a group that are right, and recall is the share of the gold entities of a group
    that were found.

    documents (Iterable[ComparedDoc]): Gold and predicted entities.
    group (Callable): Takes an entity and its text, returns the name of its group; by default the label.
    RETURNS (EntityCounts): Counts by document and group.
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
    """Count entities whose boundaries are right: a gold entity has the same boundaries, with any label.

    All entities are counted in one group, which is named "boundary".

    documents (Iterable[ComparedDoc]): Gold and predicted entities.
    RETURNS (EntityCounts): Counts by document.
    """

    def bare(entities: Iterable[Entity]) -> frozenset[Entity]:
        return frozenset(entity._replace(label="boundary") for entity in entities)

    return count_entities(d._replace(expected=bare(d.expected), found=bare(d.found)) for d in documents)


def count_types(documents: Iterable[ComparedDoc]) -> EntityCounts:
    """Count entities by label: a predicted entity is right if it overlaps a gold entity with the same label.

    Each entity is paired with at most one other entity. This is the measure "type" of SemEval-2013, task 9.

    documents (Iterable[ComparedDoc]): Gold and predicted entities.
    RETURNS (EntityCounts): Counts by document and label.
    """
    rows = []
    for document in documents:
        right = overlapping(document.expected, document.found, same_label=True)
        wrong = document.found - {found for _, found in right}
        missed = document.expected - {expected for expected, _ in right}
        rows.append(([e.label for e, _ in right], [e.label for e in wrong], [e.label for e in missed]))
    return _tabulate(rows)


def micro_f(pairs: Iterable[tuple[Doc, Doc]]) -> float:
    """Return the micro F of exact entities, from 0 to 100; 0 if there are no entities.

    pairs (Iterable[tuple[Doc, Doc]]): Gold and predicted documents.
    """
    return micro_f_of(compare(pairs))


def micro_f_of(documents: Iterable[ComparedDoc]) -> float:
    """Return the micro F of exact entities, from 0 to 100; 0 if there are no entities.

    documents (Iterable[ComparedDoc]): Gold and predicted entities.
    """
    right, wrong, missed = count_entities(documents).counts.sum(axis=(0, 1)).tolist()
    return float(100 * 2 * right / max(1, 2 * right + wrong + missed))


def by_length(entity: Entity, surface: str) -> str:
    """Return the group of an entity by its number of characters: "1" to "4", "5–6", "7–8" or "9+".

    entity (Entity): The entity, which is not used, but is an argument of all functions that group entities.
    surface (str): The text of the entity, whose characters are counted.
    """
    return next((name for longest, name in LENGTHS.items() if len(surface) <= longest), LONGER)


def by_surface(known: frozenset[str]) -> GroupT:
    """Return a function that groups entities by whether the training data has an entity of the same text.

    known (frozenset[str]): The texts of all entities of the training data, with any label.
    RETURNS (Callable): Takes an entity and its text, returns "seen" or "unseen".
    """
    return lambda entity, surface: "seen" if surface in known else "unseen"


def _tabulate(rows: Sequence[tuple[list[str], list[str], list[str]]]) -> EntityCounts:
    """Count the right, wrong and missed entities of each document by group.

    rows (Sequence[tuple[list[str], list[str], list[str]]]): For each document, the group names of its right, wrong and
        missed entities.
    RETURNS (EntityCounts): Counts by document and group.
    """
    groups = tuple(sorted({name for row in rows for names in row for name in names}))
    column = {name: i for i, name in enumerate(groups)}
    counts = np.zeros((len(rows), len(groups), 3), dtype=np.int64)
    for i, row in enumerate(rows):
        for kind, names in enumerate(row):
            for name in names:
                counts[i, column[name], kind] += 1
    return EntityCounts(groups, counts)
