"""Warnings of a recognizer, each given once: wrong pipelines and documents, unusable gold, unknown labels."""

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


class GoldWarnings:
    """Warn once of entities with white space at the edges, and once of each unknown label."""

    def __init__(self) -> None:
        self._reported: set[str] = set()
        self._reported_white_space = False

    def warn(self, problems: GoldProblems, name: str, labels: Sequence[str]) -> None:
        """Warn of the problems of a batch.

        problems (GoldProblems): What was found.
        name (str), labels (Sequence[str]): Of the component.
        """
        messages = []
        if problems.n_unusable:
            messages.append(Warnings.ZT902.format(n=problems.n_unusable, text=problems.first_unusable))
        if problems.n_trimmed and not self._reported_white_space:
            self._reported_white_space = True
            messages.append(Warnings.ZT903.format(n=problems.n_trimmed, text=problems.first_trimmed))
        messages.append(self.unknown_labels(problems.labels, name, labels) or "")
        for message in filter(None, messages):
            warnings.warn(message, stacklevel=4)

    def unknown_labels(self, counts: Mapping[str, int], name: str, labels: Sequence[str]) -> str | None:
        """Return a warning about labels that a component does not have.

        counts (Mapping[str, int]): Gold entities by label.
        name (str), labels (Sequence[str]): Of the component.
        RETURNS (Optional[str]): The warning, the most frequent labels first; None if there is nothing new to report.
        """
        known = {"", *labels, *self._reported}
        unknown = Counter({label: n for label, n in counts.items() if label not in known})
        if not unknown:
            return None
        self._reported |= set(unknown)
        listed = ", ".join(f"{label} ({n:,})" for label, n in unknown.most_common())
        return Warnings.ZT904.format(
            name=name, n=f"{unknown.total():,}", labels=listed, known=", ".join(labels) or "none"
        )
