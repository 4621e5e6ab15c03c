"""Warn once where a recognizer is used on documents that it was not made for."""

import re
import warnings
from collections.abc import Iterable, Iterator

import numpy as np
from spacy.attrs import LENGTH  # type: ignore[import-not-found]
from spacy.language import Language
from spacy.tokens import Doc

from ..errors import Warnings
from ..tokenization.char_tokenizer import CharTokenizer

LANG = "zh_tw"
TWO_IDEOGRAPHS = re.compile("[\u3400-\u9fff\U00020000-\U0003ffff]{2}")


class MisuseWarnings:
    """Warnings of one component, each given once.

    name (str): Name of the component.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._given: set[str] = set()

    def check_pipeline(self, nlp: Language) -> None:
        """Warn if the tokenizer of the pipeline does not produce one token per character."""
        if nlp.lang != LANG and not isinstance(nlp.tokenizer, CharTokenizer):
            self._warn("language", Warnings.ZT940.format(name=self._name, lang=nlp.lang))

    def check_docs(self, docs: Iterable[Doc]) -> None:
        """Warn of documents of another language's pipeline, or whose tokens are words."""
        for doc in docs:
            word = next(_words(doc), None)
            if word is None:
                continue
            # An unset language is that of a bare `Vocab()`.
            if doc.vocab.lang not in ("", LANG):
                self._warn("language", Warnings.ZT940.format(name=self._name, lang=doc.vocab.lang))
            elif "language" not in self._given:
                self._warn("words", Warnings.ZT941.format(name=self._name, word=word))

    def _warn(self, kind: str, message: str) -> None:
        if kind not in self._given:
            self._given.add(kind)
            warnings.warn(message, stacklevel=2)


def _words(doc: Doc) -> Iterator[str]:
    # Runs of Latin letters and digits may be longer, see CharTokenizer's `group`.
    for index in np.flatnonzero(doc.to_array(LENGTH) > 1).tolist():
        word = doc[index].text
        if TWO_IDEOGRAPHS.search(word):
            yield word
