"""Corpus reader: texts without annotation → Examples, for components that need none."""

import random
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path

from spacy.language import Language
from spacy.training import Example

from ..errors import Errors, SettingError
from .unlabelled_texts import UnlabelledTexts

HELD_OUT_EVERY, MAX_HELD_OUT = 50, 200  # every 50th text is held out, and at most 200 texts
BUFFER = 4096  # texts that are shuffled together
PARTS = ("train", "dev")


class UnlabelledCorpus:
    """Corpus reader of unlabelled texts. Every 50th text, up to 200 texts in all, is held out for evaluation.

    path (Path): A .txt file (one text per line), a .jsonl or .spacy file, or a folder of such files. Annotation is not
        read. Texts of more than 256 characters are cut into parts.
    text_field (str): Field of the text in .jsonl files.
    part (str): "train", or "dev" for the texts that are held out.
    shuffle (bool): Shuffle every BUFFER texts that follow one another.
    RAISES (SettingError): If `part` is neither "train" nor "dev".
    """

    def __init__(self, path: Path, *, text_field: str = "text", part: str = "train", shuffle: bool = False) -> None:
        if part not in PARTS:
            raise SettingError(Errors.ZT112.format(name="part", value=part, remedy=f"Give one of {', '.join(PARTS)}."))
        self._texts = UnlabelledTexts(Path(path), text_field)
        self._part, self._shuffle = part, shuffle

    def __call__(self, nlp: Language) -> Iterator[Example]:
        """Read the texts of the part once.

        nlp (Language): The pipeline, which tokenizes the texts.
        YIELDS (Example): A text, whose predicted and reference documents have no annotation.
        RAISES (CorpusError): If a file cannot be read, or there is no text.
        """
        texts = (text for i, text in enumerate(self._texts) if is_held_out(i) == (self._part == "dev"))
        while chunk := list(islice(texts, BUFFER)):
            if self._shuffle:
                random.shuffle(chunk)
            for text in chunk:
                yield Example(nlp.make_doc(text), nlp.make_doc(text))


def is_held_out(index: int) -> bool:
    """Return whether the text with this index, from 0, is held out for evaluation."""
    return index % HELD_OUT_EVERY == 0 and index < HELD_OUT_EVERY * MAX_HELD_OUT


def create_unlabelled_corpus_v1(
    path: Path, text_field: str = "text", part: str = "train", shuffle: bool = False
) -> Callable[[Language], Iterable[Example]]:
    """Registered as `spacy-zh-tw-ner.UnlabelledCorpus.v1`: texts for components that learn without annotation.

    Every 50th text, up to 200 texts in all, is held out for evaluation.

    path (Path): A .txt file (one text per line), a .jsonl or .spacy file, or a folder of such files. Annotation is not
        read. Texts of more than 256 characters are cut into parts.
    text_field (str): Field of the text in .jsonl files.
    part (str): "train", or "dev" for the texts that are held out.
    shuffle (bool): Shuffle every 4,096 texts that follow one another.
    RETURNS (Callable): The corpus reader: pipeline → Examples.
    """
    return UnlabelledCorpus(path, text_field=text_field, part=part, shuffle=shuffle)
