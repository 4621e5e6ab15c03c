"""Classify mistakes: missed and spurious entities, wrong boundaries, wrong labels, or both."""

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ..entities import Entity
from .predictions import Compared

KINDS = ("missed", "spurious", "boundary", "type", "both")


class Mistake(NamedTuple):
    """kind: One of KINDS. expected: The gold entity, None if spurious. found: What was predicted, None if missed."""

    kind: str
    expected: Entity | None
    found: Entity | None

    @property
    def labels(self) -> set[str]:
        """The labels that take part in it."""
        return {entity.label for entity in (self.expected, self.found) if entity is not None}


def find_mistakes(document: Compared) -> list[Mistake]:
    """Pair the wrong entities of a document with the gold ones that they stand for, each with one at most.

    The same characters under another label are a mistake of "type", an overlap under the same label one of
    "boundary", an overlap under another label "both". What is left is "missed" or "spurious".

    document (Compared): The document.
    RETURNS (list[Mistake]): In the order of the text.
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


def overlapping(
    expected: Iterable[Entity], found: Iterable[Entity], *, same_label: bool
) -> list[tuple[Entity, Entity]]:
    """Pair entities that share a character, one to one, and as many as possible.

    Neither side overlaps itself, so the two can be walked along together: of two that cannot be paired, the one that
    ends first meets nothing that comes later.

    expected (Iterable[Entity]): Gold entities.
    found (Iterable[Entity]): Predicted entities.
    same_label (bool): Whether a pair must have one label, or two.
    RETURNS (list[tuple[Entity, Entity]]): Gold and predicted entity, in order.
    """
    left, right = sorted(expected), sorted(found)
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
    """Which label became which.

    labels: Rows and columns; one more row stands for what the gold has not, one more column for what was not found.
    exact: (n_labels + 1, n_labels + 1), entities by gold and predicted label whose boundaries agree.
    inexact: The same for those that overlap only.
    """

    labels: tuple[str, ...]
    exact: npt.NDArray[np.int64]
    inexact: npt.NDArray[np.int64]

    def to_json(self) -> dict[str, object]:
        """Labels and both matrices, a row a gold label; the last row is spurious, the last column missed."""
        return {"labels": list(self.labels), "exact": self.exact.tolist(), "inexact": self.inexact.tolist()}


def confusion(documents: Iterable[Compared]) -> Confusion:
    """Count which gold label was predicted as which.

    documents (Iterable[Compared]): What was predicted, and the gold.
    RETURNS (Confusion): Two matrices, over the labels of both sides.
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
