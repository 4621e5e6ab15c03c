"""Word lists by label, and where their words stand in a text, whichever way they are spelt."""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from ..entities import Entity
from ..errors import Errors
from .folds import fold_table, lower

DEFAULT_BONUS = 2.0


class _Folds(dict[int, str]):
    """Code point → what it is compared as: 臺 as 台, Ａ and A as a."""

    def __missing__(self, code: int) -> str:
        return self.setdefault(code, lower(chr(code)))


class Hints(NamedTuple):
    """What somebody else believes to be entities of a text.

    places (tuple[Entity, ...]): By character, also overlapping ones.
    bonus (float): What each of their tokens adds to the score of its tag, in log-odds.
    override (bool): They are entities, whatever the text says.
    """

    places: tuple[Entity, ...]
    bonus: float = DEFAULT_BONUS
    override: bool = False


class WordList:
    """Finds words: 臺 as 台, full width as half, capitals as small letters.

    words (Mapping[str, Iterable[str]]): Label → words.
    RAISES (ValueError): For words that `add` does not take.
    """

    def __init__(self, words: Mapping[str, Iterable[str]]) -> None:
        self.words: dict[str, list[str]] = {}
        self._folds = _Folds({ord(char): to for char, to in fold_table(["width", "variants"]).items()})
        self._labels: dict[str, list[str]] = {}  # folded word → labels
        self._lengths: dict[str, list[int]] = {}  # first character → lengths of its words
        for label, of_label in words.items():
            self.add(label, of_label)

    def add(self, label: str, words: Iterable[str]) -> None:
        """Add words of a label. A word may have several.

        label (str): The label.
        words (Iterable[str]): The words, of any length.
        RAISES (ValueError): For a label or word that is empty or no string, or white space at the edge of a word.
        """
        if not isinstance(label, str) or not label:
            raise ValueError(Errors.ZT107.format(value=label))
        if isinstance(words, str):
            raise ValueError(Errors.ZT362.format(label=label, value=words))
        for word in words:
            if not isinstance(word, str) or not word or word != word.strip():
                raise ValueError(Errors.ZT362.format(label=label, value=word))
            folded = word.translate(self._folds)
            labels = self._labels.setdefault(folded, [])
            if label not in labels:
                labels.append(label)
                self.words.setdefault(label, []).append(word)
            lengths = self._lengths.setdefault(folded[0], [])
            if len(folded) not in lengths:
                lengths.append(len(folded))

    def find(self, text: str) -> Iterator[Entity]:
        """Look for all words; they may overlap. No word is found inside a run of Latin letters or digits.

        text (str): The text.
        YIELDS (Entity): What was found, by character.
        """
        text = text.translate(self._folds)
        for start, char in enumerate(text):
            for length in self._lengths.get(char, ()):
                end = start + length
                labels = self._labels.get(text[start:end], ())
                if labels and not _inside_run(text, start) and not _inside_run(text, end):
                    for label in labels:
                        yield Entity(start, end, label)


def _inside_run(text: str, place: int) -> bool:
    """Whether a border lies between two Latin letters or digits, which would make AI of 'Haiti'."""
    around = text[place - 1 : place + 1] if place else ""
    return len(around) == 2 and around.isascii() and around.isalnum()
