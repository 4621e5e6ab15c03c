"""Exact-span precision, recall and F: an entity counts when its first and last character and its label are right."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from spacy.tokens import Doc, Span

from ..entities import Entity


@dataclass
class Counts:
    """True positives, false positives, false negatives."""

    tp: int = 0
    fp: int = 0
    fn: int = 0

    @property
    def precision(self) -> float:
        """Share of the predicted entities that are right; 0 where there are none."""
        return self.tp / max(1, self.tp + self.fp)

    @property
    def recall(self) -> float:
        """Share of the gold entities that were found; 0 where there are none."""
        return self.tp / max(1, self.tp + self.fn)

    @property
    def f_score(self) -> float:
        """Harmonic mean of the two; 0 where both are."""
        return 2 * self.tp / max(1, 2 * self.tp + self.fp + self.fn)

    def to_json(self) -> dict[str, float]:
        """Percentages, and the number of gold entities."""
        shares = {"p": self.precision, "r": self.recall, "f": self.f_score}
        return {name: round(100 * share, 2) for name, share in shares.items()} | {"gold": self.tp + self.fn}


def entity_of(ent: Span) -> Entity:
    """An entity by character, so that documents tokenized in two ways compare."""
    return Entity(ent.start_char, ent.end_char, ent.label_)


def doc_entities(doc: Doc) -> set[Entity]:
    """Entities of a document, by character."""
    return {entity_of(ent) for ent in doc.ents}


def known_entities(gold: Doc, predicted: Doc) -> set[Entity]:
    """The predicted entities of which the gold says whether they are right, by character."""
    if not gold.has_annotation("ENT_IOB"):
        return set()
    unknown = np.zeros(len(gold.text), dtype=bool)
    for token in gold:
        unknown[token.idx : token.idx + len(token)] = token.ent_iob == 0
    return {entity for entity in doc_entities(predicted) if not unknown[entity.start : entity.end].any()}


def count_exact(pairs: Iterable[tuple[Doc, Doc]]) -> dict[str, Counts]:
    """Count by label over pairs of (gold, predicted) documents. Documents without gold annotation are passed over.

    pairs (Iterable[tuple[Doc, Doc]]): The documents.
    RETURNS (dict[str, Counts]): By label, sorted.
    """
    right, wrong, missed = Counter[str](), Counter[str](), Counter[str]()
    for gold, predicted in pairs:
        expected, found = doc_entities(gold), known_entities(gold, predicted)
        right.update(e.label for e in expected & found)
        wrong.update(e.label for e in found - expected)
        missed.update(e.label for e in expected - found)
    labels = sorted({*right, *wrong, *missed})
    return {label: Counts(right[label], wrong[label], missed[label]) for label in labels}


def micro(by_label: dict[str, Counts]) -> Counts:
    """Add up the counts of all labels."""
    return Counts(
        sum(c.tp for c in by_label.values()), sum(c.fp for c in by_label.values()), sum(c.fn for c in by_label.values())
    )
