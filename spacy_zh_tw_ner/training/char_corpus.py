"""Corpus reader: `.spacy` files → Examples whose predicted documents have the tokens of the pipeline's tokenizer."""

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
    """Corpus reader that pairs each gold document with the same text, tokenized by the pipeline.

    The tokens of the gold document may differ from those of the pipeline: spaCy aligns both documents by character. The
    norms of the tokens are those that the pipeline sets at inference.

    path (Path): A `.spacy` file, or a folder of several. One file at a time is in memory.
    limit (int): Largest number of documents; 0 for all.
    shuffle (bool): Shuffle the files, and the documents within each file, in every pass. Python's random number
        generator is used, which spaCy seeds.
    augmenter (Callable): Function (pipeline, Example) → iterator of one or more Examples to train on instead.
    """

    def __init__(
        self, path: Path, *, limit: int = 0, shuffle: bool = False, augmenter: AugmenterT = dont_augment
    ) -> None:
        self.path = Path(path)
        self.limit = limit
        self.shuffle = shuffle
        self.augmenter = augmenter

    def __call__(self, nlp: Language) -> Iterator[Example]:
        """Read the corpus once.

        nlp (Language): The pipeline, which tokenizes the texts.
        YIELDS (Example): The examples that the augmenter yields for each document that is not empty.
        RAISES (CorpusError): If a file is missing or is not a `.spacy` file, or if there is no document with text.
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
    """Read gold documents with the tokens stored in the file.

    path (Path): A `.spacy` file, or a folder of several.
    vocab (Vocab): The vocabulary of the pipeline.
    YIELDS (Doc): Each document that is not empty.
    RAISES (CorpusError): If a file is missing or is not a `.spacy` file.
    """
    for file in spacy_files(path):
        yield from filter(len, read_docbin(file).get_docs(vocab))


def read_docbin(path: Path) -> DocBin:
    """Read and check a `.spacy` file.

    path (Path): The file.
    RETURNS (DocBin): The documents of the file.
    RAISES (CorpusError): If the file is missing or is not a `.spacy` file.
    """
    if path.is_dir():
        raise CorpusError(Errors.ZT730.format(path=path))
    if not path.is_file():
        raise CorpusError(
            Errors.ZT202.format(
                path=path, remedy="Write it with `python -m spacy zh-tw-ner convert`, or correct [paths] in the config."
            )
        )
    return CheckedDocBin(path).from_disk(path)


def create_char_corpus_v1(
    path: Path, limit: int = 0, shuffle: bool = False, augmenter: AugmenterT | None = None
) -> Callable[[Language], Iterable[Example]]:
    """Registered as `spacy-zh-tw-ner.CharCorpus.v1`: read `.spacy` files, tokenized again by the pipeline.

    path (Path): A `.spacy` file, or a folder of several. One file at a time is in memory.
    limit (int): Largest number of documents; 0 for all.
    shuffle (bool): Shuffle the files, and the documents within each file, in every pass. Python's random number
        generator is used, which spaCy seeds.
    augmenter (Optional[Callable]): Yields one or more examples for each example; null for no augmentation.
    RETURNS (Callable): The corpus reader: pipeline → Examples.
    """
    return CharCorpus(path, limit=limit, shuffle=shuffle, augmenter=augmenter or dont_augment)
