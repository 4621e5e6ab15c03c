"""Combine the suggestions of several sources for one text into a partial annotation.

Each suggestion has a precision: the probability that its source is right. Equal suggestions of several sources count
as independent, so that they are right together with

    p = 1 − Π (1 − precision)

Accepted are suggestions with p ≥ `accept`. Accepted entities that overlap, directly or through others, are one group:

    one entity            it is annotated
    several entities      alternatives: any of these; O only at characters that not all of them cover

Entities with `accept` > p ≥ `consider` that overlap no accepted one are alternatives, too: any of a group, or O.
Accepted suggestions of O annotate O, except at characters of entities. An O with a larger p than those of a group
contradicts it: O is then an alternative at all of its characters. A suggestion with the label "*" says that its
characters are parts of entities of any extent and label; it counts where no entity is accepted or considered.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from ..components.partial_annotations import INSIDE_LABEL, OUTSIDE_LABEL
from ..entities import Entity


class Suggestion(NamedTuple):
    """Suggestion of a source: an entity, with the label "O" a span without entities, or with "*" parts of entities.

    entity (Entity): Offsets in characters, and the label. source (str): Name of the source. precision (float): The
    probability that it is right.
    """

    entity: Entity
    source: str
    precision: float


class PartialAnnotation(NamedTuple):
    """Annotation of some characters of a text, as `partial_annotations.write_partial` stores it.

    entities (list[Entity]): Annotated entities, in order.
    alternatives (list[Entity]): Spans of which each covered character has a tag; those with the label "O" allow O.
    outside (list[Entity]): Spans of characters that are O.
    conflicts (list[tuple[Suggestion, ...]]): Groups in which several entities, or an entity and O, were accepted.
    """

    entities: list[Entity]
    alternatives: list[Entity]
    outside: list[Entity]
    conflicts: list[tuple[Suggestion, ...]]


def combine(suggestions: Iterable[Suggestion], *, accept: float, consider: float) -> PartialAnnotation:
    """Combine the suggestions for one text; see the module for the rule.

    suggestions (Iterable[Suggestion]): Suggestions of all sources, in any order.
    accept (float): Lowest p at which a suggestion is annotated.
    consider (float): Lowest p at which a suggestion is an alternative.
    RETURNS (PartialAnnotation): The annotation. Its entities, alternatives and O do not overlap each other.
    """
    by_entity: dict[Entity, list[Suggestion]] = defaultdict(list)
    for suggestion in suggestions:
        by_entity[suggestion.entity].append(suggestion)
    p = {entity: _probability(equal) for entity, equal in by_entity.items()}
    accepted_outside = [entity for entity in p if entity.label == OUTSIDE_LABEL and p[entity] >= accept]
    outside = _best_by_character(accepted_outside, p)
    entities = [entity for entity in sorted(p) if entity.label not in (OUTSIDE_LABEL, INSIDE_LABEL)]
    inside = [entity for entity in sorted(p) if entity.label == INSIDE_LABEL and p[entity] >= accept]
    accepted = [entity for entity in entities if p[entity] >= accept]
    taken = _characters(accepted)
    considered = [e for e in entities if consider <= p[e] < accept and taken.isdisjoint(range(e.start, e.end))]
    result = PartialAnnotation([], [], [], [])
    for group in _overlapping(accepted):
        best = max(p[entity] for entity in group)
        denials = sorted({outside[i] for i in _characters(group) if i in outside and p[outside[i]] > best})
        if len(group) == 1 and not denials:
            result.entities.extend(group)
            continue
        result.conflicts.append(tuple(s for entity in (*group, *denials) for s in by_entity[entity]))
        shared = set() if denials else set.intersection(*(_characters([entity]) for entity in group))
        _add_alternatives(result, group, _characters(group) - shared)
    for group in _overlapping(considered):
        taken |= _characters(group)
        _add_alternatives(result, group, _characters(group))
    parts = _characters(inside) - taken
    result.alternatives.extend(spans_of(parts, INSIDE_LABEL))
    taken |= parts
    result.outside.extend(spans_of((i for i in outside if i not in taken), OUTSIDE_LABEL))
    return result


def _add_alternatives(result: PartialAnnotation, group: Sequence[Entity], outside: set[int]) -> None:
    """Add entities as alternatives, and O at some of their characters."""
    result.alternatives.extend((*group, *spans_of(outside, OUTSIDE_LABEL)))


def _characters(entities: Iterable[Entity]) -> set[int]:
    """Return the positions of all characters of entities."""
    return {i for entity in entities for i in range(entity.start, entity.end)}


def spans_of(positions: Iterable[int], label: str) -> list[Entity]:
    """Join character positions to the longest spans."""
    spans: list[Entity] = []
    for i in sorted(positions):
        if spans and spans[-1].end == i:
            spans[-1] = Entity(spans[-1].start, i + 1, label)
        else:
            spans.append(Entity(i, i + 1, label))
    return spans


def _probability(equal: Sequence[Suggestion]) -> float:
    """Return the probability that equal suggestions are right. A source counts once, with its highest precision."""
    best: dict[str, float] = {}
    for suggestion in equal:
        best[suggestion.source] = max(suggestion.precision, best.get(suggestion.source, 0.0))
    wrong = 1.0
    for precision in best.values():
        wrong *= 1.0 - precision
    return 1.0 - wrong


def _best_by_character(spans: Iterable[Entity], p: dict[Entity, float]) -> dict[int, Entity]:
    """Return the span with the largest p that covers each character."""
    best: dict[int, Entity] = {}
    for span in spans:
        for i in range(span.start, span.end):
            if i not in best or p[span] > p[best[i]]:
                best[i] = span
    return best


def _overlapping(entities: Sequence[Entity]) -> Iterable[list[Entity]]:
    """Yield groups of entities, sorted by start, that overlap directly or through others."""
    group: list[Entity] = []
    end = 0
    for entity in entities:
        if group and entity.start >= end:
            yield group
            group = []
        group.append(entity)
        end = max(end if len(group) > 1 else 0, entity.end)
    if group:
        yield group
