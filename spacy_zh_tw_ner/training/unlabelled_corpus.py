"""Corpus reader: texts without annotation → Examples, for components that need none."""

import random
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path

from spacy.language import Language
from spacy.training import Example

from ..errors import CorpusError, Errors
from ..transformer.settings import require_choice
from .unlabelled_texts import UnlabelledTexts

EVERY, MAX_HELD_OUT = 50, 200  # the first of every 50 texts is held out, and at most 200 texts
BLOCK = 4096  # texts that are shuffled together
SPLITS = ("train", "dev")


class UnlabelledCorpus:
    """Corpus reader of unlabelled texts; `create_unlabelled_corpus_v1` describes the settings.

    RAISES (SettingError): If `split` is neither "train" nor "dev".
    """

    def __init__(self, path: Path, *, text_field: str = "text", split: str = "train", shuffle: bool = False) -> None:
        require_choice("split", split, SPLITS)
        self._texts = UnlabelledTexts(Path(path), text_field)
        self._split, self._shuffle = split, shuffle

    def __call__(self, nlp: Language) -> Iterator[Example]:
        """Read the texts of the split once.

        nlp (Language): The pipeline, which tokenizes the texts.
        YIELDS (Example): A text; neither its predicted nor its reference document has annotation.
        RAISES (CorpusError): If a file cannot be read, or the split has no text.
        """
        is_dev, n_read, n_kept = self._split == "dev", 0, 0
        # No later text is held out.
        texts = islice(self._texts, EVERY * MAX_HELD_OUT if is_dev else None)
        while texts_read := list(islice(texts, BLOCK)):
            block = [text for i, text in enumerate(texts_read, start=n_read) if is_held_out(i) == is_dev]
            n_read, n_kept = n_read + len(texts_read), n_kept + len(block)
            if self._shuffle:
                random.shuffle(block)
            for text in block:
                doc = nlp.make_doc(text)
                yield Example(doc, doc.copy())
        if not n_kept:
            raise CorpusError(Errors.ZT299.format(path=self._texts.path, n=n_read, every=EVERY))


def is_held_out(index: int) -> bool:
    """Return whether the text with this index, from 0, is held out for evaluation."""
    return index % EVERY == 0 and index < EVERY * MAX_HELD_OUT


def create_unlabelled_corpus_v1(
    path: Path, text_field: str = "text", split: str = "train", shuffle: bool = False
) -> Callable[[Language], Iterable[Example]]:
    """Registered as `spacy-zh-tw-ner.UnlabelledCorpus.v1`: texts for components that learn without annotation.

    The first of every 50 texts, up to 200 texts, is held out for evaluation. Texts are read from the beginning, files
    of a folder in the order of their names; annotation in them is not used.

    path (Path): A .txt file (one text per line), a .jsonl or .spacy file, or a folder of such files. Texts of more than
        256 characters are cut first, and their parts count as texts.
    text_field (str): Field of the text in .jsonl files.
    split (str): "train", or "dev" for the texts that are held out.
    shuffle (bool): Shuffle the texts within each block of 4,096.
    RETURNS (Callable): The corpus reader: pipeline → Examples.
    """
    return UnlabelledCorpus(path, text_field=text_field, split=split, shuffle=shuffle)
