"""Read `.spacy` files as Examples on the pipeline's own tokens."""

import random
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import TypeAlias

from spacy.language import Language
from spacy.tokens import Doc, DocBin
from spacy.training import Example
from spacy.training.augment import dont_augment
from spacy.vocab import Vocab

from ..errors import CorpusError, Errors
from ..untrusted.docbins import CheckedDocBin, spacy_files

AugmenterT: TypeAlias = Callable[[Language, Example], Iterator[Example]]


class CharCorpus:
    """Gold documents, paired with the same text on the tokens of the pipeline's own tokenizer.

    spaCy aligns the two by character, so that a corpus may be tokenized in another way, and the tokens' norms are those
    that the pipeline will see in use.

    path (Path): A `.spacy` file, or a folder of several, of which one at a time is held in memory.
    limit (int): Number of documents to read; 0 for all.
    shuffle (bool): Yield them in another order each time, drawn from Python's random numbers, which spaCy seeds;
        several files are shuffled one by one.
    augmenter (Callable): Yields one or more examples for each.
    """

    def __init__(
        self, path: Path, *, limit: int = 0, shuffle: bool = False, augmenter: AugmenterT = dont_augment
    ) -> None:
        self.path = Path(path)
        self.limit = limit
        self.shuffle = shuffle
        self.augmenter = augmenter

    def __call__(self, nlp: Language) -> Iterator[Example]:
        """Yield the examples.

        nlp (Language): The pipeline.
        YIELDS (Example): The examples that the augmenter yields for each document.
        RAISES (CorpusError): For a file that is missing, is no `.spacy` file, or holds no text.
        """
        files = spacy_files(self.path)
        if self.shuffle:
            random.shuffle(files)
        n_read = 0
        for file in files:
            golds = filter(len, read_docbin(file).get_docs(nlp.vocab))
            docs = list(islice(golds, self.limit - n_read if self.limit else None))
            n_read += len(docs)
            if self.shuffle:
                random.shuffle(docs)
            for gold in docs:
                yield from self.augmenter(nlp, Example(nlp.make_doc(gold.text), gold))
            if self.limit and n_read == self.limit:
                return
        if not n_read:
            raise CorpusError(Errors.ZT203.format(path=self.path))


def read_gold_docs(path: Path, vocab: Vocab) -> Iterator[Doc]:
    """Read gold documents with the tokens of their annotation.

    path (Path): A `.spacy` file, or a folder of several.
    vocab (Vocab): Of the pipeline.
    YIELDS (Doc): Each document that is not empty.
    RAISES (CorpusError): As `read_docbin`.
    """
    for file in spacy_files(path):
        yield from filter(len, read_docbin(file).get_docs(vocab))


def read_docbin(path: Path) -> DocBin:
    """Read a `.spacy` file.

    path (Path): The file.
    RETURNS (DocBin): Its documents.
    RAISES (CorpusError): For a file that is missing, or holds something else.
    """
    if path.is_dir():
        raise CorpusError(Errors.ZT730.format(path=path))
    if not path.is_file():
        raise CorpusError(
            Errors.ZT202.format(
                path=path, remedy="Make it with `python -m spacy zh-tw-ner convert`, or correct [paths] in the config."
            )
        )
    return CheckedDocBin(path).from_disk(path)


def create_char_corpus_v1(
    path: Path, limit: int = 0, shuffle: bool = False, augmenter: AugmenterT | None = None
) -> Callable[[Language], Iterable[Example]]:
    """Registered as `spacy-zh-tw-ner.CharCorpus.v1`: gold documents on the tokens of the pipeline.

    The settings are those of `CharCorpus`.
    """
    return CharCorpus(path, limit=limit, shuffle=shuffle, augmenter=augmenter or dont_augment)
