"""Named tuples of entities: components predict a `Prediction`, in tokens; recognizers return `Found`, in characters."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple


class Entity(NamedTuple):
    """Span with a label. Offsets count tokens or, in corpora and in answers of the service, characters.

    start (int): First token or character. end (int): End, exclusive. label (str): The label.
    """

    start: int
    end: int
    label: str


class Prediction(NamedTuple):
    """Entities of one text, in order, with offsets in tokens; and their probabilities, one score per entity."""

    ents: tuple[Entity, ...]
    scores: tuple[float, ...]


class Found(NamedTuple):
    """Entity with offsets in characters.

    start (int): First character. end (int): End, exclusive. label (str): The label.
    score (float | None): Probability from a recognizer, or score of a rule; None if the entity has no score.
    normalized (str | None): Normal form; None if no `zh_tw_normalizer` has set one.
    """

    start: int
    end: int
    label: str
    score: float | None
    normalized: str | None = None


class FoundEntities(tuple[Found, ...]):
    """Entities of one text, if the pipeline has the component `zh_tw_crf_spans`, whose entities may overlap.

    The tuple itself has the entities of `doc.ents`, which do not overlap, in the order of the text.

    spans (tuple[Found, ...] | None): Entities of `zh_tw_crf_spans`, sorted by start, the longest first; None if the
        pipeline has no such component.
    """

    spans: tuple[Found, ...] | None = None

    @classmethod
    def with_spans(cls, entities: Iterable[Found], spans: Iterable[Found]) -> "FoundEntities":
        """Return an instance that contains `entities`, which do not overlap, and has the attribute `spans`."""
        found = cls(entities)
        found.spans = tuple(spans)
        return found


def spans_of(found: Sequence[Found]) -> tuple[Found, ...] | None:
    """Return the entities of one text that may overlap, from `zh_tw_crf_spans`; None without that component.

    found (Sequence[Found]): The entities of the text, as a recognizer returns them.
    RETURNS (Optional[tuple[Found, ...]]): The attribute `spans` of a `FoundEntities`.
    """
    return found.spans if isinstance(found, FoundEntities) else None


def overlap_groups(entities: Iterable[Entity]) -> Iterator[list[Entity]]:
    """Divide entities into groups, so that two entities that overlap are always in the same group.

    entities (Iterable[Entity]): Entities, in any order.
    YIELDS (list[Entity]): A group, sorted by start. The groups are in the order of the text.
    """
    group: list[Entity] = []
    last = 0  # end of the group
    for entity in sorted(entities):
        if group and entity.start >= last:
            yield group
            group = []
        group.append(entity)
        last = max(last, entity.end)
    if group:
        yield group
