"""Search texts for the surfaces of many entities at once."""

from collections.abc import Iterable, Iterator
from unicodedata import normalize

# Of two characters or more: one alone, such as 王, identifies nobody, and is a part of other words.
SHORTEST = 2
# Of longer surfaces, the first characters are searched: more lengths would be more work for hostile texts.
LONGEST = 64
FEW = 32  # different beginnings that are searched one by one, which `str.find` does faster than a loop over characters
INTERNET = ("EMAIL", "URL", "IP", "LINE_ID", "PTT_ID", "SOCIAL", "SECRET")
SEPARATORS = str.maketrans("", "", " \t\r\n\u3000-‐‑–—－·‧．")


def identity(surface: str, label: str = "") -> str:
    """Return a form that is the same for spellings of one entity.

    Widths, letter case, 台 and 臺, white space and dashes do not matter: ０９１２－３４５ and 0912345 are the same. In
    addresses and names on the Internet, dashes do: li-ming@mail.tw and liming@mail.tw are two people.
    """
    folded = normalize("NFKC", surface).casefold()
    if label in INTERNET:
        return folded
    folded = folded.replace("台", "臺")
    return folded.translate(SEPARATORS) or folded


class SurfaceIndex:
    """Finds surfaces in texts, in time that is linear in their length.

    Surfaces are looked up by their first two characters, and compared by their length: the work for each position
    depends on the number of different lengths that begin alike, at most 63, not on the number of surfaces.

    surfaces (Iterable[str]): Those with one character are left out; of longer ones than 64, the beginning is searched.
    """

    def __init__(self, surfaces: Iterable[str]) -> None:
        self._surfaces = {surface[:LONGEST] for surface in surfaces if len(surface) >= SHORTEST}
        lengths: dict[str, set[int]] = {}
        for surface in self._surfaces:
            lengths.setdefault(surface[:SHORTEST], set()).add(len(surface))
        self._lengths = {start: sorted(found, reverse=True) for start, found in lengths.items()}

    def find(self, text: str) -> Iterator[tuple[int, int]]:
        """Yield the start and end of all occurrences, in order, longer ones first; they may overlap."""
        lengths, surfaces = self._lengths, self._surfaces
        for i in self._candidates(text):
            for length in lengths.get(text[i : i + SHORTEST], ()):
                # At the end of the text, a longer slice is the shorter surface.
                if i + length <= len(text) and text[i : i + length] in surfaces:
                    yield i, i + length

    def _candidates(self, text: str) -> Iterable[int]:
        """Return the places at which a surface may begin, in order."""
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
        """Return whether a text has any of the surfaces."""
        return next(self.find(text), None) is not None
