"""Run a pipeline over gold documents, and compare gold and predicted entities by character."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from spacy.language import Language
from spacy.tokens import Doc, Span

from ..entities import Entity
from ..errors import CorpusError, Errors
from ..training.char_corpus import CharCorpus
from .label_maps import LabelMap

SPLITS = ("train.spacy", "dev.spacy", "test.spacy")


class ComparedDoc(NamedTuple):
    """The gold and predicted entities of one text, with offsets in characters.

    text (str): The text.
    expected (frozenset[Entity]): Gold entities; none in a document without annotation.
    found (frozenset[Entity]): Predicted entities, without those in characters that the gold leaves unannotated.
    """

    text: str
    expected: frozenset[Entity]
    found: frozenset[Entity]

    @property
    def is_right(self) -> bool:
        """Return whether every entity was found, and nothing else."""
        return self.expected == self.found

    def surface(self, entity: Entity) -> str:
        """Return the characters of an entity."""
        return self.text[entity.start : entity.end]


def read_golds(nlp: Language, corpus: Path, *, limit: int = 0) -> Iterator[Doc]:
    """Read the gold documents of a corpus.

    nlp (Language): The pipeline, for its tokenizer and vocabulary.
    corpus (Path): A `.spacy` file, or a folder with the parts of one.
    limit (int): Number of documents; 0 for all.
    RETURNS (Iterator[Doc]): The documents.
    RAISES (CorpusError): For a file that is missing or holds something else, and for a folder with several splits,
        which would be read as one.
    """
    splits = [name for name in SPLITS if (corpus / name).exists()]
    if len(splits) > 1:
        raise CorpusError(Errors.ZT732.format(path=corpus, splits=", ".join(splits)))
    return (example.reference for example in CharCorpus(corpus, limit=limit)(nlp))


def predict_golds(nlp: Language, golds: Iterable[Doc], label_map: LabelMap | None = None) -> Iterator[tuple[Doc, Doc]]:
    """Run a pipeline over the texts of gold documents.

    nlp (Language): The pipeline.
    golds (Iterable[Doc]): Gold documents.
    label_map (Optional[LabelMap]): Gives predicted entities the labels of the gold documents.
    YIELDS (tuple[Doc, Doc]): Gold and predicted document.
    """
    for predicted, gold in nlp.pipe(((gold.text, gold) for gold in golds), as_tuples=True):
        yield gold, predicted if label_map is None else label_map.relabel(predicted)


def predict_pairs(nlp: Language, corpus: Path, *, limit: int = 0) -> Iterator[tuple[Doc, Doc]]:
    """Run a pipeline over the texts of a corpus; see `read_golds` and `predict_golds`."""
    return predict_golds(nlp, read_golds(nlp, corpus, limit=limit))


def compare(pairs: Iterable[tuple[Doc, Doc]]) -> list[ComparedDoc]:
    """Compare documents, which may be tokenized differently.

    pairs (Iterable[tuple[Doc, Doc]]): Gold and predicted documents of the same text.
    RETURNS (list[ComparedDoc]): One per pair, in order.
    """
    compared = []
    for gold, predicted in pairs:
        annotated = _annotated_characters(gold)
        found = (entity for entity in map(entity_of, predicted.ents) if annotated[entity.start : entity.end].all())
        compared.append(ComparedDoc(gold.text, frozenset(map(entity_of, gold.ents)), frozenset(found)))
    return compared


def entity_of(ent: Span) -> Entity:
    """Return an entity with offsets in characters."""
    return Entity(ent.start_char, ent.end_char, ent.label_)


def _annotated_characters(gold: Doc) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    annotated = np.ones(len(gold.text), dtype=bool)
    for token in gold:  # also in documents without any annotation, where every `ent_iob` is 0
        annotated[token.idx : token.idx + len(token)] = token.ent_iob != 0
    return annotated
