"""A pipeline and a gold corpus → pairs of documents."""

from collections.abc import Iterator
from pathlib import Path

from spacy.language import Language
from spacy.tokens import Doc

from ..training.char_corpus import CharCorpus


def predict_pairs(nlp: Language, corpus: Path, *, limit: int = 0) -> Iterator[tuple[Doc, Doc]]:
    """Run a pipeline over the texts of a corpus.

    nlp (Language): The pipeline.
    corpus (Path): A `.spacy` file.
    limit (int): Number of documents; 0 for all.
    YIELDS (tuple[Doc, Doc]): Gold and predicted document.
    RAISES (CorpusError): For a file that is not there, or holds something else.
    """
    golds = (example.reference for example in CharCorpus(corpus, limit=limit)(nlp))
    for predicted, gold in nlp.pipe(((gold.text, gold) for gold in golds), as_tuples=True):
        yield gold, predicted
