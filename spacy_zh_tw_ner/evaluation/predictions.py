"""Run a pipeline over gold documents."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from spacy.language import Language
from spacy.tokens import Doc, Span

from ..entities import Entity
from ..errors import CorpusError, Errors
from ..training.char_corpus import CharCorpus

SPLITS = ("train.spacy", "dev.spacy", "test.spacy")


def predict_pairs(nlp: Language, corpus: Path, *, limit: int = 0) -> Iterator[tuple[Doc, Doc]]:
    """Run a pipeline over the texts of a corpus.

    nlp (Language): The pipeline.
    corpus (Path): A `.spacy` file, or a folder with the parts of one.
    limit (int): Number of documents; 0 for all.
    YIELDS (tuple[Doc, Doc]): Gold and predicted document.
    RAISES (CorpusError): For a file that is not there, or holds something else.
    """
    return predict_golds(nlp, read_golds(nlp, corpus, limit=limit))


def read_golds(nlp: Language, corpus: Path, *, limit: int = 0) -> Iterator[Doc]:
    """Read the gold documents of a corpus; see `predict_pairs`.

    RAISES (CorpusError): For a folder with several splits, which would be read as one.
    """
    splits = [name for name in SPLITS if (corpus / name).exists()]
    if len(splits) > 1:
        raise CorpusError(Errors.ZT732.format(path=corpus, splits=", ".join(splits)))
    return (example.reference for example in CharCorpus(corpus, limit=limit)(nlp))


def predict_golds(nlp: Language, golds: Iterable[Doc]) -> Iterator[tuple[Doc, Doc]]:
    """Run a pipeline over the texts of gold documents.

    nlp (Language): The pipeline.
    golds (Iterable[Doc]): Gold documents.
    YIELDS (tuple[Doc, Doc]): Gold and predicted document.
    """
    for predicted, gold in nlp.pipe(((gold.text, gold) for gold in golds), as_tuples=True):
        yield gold, predicted


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


class Compared(NamedTuple):
    """One document: its text, the gold entities, and those predicted of which the gold says whether they are right."""

    text: str
    expected: frozenset[Entity]
    found: frozenset[Entity]

    @property
    def is_right(self) -> bool:
        """Whether every entity was found, and nothing else."""
        return self.expected == self.found

    def surface(self, entity: Entity) -> str:
        """The characters of an entity."""
        return self.text[entity.start : entity.end]


def compare(pairs: Iterable[tuple[Doc, Doc]]) -> list[Compared]:
    """Bring documents to sets of entities, by character.

    pairs (Iterable[tuple[Doc, Doc]]): Gold and predicted documents of the same text.
    RETURNS (list[Compared]): One a pair, in order; a document without gold annotation has no entity in it.
    """
    return [
        Compared(gold.text, frozenset(doc_entities(gold)), frozenset(known_entities(gold, predicted)))
        for gold, predicted in pairs
    ]
