"""Entities and predictions as named tuples."""

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
