"""Run a pipeline over gold documents, and compare gold and predicted entities by character."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from spacy.language import Language
from spacy.tokens import Doc, Span

from ..components.chain_gold import gold_spans
from ..entities import Entity
from ..errors import CorpusError, Errors, PipelineError
from ..training.char_corpus import CharCorpus
from .label_maps import LabelMap

SPLITS = ("train.spacy", "dev.spacy", "test.spacy")


class ComparedDoc(NamedTuple):
    """The gold and predicted entities of one text, with offsets in characters.

    text (str): The text.
    expected (frozenset[Entity]): Gold entities; empty for a document without annotations.
    found (frozenset[Entity]): Predicted entities. An entity with a character in unannotated text is left out: whether
        it is right is unknown.
    """

    text: str
    expected: frozenset[Entity]
    found: frozenset[Entity]

    @property
    def is_right(self) -> bool:
        """True if the predicted entities equal the gold entities in boundaries and labels."""
        return self.expected == self.found

    def surface(self, entity: Entity) -> str:
        """Return the text of an entity of this document."""
        return self.text[entity.start : entity.end]


def read_golds(nlp: Language, corpus: Path, *, limit: int = 0) -> Iterator[Doc]:
    """Read the gold documents of a corpus.

    nlp (Language): The pipeline whose tokenizer and vocabulary are used.
    corpus (Path): A `.spacy` file, or a folder with `.spacy` files of one split.
    limit (int): Largest number of documents; 0 for all.
    RETURNS (Iterator[Doc]): The gold documents.
    RAISES (CorpusError): For a file that is missing or has another format, and for a folder that holds several splits
        (train, dev, test).
    """
    splits = [name for name in SPLITS if (corpus / name).exists()]
    if len(splits) > 1:
        raise CorpusError(Errors.ZT732.format(path=corpus, splits=", ".join(splits)))
    return (example.reference for example in CharCorpus(corpus, limit=limit)(nlp))


def predict_golds(nlp: Language, golds: Iterable[Doc], label_map: LabelMap | None = None) -> Iterator[tuple[Doc, Doc]]:
    """Run a pipeline over the texts of gold documents.

    nlp (Language): The pipeline.
    golds (Iterable[Doc]): Gold documents.
    label_map (Optional[LabelMap]): Replaces the labels of predicted entities by the labels to compare, and removes
        entities that have none. None leaves the predictions as they are.
    YIELDS (tuple[Doc, Doc]): The given gold document, and a new document with the predictions; in order.
    """
    for predicted, gold in nlp.pipe(((gold.text, gold) for gold in golds), as_tuples=True):
        yield gold, predicted if label_map is None else label_map.relabel(predicted)


def predict_pairs(nlp: Language, corpus: Path, *, limit: int = 0) -> Iterator[tuple[Doc, Doc]]:
    """Read the gold documents of a corpus, and run a pipeline over their texts.

    nlp (Language): The pipeline, whose tokenizer and vocabulary the gold documents get.
    corpus (Path): A `.spacy` file, or a folder with `.spacy` files of one split.
    limit (int): Largest number of documents; 0 for all.
    RETURNS (Iterator[tuple[Doc, Doc]]): Gold and predicted document, in order.
    RAISES (CorpusError): If the corpus is missing, has another format, or is a folder that holds several splits.
    """
    return predict_golds(nlp, read_golds(nlp, corpus, limit=limit))


def compare(pairs: Iterable[tuple[Doc, Doc]], spans_key: str = "") -> list[ComparedDoc]:
    """Collect gold and predicted entities by character offsets; the documents may be tokenized differently.

    pairs (Iterable[tuple[Doc, Doc]]): Gold and predicted documents of the same text.
    spans_key (str): Key of the entities in `doc.spans`, which may overlap; empty for `doc.ents`.
    RETURNS (list[ComparedDoc]): One per pair, in order.
    RAISES (PipelineError): If a predicted document has no spans of this key.
    """
    return [
        compare_with(gold, map(entity_of, predicted_spans(predicted, spans_key)), spans_key)
        for gold, predicted in pairs
    ]


def compare_with(gold: Doc, entities: Iterable[Entity], spans_key: str = "") -> ComparedDoc:
    """Collect gold and predicted entities of a document.

    gold (Doc): The gold document.
    entities (Iterable[Entity]): Predicted entities with offsets in characters.
    spans_key (str): Key of the gold entities in `doc.spans`; empty for `doc.ents`.
    RETURNS (ComparedDoc): All gold entities, and the predicted entities without a character in unannotated text.
    """
    annotated = _annotated_characters(gold, spans_key)
    found = (entity for entity in entities if annotated[entity.start : entity.end].all())
    return ComparedDoc(gold.text, frozenset(map(entity_of, gold_spans(gold, spans_key))), frozenset(found))


def predicted_spans(predicted: Doc, spans_key: str) -> list[Span]:
    """Return the predicted entities of a document: those of `doc.spans[spans_key]`, or of `doc.ents` for an empty key.

    RAISES (PipelineError): If the pipeline has written no spans of this key.
    """
    if spans_key and spans_key not in predicted.spans:
        raise PipelineError(Errors.ZT803.format(key=spans_key, keys=", ".join(predicted.spans) or "none"))
    return gold_spans(predicted, spans_key)


def entity_of(ent: Span) -> Entity:
    """Convert a span to an entity with character offsets."""
    return Entity(ent.start_char, ent.end_char, ent.label_)


def _annotated_characters(gold: Doc, spans_key: str) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Return a (n_characters,) mask that is False for characters in unannotated text, and True for all others.

    A token is unannotated if its `ent_iob` is 0. But a document that has `doc.spans[spans_key]`, and no annotation of
    `doc.ents`, is annotated completely.
    """
    annotated = np.ones(len(gold.text), dtype=bool)
    if spans_key in gold.spans and not gold.has_annotation("ENT_IOB"):
        return annotated
    for token in gold:  # in documents without annotations, every `ent_iob` is 0
        annotated[token.idx : token.idx + len(token)] = token.ent_iob != 0
    return annotated
