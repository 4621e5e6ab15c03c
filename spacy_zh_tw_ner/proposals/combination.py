"""Combine the suggestions of several sources for one text into a partial annotation.

A suggestion is a span with one of three kinds of labels: the label of an entity; "O", which says that no character of
the span is in an entity; or "*", which says that each character of the span is in some entity, of any ends and label.

Each suggestion has a precision, the probability that it is right. If several sources make the same suggestion, they are
taken as independent, and the suggestion is right with the probability

    p = 1 − Π (1 − precision)

A suggestion is accepted if p ≥ `accept`, and considered if `accept` > p ≥ `consider`. Both limits are arguments of the
function `combine`. The rules are:

* Accepted entities are divided into groups: two entities that overlap are in the same group. If a group has only one
  entity, it is annotated. If it has several, they become alternatives, and O is also allowed at each character that at
  least one of them does not cover.
* If an accepted span of O overlaps a group, and has a larger p than each entity of the group, it contradicts the group.
  The entities of the group then become alternatives, and O is allowed at all of their characters.
* Considered entities that overlap no accepted entity become alternatives, and O is allowed at all of their characters.
  Considered entities that overlap an accepted one are ignored.
* Accepted spans with the label "*" become alternatives at all characters that are still without annotation.
* After that, accepted spans of O annotate O at all characters that are still without annotation.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from ..components.partial_annotations import INSIDE_LABEL, OUTSIDE_LABEL
from ..entities import Entity, overlap_groups


class Suggestion(NamedTuple):
    """A span that a source suggests to annotate.

    entity (Entity): Character offsets, and a label of the corpus; or "O" for a span without entities, or "*" for a span
        whose characters are in entities of any ends and label.
    source (str): Name of the source.
    precision (float): Probability that the suggestion is right.
    """

    entity: Entity
    source: str
    precision: float


class PartialAnnotation(NamedTuple):
    """Annotation of some characters of a text. `partial_annotations.write_partial` stores it in a document.

    entities (list[Entity]): Annotated entities, sorted by start.
    alternatives (list[Entity]): Spans that may overlap. Each character that they cover has the tag that one of these
        spans gives it. A span with the label "O" allows O, and one with the label "*" allows every tag except O.
    outside (list[Entity]): Spans of characters that are annotated as O.
    conflicts (list[tuple[Suggestion, ...]]): The suggestions of each group in which several entities were accepted, or
        which an accepted O contradicts.
    """

    entities: list[Entity]
    alternatives: list[Entity]
    outside: list[Entity]
    conflicts: list[tuple[Suggestion, ...]]


def combine(suggestions: Iterable[Suggestion], *, accept: float, consider: float) -> PartialAnnotation:
    """Combine the suggestions for one text to a partial annotation, by the rules in the module's docstring.

    suggestions (Iterable[Suggestion]): Suggestions of all sources, in any order.
    accept (float): Lowest probability p of an accepted suggestion.
    consider (float): Lowest p of a considered suggestion, which can only become an alternative.
    RETURNS (PartialAnnotation): The annotation. A character is in its entities, in its alternatives, in its spans of O,
        or in none of them, but never in two of these lists.
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
    taken = characters_of(accepted)
    considered = [e for e in entities if consider <= p[e] < accept and taken.isdisjoint(range(e.start, e.end))]
    result = PartialAnnotation([], [], [], [])
    for group in overlap_groups(accepted):
        best = max(p[entity] for entity in group)
        denials = sorted({outside[i] for i in characters_of(group) if i in outside and p[outside[i]] > best})
        if len(group) == 1 and not denials:
            result.entities.extend(group)
            continue
        result.conflicts.append(tuple(s for entity in (*group, *denials) for s in by_entity[entity]))
        # Characters that all entities cover. A set per entity would take gigabytes for thousands of long entities.
        shared = range(0) if denials else range(max(e.start for e in group), min(e.end for e in group))
        _add_alternatives(result, group, characters_of(group).difference(shared))
    for group in overlap_groups(considered):
        taken |= characters_of(group)
        _add_alternatives(result, group, characters_of(group))
    parts = characters_of(inside) - taken
    result.alternatives.extend(spans_of(parts, INSIDE_LABEL))
    taken |= parts
    result.outside.extend(spans_of((i for i in outside if i not in taken), OUTSIDE_LABEL))
    return result


def _add_alternatives(result: PartialAnnotation, group: Sequence[Entity], outside: set[int]) -> None:
    """Add alternatives to an annotation: the entities of a group, and spans of O.

    result (PartialAnnotation): The annotation, whose list `alternatives` is extended in place.
    group (Sequence[Entity]): Suggested entities that are connected by overlaps.
    outside (set[int]): Positions of the characters of the group at which O is allowed, too. They are joined to spans
        with the label "O".
    """
    result.alternatives.extend((*group, *spans_of(outside, OUTSIDE_LABEL)))


def characters_of(entities: Iterable[Entity]) -> set[int]:
    """Return the positions of all characters that at least one entity covers."""
    found: set[int] = set()
    last = 0
    for start, end, *_ in sorted(entities):  # each character is visited once, also where entities overlap
        found.update(range(max(start, last), end))
        last = max(last, end)
    return found


def spans_of(positions: Iterable[int], label: str) -> list[Entity]:
    """Join adjacent character positions to spans that are as long as possible, all with the same label."""
    spans: list[Entity] = []
    for i in sorted(positions):
        if spans and spans[-1].end == i:
            spans[-1] = Entity(spans[-1].start, i + 1, label)
        else:
            spans.append(Entity(i, i + 1, label))
    return spans


def _probability(equal: Sequence[Suggestion]) -> float:
    """Return the probability p of a suggestion that several sources have made: 1 − Π (1 − precision).

    If a source has made the suggestion several times, only its highest precision is used.

    equal (Sequence[Suggestion]): The suggestions, all with the same span and label.
    """
    best: dict[str, float] = {}
    for suggestion in equal:
        best[suggestion.source] = max(suggestion.precision, best.get(suggestion.source, 0.0))
    wrong = 1.0
    for precision in best.values():
        wrong *= 1.0 - precision
    return 1.0 - wrong


def _best_by_character(spans: Iterable[Entity], p: dict[Entity, float]) -> dict[int, Entity]:
    """Return position of a character → the span with the largest p among those that cover this character."""
    best: dict[int, Entity] = {}
    for span in spans:
        for i in range(span.start, span.end):
            if i not in best or p[span] > p[best[i]]:
                best[i] = span
    return best
