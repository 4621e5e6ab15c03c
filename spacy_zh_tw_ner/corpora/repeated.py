"""Sentences that stand more than once, also in another width or script."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple
from unicodedata import normalize

from ..tokenization.conversion import ScriptConverter
from ..tokenization.folds import VARIANTS
from .sentences import Sentence

HOW = ("same", "width", "script")


class Place(NamedTuple):
    """Where a sentence stands."""

    split: str
    origin: str


class Repeated(NamedTuple):
    """how: "same" for the very same characters, "width" where NFKC is needed to see it, else "script"."""

    how: str
    places: tuple[Place, ...]

    @property
    def across(self) -> bool:
        """Whether it stands in more than one split, which flatters the scores."""
        return len({place.split for place in self.places}) > 1


def script_folder() -> Callable[[str], str]:
    """Make a function that brings 臺 and 台, Traditional and Simplified, and all widths to one form."""
    to_simplified = ScriptConverter("t2s")
    variants = str.maketrans(VARIANTS)
    return lambda text: to_simplified(normalize("NFKC", text).translate(variants))


def find_repeated(splits: Mapping[str, Iterable[Sentence]]) -> list[Repeated]:
    """Find sentences that are the same in some width and script.

    splits (Mapping[str, Iterable[Sentence]]): By name.
    RETURNS (list[Repeated]): In the order of their first places.
    """
    fold = script_folder()
    groups: dict[str, list[tuple[str, Place]]] = defaultdict(list)
    for split, sentences in splits.items():
        for sentence in sentences:
            groups[fold(sentence.text)].append((sentence.text, Place(split, sentence.origin)))
    found = []
    for group in groups.values():
        if len(group) > 1:
            texts = {text for text, _ in group}
            wide = {normalize("NFKC", text) for text in texts}
            how = "same" if len(texts) == 1 else "width" if len(wide) == 1 else "script"
            found.append(Repeated(how, tuple(place for _, place in group)))
    return found
