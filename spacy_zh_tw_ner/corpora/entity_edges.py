"""Find entities whose first or last character is unlikely to belong to a name."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from .formats.docbin import Sentence

# Punctuation of clauses. It excludes signs that end names, such as the full stop of "Inc." and the ! of "Yahoo!".
PUNCTUATION = frozenset("，。、；：！？…—～,;:·‧•/|")
BRACKETS = dict(zip("《〈「『（(【［[“‘", "》〉」』）)】］]”’", strict=True))
OPENERS = {closer: opener for opener, closer in BRACKETS.items()}


class Edge(NamedTuple):
    """An entity with an unlikely first or last character.

    kind: "white space", "punctuation" or "bracket" (an unpaired one).
    surface: Text of the entity.
    label: Label of the entity.
    origin: File and line of its sentence.
    """

    kind: str
    surface: str
    label: str
    origin: str


def find_edges(sentences: Iterable[Sentence]) -> Iterator[Edge]:
    """Find entities with an unlikely first or last character.

    sentences (Iterable[Sentence]): A corpus.
    YIELDS (Edge): At most one problem per entity.
    """
    for sentence in sentences:
        for entity in sentence.entities:
            surface = sentence.surface(entity)
            kind = edge_kind(surface)
            if kind is not None:
                yield Edge(kind, surface, entity.label, sentence.origin)


def edge_kind(surface: str) -> str | None:
    """Return what is wrong with the first or last character of an entity.

    RETURNS (Optional[str]): "white space", "punctuation", or "bracket" for one without its partner; None if nothing
        is wrong, as in 《紅樓夢》.
    """
    if surface != surface.strip():
        return "white space"
    first, last = surface[0], surface[-1]
    if {first, last} & PUNCTUATION:
        return "punctuation"
    if first in BRACKETS and surface.count(BRACKETS[first]) < surface.count(first):
        return "bracket"
    if last in OPENERS and surface.count(OPENERS[last]) < surface.count(last):
        return "bracket"
    return None
