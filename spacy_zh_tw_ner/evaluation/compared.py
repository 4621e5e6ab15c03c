"""Gold and predicted documents → what every figure here is made of: a text, and two sets of entities."""

from collections.abc import Iterable
from typing import NamedTuple

from spacy.tokens import Doc

from ..entities import Entity
from .exact import doc_entities, known_entities


class Compared(NamedTuple):
    """One document: its text, the gold entities, and those predicted of which the gold says whether they are right."""

    text: str
    expected: frozenset[Entity]
    found: frozenset[Entity]

    @property
    def is_right(self) -> bool:
        """Whether every entity was found, and nothing else."""
        return self.expected == self.found

    def surface(self, entity: Entity) -> str:
        """The characters of an entity."""
        return self.text[entity.start : entity.end]


def compare(pairs: Iterable[tuple[Doc, Doc]]) -> list[Compared]:
    """Bring documents to sets of entities, by character.

    pairs (Iterable[tuple[Doc, Doc]]): Gold and predicted documents of the same text.
    RETURNS (list[Compared]): One a pair, in order; a document without gold annotation has no entity in it.
    """
    return [
        Compared(gold.text, frozenset(doc_entities(gold)), frozenset(known_entities(gold, predicted)))
        for gold, predicted in pairs
    ]
