"""Entities whose first or last character is hardly part of a name."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from .sentences import Sentence

# What ends or joins clauses. Not among them: the full stop of "Inc.", the ! of "Yahoo!", % and the like.
PUNCTUATION = frozenset("，。、；：！？…—～,;:·‧•/|")
BRACKETS = dict(zip("《〈「『（(【［[“‘", "》〉」』）)】］]”’", strict=True))


class Edge(NamedTuple):
    """kind: "white space", "punctuation" or "bracket", one that lacks its other half."""

    kind: str
    surface: str
    label: str
    origin: str


def find_edges(sentences: Iterable[Sentence]) -> Iterator[Edge]:
    """Find entities that begin or end where no name does.

    sentences (Iterable[Sentence]): A corpus.
    YIELDS (Edge): One an entity at most.
    """
    for sentence in sentences:
        for entity in sentence.entities:
            surface = sentence.surface(entity)
            kind = edge_kind(surface)
            if kind is not None:
                yield Edge(kind, surface, entity.label, sentence.origin)


def edge_kind(surface: str) -> str | None:
    """What is wrong with the edges of a surface; None if nothing is. Whole brackets, as of 《紅樓夢》, are not."""
    if surface != surface.strip():
        return "white space"
    first, last = surface[0], surface[-1]
    if {first, last} & PUNCTUATION:
        return "punctuation"
    openers = {closer: opener for opener, closer in BRACKETS.items()}
    if first in BRACKETS and surface.count(BRACKETS[first]) < surface.count(first):
        return "bracket"
    if last in openers and surface.count(openers[last]) < surface.count(last):
        return "bracket"
    return None
