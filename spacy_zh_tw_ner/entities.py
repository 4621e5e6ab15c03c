"""Entities and predictions as plain tuples, without dependencies."""

from typing import NamedTuple


class Entity(NamedTuple):
    """A labelled stretch of tokens or, in corpora and answers, of characters; `end` is exclusive."""

    start: int
    end: int
    label: str


class Prediction(NamedTuple):
    """Entities of one text, by token and in order, and their probabilities."""

    ents: tuple[Entity, ...]
    scores: tuple[float, ...]


class Found(NamedTuple):
    """An entity, in characters of its text.

    There is no score where no `zh_tw_crf_ner` has found it, and no normal form where no `zh_tw_normalizer` has set one.
    """

    start: int
    end: int
    label: str
    score: float | None
    normalized: str | None = None
