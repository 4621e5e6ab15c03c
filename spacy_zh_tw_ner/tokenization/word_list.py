"""Find the words of dictionaries in texts."""

from bisect import insort
from collections.abc import Iterable, Iterator, Mapping
from typing import Generic, NamedTuple, TypeVar

from ..entities import Entity
from ..errors import Errors, SettingError
from .folds import fold_table, lower

DEFAULT_BONUS = 2.0
KEY_LENGTH = 2  # first characters of a word by which it is looked up
ValueT = TypeVar("ValueT")


class WordIndex(Generic[ValueT]):
    """Find all occurrences of words, each of which has a value.

    Words are indexed by their first two characters, so that one lookup rejects most positions of a text, and memory
    grows with the number of characters of all words.
    """

    def __init__(self) -> None:
        self._values: dict[str, ValueT] = {}
        self._lengths: dict[str, list[int]] = {}  # first characters → lengths of words that are longer, ascending

    def get(self, word: str) -> ValueT | None:
        """Return the value of a word, or None."""
        return self._values.get(word)

    def __setitem__(self, word: str, value: ValueT) -> None:
        if word not in self._values and len(word) >= KEY_LENGTH:
            lengths = self._lengths.setdefault(word[:KEY_LENGTH], [])
            if len(word) not in lengths:
                insort(lengths, len(word))
        if word:
            self._values[word] = value

    def find(self, text: str, *, whole_runs: bool = False) -> Iterator[tuple[int, int, ValueT]]:
        """Find all words, including words that overlap.

        text (str): The text.
        whole_runs (bool): Find no word that begins or ends inside a run of Latin letters or digits, such as AI in
            "Haiti".
        YIELDS (tuple[int, int, ValueT]): First character, end (exclusive) and value, sorted by position, then length.
        """
        values, lengths = self._values, self._lengths
        for start, char in enumerate(text):
            if char in values and not (whole_runs and (_inside_run(text, start) or _inside_run(text, start + 1))):
                yield start, start + 1, values[char]
            for length in lengths.get(text[start : start + KEY_LENGTH], ()):
                end = start + length
                if end > len(text):
                    break
                word = text[start:end]
                if word in values and not (whole_runs and (_inside_run(text, start) or _inside_run(text, end))):
                    yield start, end, values[word]


def _inside_run(text: str, place: int) -> bool:
    """Return whether the characters before and after a position are both Latin letters or digits."""
    around = text[place - 1 : place + 1] if place else ""
    return len(around) == 2 and around.isascii() and around.isalnum()


class _Folds(dict[int, str]):
    """Code point → the character it is compared as: 臺 as 台, Ａ and A as a."""

    def __missing__(self, code: int) -> str:
        return self.setdefault(code, lower(chr(code)))


class Hints(NamedTuple):
    """Probable entities of a text, from outside the model.

    places (tuple[Entity, ...]): By character; they may overlap.
    bonus (float): Added to the score of the tag of each of their tokens, in log-odds.
    override (bool): Whether they are entities regardless of the model.
    """

    places: tuple[Entity, ...]
    bonus: float = DEFAULT_BONUS
    override: bool = False


class WordList:
    """Words by label, found in any spelling: 臺 or 台, full or half width, upper or lower case.

    words (Mapping[str, Iterable[str]]): Label → words.
    RAISES (ValueError): As `add`.
    """

    def __init__(self, words: Mapping[str, Iterable[str]]) -> None:
        self.words: dict[str, list[str]] = {}
        self._folds = _Folds({ord(char): to for char, to in fold_table(["width", "variants"]).items()})
        self._index: WordIndex[list[str]] = WordIndex()  # folded word → labels
        for label, of_label in words.items():
            self.add(label, of_label)

    def add(self, label: str, words: Iterable[str]) -> None:
        """Add words of a label. A word may have several labels.

        label (str): The label.
        words (Iterable[str]): The words, of any length.
        RAISES (ValueError): If the label or a word is empty or not a string, or a word has white space at an edge.
        """
        if not isinstance(label, str) or not label:
            raise SettingError(Errors.ZT107.format(value=label))
        if isinstance(words, str):
            raise SettingError(Errors.ZT362.format(label=label, value=words))
        for word in words:
            if not isinstance(word, str) or not word or word != word.strip():
                raise SettingError(Errors.ZT362.format(label=label, value=word))
            folded = word.translate(self._folds)
            labels = self._index.get(folded)
            if labels is None:
                self._index[folded] = labels = []
            if label not in labels:
                labels.append(label)
                self.words.setdefault(label, []).append(word)

    def find(self, text: str) -> Iterator[Entity]:
        """Find all words, including words that overlap, but none inside a run of Latin letters or digits.

        text (str): The text.
        YIELDS (Entity): Each occurrence, by character, once for each label of the word.
        """
        for start, end, labels in self._index.find(text.translate(self._folds), whole_runs=True):
            for label in labels:
                yield Entity(start, end, label)
