"""Run a pipeline over gold documents."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from spacy.language import Language
from spacy.tokens import Doc

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
