"""Search a text for surfaces. A surface is the text of an entity as it is written."""

from collections.abc import Iterable, Iterator
from unicodedata import normalize

# A surface of one character, such as 王, is not searched: it identifies nobody, and other words contain it.
SHORTEST = 2
# Of longer surfaces, only this many characters are searched, because each different length costs time at each position.
LONGEST = 64
FEW = 32  # up to this many beginnings, `str.find` is faster than a loop over the text
# Labels whose texts differ by a dash, a dot or a space.
INTERNET = ("EMAIL", "URL", "IP", "LINE_ID", "PTT_ID", "SOCIAL", "SECRET")
SEPARATORS = str.maketrans("", "", " \t\r\n\u3000-‐‑–—－·‧．")


def identity(surface: str, label: str = "") -> str:
    """Return a normalized text of an entity, which is the same for all spellings of the entity.

    Two texts are spellings of one entity if they differ only in widths, letter case, 台 or 臺, white space, dashes and
    middle dots: ０９１２－３４５ and 0912345. For labels in `INTERNET`, only widths and letter case may differ:
    li-ming@mail.tw and liming@mail.tw are two entities.

    surface (str): The text of the entity.
    label (str): The label of the entity.
    RETURNS (str): The normalized text.
    """
    folded = normalize("NFKC", surface).casefold()
    if label in INTERNET:
        return folded
    folded = folded.replace("台", "臺")
    return folded.translate(SEPARATORS) or folded


class SurfaceIndex:
    """Finds surfaces in texts, in time that is linear in their length.

    At each position of a text, the next two characters determine the lengths of the surfaces that begin with them. For
    each of these lengths, one substring is looked up in a set of surfaces. There are at most 63 lengths, so the time
    does not depend on the number of surfaces.

    surfaces (Iterable[str]): Texts of entities. Surfaces of one character are ignored. Of surfaces with more than 64
        characters, only the first 64 characters are searched.
    """

    def __init__(self, surfaces: Iterable[str]) -> None:
        self._surfaces = {surface[:LONGEST] for surface in surfaces if len(surface) >= SHORTEST}
        lengths: dict[str, set[int]] = {}
        for surface in self._surfaces:
            lengths.setdefault(surface[:SHORTEST], set()).add(len(surface))
        self._lengths = {start: sorted(found, reverse=True) for start, found in lengths.items()}

    def find(self, text: str) -> Iterator[tuple[int, int]]:
        """Yield the start and end of all occurrences of surfaces, in the order of their starts.

        Of occurrences with the same start, the longest is first. Occurrences may overlap.
        """
        lengths, surfaces = self._lengths, self._surfaces
        for i in self._candidates(text):
            for length in lengths.get(text[i : i + SHORTEST], ()):
                # A slice that reaches beyond the text is cut, and would match a shorter surface with a wrong end.
                if i + length <= len(text) and text[i : i + length] in surfaces:
                    yield i, i + length

    def _candidates(self, text: str) -> Iterable[int]:
        """Return the positions at which a surface may begin, in ascending order."""
        if len(self._lengths) > FEW:
            return range(len(text) - 1)
        found: list[int] = []
        for start in self._lengths:
            i = text.find(start)
            while i != -1:
                found.append(i)
                i = text.find(start, i + 1)
        return sorted(found)

    def occurs(self, text: str) -> bool:
        """Return whether a text contains any of the surfaces."""
        return next(self.find(text), None) is not None
