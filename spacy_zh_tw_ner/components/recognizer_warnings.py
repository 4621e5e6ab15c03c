"""Warnings of a recognizer about wrong tokens, unusable annotations and unknown labels; most are given only once."""

import re
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
from spacy.attrs import LENGTH  # type: ignore[import-not-found]
from spacy.language import Language
from spacy.tokens import Doc

from ..errors import Warnings
from ..tokenization.char_tokenizer import CharTokenizer
from .tag_masks import GoldProblems

LANG = "zh_tw"
TWO_IDEOGRAPHS = re.compile("[\u3400-\u9fff\U00020000-\U0003ffff]{2}")


class RecognizerWarnings:
    """Checks the input of one component, and gives warnings about it with `warnings.warn`.

    An instance gives each kind of warning once, and reports each unknown label once. Only the warning about annotations
    that cannot be used is given for every batch.

    name (str): Name of the component, which the messages mention.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._given: set[str] = set()
        self._reported_labels: set[str] = set()

    def check_pipeline(self, nlp: Language) -> None:
        """Warn, once, if a pipeline does not produce one token per character.

        It does if its language is `zh_tw`, or its tokenizer is a CharTokenizer.
        """
        if nlp.lang != LANG and not isinstance(nlp.tokenizer, CharTokenizer):
            self._warn_once("language", Warnings.ZT940.format(name=self._name, lang=nlp.lang))

    def check_docs(self, docs: Iterable[Doc]) -> None:
        """Warn, once, if a token has two adjacent Chinese characters, as in documents from a word segmenter."""
        for doc in docs:
            word = next(_words(doc), None)
            if word is None:
                continue
            # A bare `Vocab()` has no language.
            if doc.vocab.lang not in ("", LANG):
                self._warn_once("language", Warnings.ZT940.format(name=self._name, lang=doc.vocab.lang))
            elif "language" not in self._given:
                self._warn_once("words", Warnings.ZT941.format(name=self._name, word=word))

    def check_gold(self, problems: GoldProblems, labels: Sequence[str]) -> None:
        """Warn of gold annotations that cannot be used, that were trimmed, or whose labels the component does not have.

        problems (GoldProblems): Problems of a batch.
        labels (Sequence[str]): Labels of the component.
        """
        if problems.n_unusable:
            message = Warnings.ZT902.format(n=problems.n_unusable, text=problems.first_unusable)
            warnings.warn(message, stacklevel=4)
        if problems.n_trimmed:
            message = Warnings.ZT903.format(n=problems.n_trimmed, text=problems.first_trimmed)
            self._warn_once("white space", message, stacklevel=5)
        if problems.n_overlapping:
            message = Warnings.ZT801.format(n=problems.n_overlapping, name=self._name, text=problems.first_overlapping)
            self._warn_once("overlaps", message, stacklevel=5)
        self.check_labels(problems.labels, labels, stacklevel=5)

    def check_labels(self, counts: Mapping[str, int], labels: Sequence[str], *, stacklevel: int = 4) -> None:
        """Warn of gold labels that the component does not have, except those that were reported before.

        counts (Mapping[str, int]): Label → number of gold entities.
        labels (Sequence[str]): Labels of the component.
        stacklevel (int): Stack level of the warning, as in `warnings.warn`.
        """
        message = self.unknown_labels(counts, labels)
        if message is not None:
            warnings.warn(message, stacklevel=stacklevel)

    def unknown_labels(self, counts: Mapping[str, int], labels: Sequence[str]) -> str | None:
        """Return a warning that lists gold labels that the component does not have, the most frequent first.

        The listed labels then count as reported, and later calls leave them out. The caller gives the warning.

        counts (Mapping[str, int]): Label → number of gold entities.
        labels (Sequence[str]): Labels of the component.
        RETURNS (Optional[str]): The warning; None if there are no such labels, or all have been reported before.
        """
        ignored = {"", *labels, *self._reported_labels}
        unknown = Counter({label: n for label, n in counts.items() if label not in ignored})
        if not unknown:
            return None
        self._reported_labels |= set(unknown)
        listed = ", ".join(f"{label} ({n:,})" for label, n in unknown.most_common())
        return Warnings.ZT904.format(
            name=self._name, n=f"{unknown.total():,}", labels=listed, known=", ".join(labels) or "none"
        )

    def _warn_once(self, kind: str, message: str, *, stacklevel: int = 3) -> None:
        """Give a warning, unless one of the same kind was given before.

        kind (str): Any name, such as "language".
        message (str): The message.
        stacklevel (int): Stack level of the warning, as in `warnings.warn`.
        """
        if kind not in self._given:
            self._given.add(kind)
            warnings.warn(message, stacklevel=stacklevel)


def _words(doc: Doc) -> Iterator[str]:
    """Yield the texts of the tokens that have at least two adjacent Chinese characters."""
    # Tokens of several Latin letters or digits are allowed, see CharTokenizer's `group`.
    for index in np.flatnonzero(doc.to_array(LENGTH) > 1).tolist():
        word = doc[index].text
        if TWO_IDEOGRAPHS.search(word):
            yield word
