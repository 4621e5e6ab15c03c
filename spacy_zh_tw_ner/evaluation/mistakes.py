"""Classify mistakes: missed and spurious entities, wrong boundaries, wrong labels, or both."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ..entities import Entity
from .predictions import ComparedDoc

KINDS = ("missed", "spurious", "boundary", "type", "both")


class Mistake(NamedTuple):
    """A wrong or missed entity.

    kind: "missed"; "spurious"; "type", if only the label is wrong; "boundary", if only the ends are wrong; or
        "both", if the entities overlap, and label and ends differ.
    expected: the gold entity; None if spurious. found: the predicted entity; None if missed.
    """

    kind: str
    expected: Entity | None
    found: Entity | None

    @property
    def labels(self) -> set[str]:
        """Return the label of the gold entity and that of the predicted entity, or the only label if one is None."""
        return {entity.label for entity in (self.expected, self.found) if entity is not None}


def find_mistakes(document: ComparedDoc) -> list[Mistake]:
    """Pair wrong predicted entities with gold entities, one to one, and classify the mistakes.

    Entities with the same characters and different labels are a mistake of the kind "type", overlapping entities with
    the same label "boundary", and overlapping entities with different labels "both". A gold entity without a
    partner is "missed", a predicted entity without one is "spurious".

    document (ComparedDoc): The document.
    RETURNS (list[Mistake]): The mistakes, in the order of the text.
    """
    missed, spurious = set(document.expected - document.found), set(document.found - document.expected)
    mistakes: list[Mistake] = []
    spans = {(entity.start, entity.end): entity for entity in missed}
    same_span = [(spans[found.start, found.end], found) for found in spurious if (found.start, found.end) in spans]
    for kind, same_label in (("type", None), ("boundary", True), ("both", False)):
        pairs = same_span if same_label is None else overlapping(missed, spurious, same_label=same_label)
        mistakes += [Mistake(kind, expected, found) for expected, found in pairs]
        missed -= {expected for expected, _ in pairs}
        spurious -= {found for _, found in pairs}
    mistakes += [Mistake("missed", entity, None) for entity in missed]
    mistakes += [Mistake("spurious", None, entity) for entity in spurious]
    return sorted(mistakes, key=lambda mistake: (mistake.expected or mistake.found or (0,))[0])


def count_mistakes(documents: Iterable[ComparedDoc]) -> dict[str, int]:
    """Return kind → number of mistakes in all documents, for every kind of KINDS."""
    counts = Counter(mistake.kind for document in documents for mistake in find_mistakes(document))
    return {kind: counts[kind] for kind in KINDS}


def overlapping(
    expected: Iterable[Entity], found: Iterable[Entity], *, same_label: bool
) -> list[tuple[Entity, Entity]]:
    """Pair gold and predicted entities that share a character, one to one, and as many as possible.

    Both sides are sorted and paired in one pass. This finds all pairs if no two gold entities overlap and no two
    predicted entities overlap: of two entities that cannot be paired, the one that ends first overlaps no later entity.
    Entities of `doc.spans` with different labels may overlap. So for `same_label=True`, each label has its own pass.
    For `same_label=False`, some pairs of overlapping entities of `doc.spans` may be missed.

    expected (Iterable[Entity]): Gold entities.
    found (Iterable[Entity]): Predicted entities.
    same_label (bool): True if the labels of a pair must be equal, False if they must differ.
    RETURNS (list[tuple[Entity, Entity]]): Pairs of a gold and a predicted entity, in the order of the text.
    """
    left, right = sorted(expected), sorted(found)
    if same_label:
        labels = sorted({entity.label for entity in left} & {entity.label for entity in right})
        of_label = ([[e for e in side if e.label == label] for side in (left, right)] for label in labels)
        return sorted(pair for sides in of_label for pair in _overlapping(*sides))
    return _overlapping(left, right, same_label=False)


def _overlapping(
    left: Sequence[Entity], right: Sequence[Entity], *, same_label: bool = True
) -> list[tuple[Entity, Entity]]:
    """Pair the entities of two sorted lists that overlap, one to one, in one pass.

    left (Sequence[Entity]), right (Sequence[Entity]): The lists.
    same_label (bool): True if the labels of a pair must be equal, False if they must differ.
    RETURNS (list[tuple[Entity, Entity]]): Pairs of an entity of `left` and one of `right`, in order.
    """
    pairs: list[tuple[Entity, Entity]] = []
    i = j = 0
    while i < len(left) and j < len(right):
        a, b = left[i], right[j]
        if a.start < b.end and b.start < a.end and (a.label == b.label) is same_label:
            pairs.append((a, b))
            i, j = i + 1, j + 1
        elif a.end <= b.end:
            i += 1
        else:
            j += 1
    return pairs


class Confusion(NamedTuple):
    """Confusion matrix: gold labels by predicted labels.

    labels: labels of the rows (gold) and columns (predicted). An additional last row counts spurious entities, and an
        additional last column missed entities.
    exact: (n_labels + 1, n_labels + 1) number of pairs of a gold and a predicted entity with equal boundaries; in the
        last row and column, number of entities without a partner.
    inexact: (n_labels + 1, n_labels + 1) number of pairs that overlap and have different boundaries.
    """

    labels: tuple[str, ...]
    exact: npt.NDArray[np.int64]
    inexact: npt.NDArray[np.int64]

    def to_json(self) -> dict[str, object]:
        """Return a dictionary for `json.dumps`: "labels"; and "exact" and "inexact", each a list of rows."""
        return {"labels": list(self.labels), "exact": self.exact.tolist(), "inexact": self.inexact.tolist()}

    def row_shares(self) -> npt.NDArray[np.float64]:
        """Return each cell as a share of its row, (n_labels + 1, n_labels + 1); 0 in an empty row."""
        totals = self.exact + self.inexact
        return np.asarray(totals / np.maximum(1, totals.sum(axis=1, keepdims=True)))


def confusion(documents: Iterable[ComparedDoc]) -> Confusion:
    """Compute the confusion matrix of gold and predicted labels.

    documents (Iterable[ComparedDoc]): Gold and predicted entities.
    RETURNS (Confusion): The matrix, with all labels of gold and predicted entities.
    """
    exact: Counter[tuple[str | None, str | None]] = Counter()
    inexact: Counter[tuple[str | None, str | None]] = Counter()
    for document in documents:
        exact.update((entity.label, entity.label) for entity in document.expected & document.found)
        for kind, expected, found in find_mistakes(document):
            overlap = kind in ("boundary", "both")
            (inexact if overlap else exact)[expected and expected.label, found and found.label] += 1
    labels = tuple(sorted({label for pair in (*exact, *inexact) for label in pair if label is not None}))
    place: dict[str | None, int] = {label: i for i, label in enumerate(labels)} | {None: len(labels)}
    matrices = np.zeros((2, len(labels) + 1, len(labels) + 1), dtype=np.int64)
    for matrix, counts in zip(matrices, (exact, inexact), strict=True):
        for (row, column), n in counts.items():
            matrix[place[row], place[column]] = n
    return Confusion(labels, matrices[0], matrices[1])
