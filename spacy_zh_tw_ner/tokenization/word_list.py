"""Find the words of a word list in texts."""

from bisect import insort
from collections.abc import Iterable, Iterator, Mapping
from typing import Generic, NamedTuple, TypeVar

from ..entities import Entity
from ..errors import (
    Errors,
    SettingError,
)
from .folds import fold_table, lower

DEFAULT_BONUS = 2.0
LONGEST_PREFIX = 8
ValueT = TypeVar("ValueT")


class WordIndex(Generic[ValueT]):
    """Dictionary of words that finds all their occurrences in a text.

    It is created empty, and `index[word] = value` adds a word. Values must not be None.

    For each position of a text, the search extends a prefix by one character at a time, as long as a word begins with
    this prefix. Prefixes of up to LONGEST_PREFIX characters are stored: storing all prefixes of long words would take
    memory in proportion to the square of their length. Longer words are looked up by their first LONGEST_PREFIX
    characters and their length.
    """

    def __init__(self) -> None:
        self._entries: dict[str, ValueT | None] = {}  # word → value; prefix that is not a word → None
        self._long: dict[str, list[int]] = {}  # prefix of LONGEST_PREFIX characters → lengths of longer words

    def get(self, word: str) -> ValueT | None:
        """Return the value that was stored for a word with `index[word] = value`; None if there is none."""
        return self._entries.get(word)

    def __setitem__(self, word: str, value: ValueT) -> None:
        for end in range(1, min(len(word), LONGEST_PREFIX + 1)):
            self._entries.setdefault(word[:end])
        if len(word) > LONGEST_PREFIX:
            lengths = self._long.setdefault(word[:LONGEST_PREFIX], [])
            if len(word) not in lengths:
                insort(lengths, len(word))
        self._entries[word] = value

    def find(self, text: str) -> Iterator[tuple[int, int, ValueT]]:
        """Find all occurrences of words, including those that overlap.

        text (str): The text.
        YIELDS (tuple[int, int, ValueT]): Start, end (exclusive) and value, sorted by start, then length.
        """
        entries, n_chars = self._entries, len(text)
        for start, char in enumerate(text):
            prefix, end = char, start + 1
            while prefix in entries:
                value = entries[prefix]
                if value is not None:
                    yield start, end, value
                if end == n_chars:
                    break
                if end - start == LONGEST_PREFIX:
                    yield from self._find_long(text, start)
                    break
                end += 1
                prefix = text[start:end]

    def _find_long(self, text: str, start: int) -> Iterator[tuple[int, int, ValueT]]:
        """Yield start, end (exclusive) and value of the words of more than LONGEST_PREFIX characters at `start`."""
        for length in self._long.get(text[start : start + LONGEST_PREFIX], ()):
            value = self._entries.get(text[start : start + length]) if start + length <= len(text) else None
            if value is not None:
                yield start, start + length, value

    def find_whole(self, text: str) -> Iterator[tuple[int, int, ValueT]]:
        """Find all occurrences of words, except inside a sequence of Latin letters or digits, such as AI in "Haiti".

        text (str): The text.
        YIELDS (tuple[int, int, ValueT]): Start, end (exclusive) and value, sorted by start, then length.
        """
        for start, end, value in self.find(text):
            # Only a word that begins or ends with an ASCII character can be inside such a sequence.
            if not (text[start].isascii() or text[end - 1].isascii()) or not _cuts_latin_word(text, start, end):
                yield start, end, value


def _cuts_latin_word(text: str, start: int, end: int) -> bool:
    """Return whether the start or end of a span is inside a Latin word: between two ASCII letters or digits."""
    pairs = (text[max(0, start - 1) : start + 1], text[end - 1 : end + 1])
    return any(len(pair) == 2 and pair.isascii() and pair.isalnum() for pair in pairs)


class _Folds(dict[int, str]):
    """Table for `str.translate`: code point → its folded character, 臺 → 台, Ａ and A → a."""

    def __missing__(self, code: int) -> str:
        return self.setdefault(code, lower(chr(code)))


class Hints(NamedTuple):
    """Probable entities of a text, from a source other than the model, such as a gazetteer.

    places (tuple[Entity, ...]): The entities, with offsets in characters; they may overlap.
    bonus (float): Number that is added to one emission of each token of these entities: the emission of the tag that
        the token has in the entity. As emissions are logarithms, it raises the log-odds of the entity.
    override (bool): False only adds `bonus`. True makes the places entities instead, whatever the model predicts; of
        places that overlap, the longer is kept.
    """

    places: tuple[Entity, ...]
    bonus: float = DEFAULT_BONUS
    override: bool = False


class WordList:
    """Words by label. They are found in any spelling: 臺 or 台, full or half width, upper or lower case.

    words (Mapping[str, Iterable[str]]): Label → words.
    RAISES (ZhTwNerError): If a label or word is empty or not a string, or a word begins or ends with white space.
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
        RAISES (ZhTwNerError): If the label or a word is empty or not a string, or a word begins or ends with white
            space.
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
        """Find all occurrences of words, except inside a sequence of Latin letters or digits, such as AI in "Haiti".

        text (str): The text.
        YIELDS (Entity): Each occurrence, with offsets in characters, once for each label of the word.
        """
        for start, end, labels in self._index.find_whole(text.translate(self._folds)):
            for label in labels:
                yield Entity(start, end, label)
