"""Find sentences that occur more than once, also in another width or script."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import NamedTuple
from unicodedata import normalize

from ..tokenization.conversion import ScriptConverter
from ..tokenization.folds import VARIANTS
from .formats.docbin import Sentence


class Place(NamedTuple):
    """Split and origin of a sentence."""

    split: str
    origin: str


class Duplicate(NamedTuple):
    """A sentence that occurs more than once.

    how: "same" for the very same characters, "width" if they are equal after NFKC, else "script".
    places: Where it occurs.
    """

    how: str
    places: tuple[Place, ...]

    @property
    def across(self) -> bool:
        """True if it is in more than one split, which makes scores too high."""
        return len({place.split for place in self.places}) > 1


def find_duplicates(splits: Mapping[str, Iterable[Sentence]]) -> list[Duplicate]:
    """Find sentences that are equal in some width and script: 臺 and 台 are equal, as are 國 and 国.

    splits (Mapping[str, Iterable[Sentence]]): Sentences by split.
    RETURNS (list[Duplicate]): In the order of their first places.
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
