"""Find sentences that occur more than once, including copies in full-width, half-width or Simplified characters."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import NamedTuple
from unicodedata import normalize

from ..tokenization.conversion import ScriptConverter
from ..tokenization.folds import VARIANTS
from .formats.docbin import Sentence


class Place(NamedTuple):
    """Location of a sentence: its split, and its origin (file and line)."""

    split: str
    origin: str


class Duplicate(NamedTuple):
    """A sentence that occurs more than once.

    how: The largest difference of two copies. "same": none. "width": full-width and half-width characters, so that the
        copies are equal after NFKC. "script": Traditional and Simplified characters, or variants such as 台 and 臺.
    places: The locations of all copies.
    """

    how: str
    places: tuple[Place, ...]

    @property
    def across(self) -> bool:
        """True if the copies are in more than one split. If train and test share sentences, scores are too high."""
        return len({place.split for place in self.places}) > 1


def find_duplicates(splits: Mapping[str, Iterable[Sentence]]) -> list[Duplicate]:
    """Find sentences that are equal except for full or half width, variants (臺 and 台), and script (國 and 国).

    splits (Mapping[str, Iterable[Sentence]]): Name of each split → its sentences. Only their texts are compared.
    RETURNS (list[Duplicate]): One per group of two or more equal sentences, in the order of their first locations.
    """
    to_simplified = ScriptConverter("t2s")
    variants = str.maketrans(VARIANTS)
    groups: dict[str, list[tuple[str, Place]]] = defaultdict(list)
    for split, sentences in splits.items():
        for sentence in sentences:
            folded = to_simplified(normalize("NFKC", sentence.text).translate(variants))
            groups[folded].append((sentence.text, Place(split, sentence.origin)))
    found = []
    for group in groups.values():
        if len(group) > 1:
            texts = {text for text, _ in group}
            wide = {normalize("NFKC", text) for text in texts}
            how = "same" if len(texts) == 1 else "width" if len(wide) == 1 else "script"
            found.append(Duplicate(how, tuple(place for _, place in group)))
    return found
