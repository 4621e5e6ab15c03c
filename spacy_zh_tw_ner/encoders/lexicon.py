"""Word lists, and matches of their words in a text.

Chinese writes no borders between words, and where one begins or ends is half of what an entity is. A list of words says
where that may be. The classes are B, M and E of Ma et al. 2020, "Simplify the Usage of Lexicon in Chinese NER"
(https://aclanthology.org/2020.acl-main.528/), here one of each for every length.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import srsly
from thinc.api import deserialize_attr, serialize_attr
from thinc.model import Model

from ..errors import Errors
from ..untrusted import parse_msgpack, require, require_type

LONGEST = 5  # tokens, from which on all words are of one class
N_LENGTHS = LONGEST - 1  # words of 2, 3, 4, and 5 tokens or more; one token says itself what it is
MOST_CHARACTERS = 10**8  # squares of the lengths of all words, added up; a dictionary of 350,000 words has 3 · 10**6
N_CLASSES = 3 * N_LENGTHS  # a token may begin, continue or end a word
PlacesT: TypeAlias = npt.NDArray[np.float32]


class Lexicon:
    """Several lists of words, to be found in what norms give.

    lists (Iterable[Iterable[str]]): The words of each list, as norms: lower case, and 台 for 臺 where the pipeline
        folds it.
    """

    def __init__(self, lists: Iterable[Iterable[str]] = ()) -> None:
        self.lists = [sorted(set(words)) for words in lists]
        # Every beginning of a word → the lists in which it is a whole one, a bit each. From what is not here no word
        # goes on.
        self._found: dict[str, int] = {}
        for index, words in enumerate(self.lists):
            for word in words:
                for end in range(1, len(word)):
                    self._found.setdefault(word[:end], 0)
                self._found[word] = self._found.get(word, 0) | 1 << index

    @property
    def longest(self) -> int:
        """Characters of the longest word, which is no more tokens than that; 0 without words."""
        return max((len(word) for words in self.lists for word in words), default=0)

    def places(self, norms: Sequence[str]) -> PlacesT:
        """Say of each token which classes it has: that it begins, continues or ends a word so long of that list.

        norms (Sequence[str]): (n_tokens,) of one text.
        RETURNS (PlacesT): (n_tokens, N_CLASSES * n_lists), 1 or 0. A list's classes stand together: those of words that
            begin, by length, then those of words that go on, then those of words that end.
        """
        places = np.zeros((len(norms), len(self.lists), 3, N_LENGTHS), dtype=np.float32)
        for start in range(len(norms)):
            word, end = norms[start], start + 1
            while word in self._found and end < len(norms):
                word += norms[end]
                end += 1
                if lists := self._found.get(word, 0):
                    length = min(end - start, LONGEST) - 2
                    for index in range(len(self.lists)):
                        if lists >> index & 1:
                            places[start, index, 0, length] = 1.0
                            places[start + 1 : end - 1, index, 1, length] = 1.0
                            places[end - 1, index, 2, length] = 1.0
        return places.reshape(len(norms), N_CLASSES * len(self.lists))


@serialize_attr.register(Lexicon)
def _to_bytes(_: Lexicon, value: Lexicon, name: str, model: Model) -> bytes:  # type: ignore[type-arg]
    data: bytes = srsly.msgpack_dumps(value.lists)
    return data


@deserialize_attr.register(Lexicon)
def _from_bytes(_: Lexicon, value: bytes, name: str, model: Model) -> Lexicon:  # type: ignore[type-arg]
    lists = require_type("lexicon", parse_msgpack(value), list)
    for words in lists:
        require_type("a list of the lexicon", words, list)
        for word in words:
            require_type("a word of the lexicon", word, str)
    # Every beginning of every word is kept: memory grows with the square of a word's length.
    n_characters = sum(len(word) ** 2 for words in lists for word in words)
    require(n_characters <= MOST_CHARACTERS, "lexicon", n_characters, "words of ordinary length")
    return Lexicon(lists)


def read_words(path: Path) -> list[str]:
    """Read a list of words, one a line. Empty lines do not count.

    path (Path): A text file in UTF-8, with or without a byte order mark.
    RETURNS (list[str]): The words of two characters or more.
    RAISES (ValueError): Where the file cannot be read, is no UTF-8, or has no such word.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ValueError(Errors.ZT556.format(path=path, reason=error.strerror)) from None
    except UnicodeDecodeError as error:
        raise ValueError(Errors.ZT557.format(path=path, byte=error.object[error.start], at=error.start)) from None
    # Tokens hold no single spaces between words: Taipei 101 is found as it is and as Taipei101.
    words = [word for line in text.splitlines() if len(word := line.strip().replace(" ", "")) > 1]
    if not words:
        raise ValueError(Errors.ZT558.format(path=path, n_lines=len(text.splitlines())))
    return words
