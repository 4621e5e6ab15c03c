"""Decode emissions into entities with scores, for spaCy pipelines and exported models alike.

    emissions ──temperature──white space──evidence──▶ scores ──CRF──▶ tags (+ marginals) ──tag scheme──▶ entities

`EntityDecoder.prepare` does the first half for any slice of a text, so that texts of any length pass through the same
code: short ones in one array, long ones slice by slice on their way to disk.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from .crf import (
    DiskArray,
    LongSequence,
    RowsT,
    Segment,
    Transitions,
    at_temperature,
    choose,
    constrain_emissions,
    decode,
    infer,
    probable_segments,
)
from .crf.transitions import FloatsT, IntsT
from .entities import Entity, Prediction
from .safe_points import safe_point
from .tag_scheme import TagScheme, WhiteSpace

# exp(-1e8) is 0 in any precision, a million such emissions are far from PENALTY, and sums of them in float64 are exact
# enough that no probability exceeds 1.
LARGEST_EMISSION = 1e8
# Probabilities of the recursions in float32 are off by up to this: a score of 1.0 passes min_score = 1.0.
ROUNDING = 1e-6


class Evidence(NamedTuple):
    """Bonuses of single emissions: (n,) rows and tags, sorted by row, and bonuses, each above 0."""

    rows: IntsT
    tags: IntsT
    bonuses: FloatsT


def make_evidence(rows: Sequence[int], tags: Sequence[int], bonuses: Sequence[float]) -> Evidence:
    """Sort bonuses by row."""
    order = np.argsort(np.asarray(rows, dtype=np.int64), kind="stable")
    return Evidence(
        np.asarray(rows, np.int64)[order], np.asarray(tags, np.int64)[order], np.asarray(bonuses, np.float32)[order]
    )


NO_EVIDENCE = make_evidence([], [], [])


def add_evidence(emissions: FloatsT, evidence: Evidence, first: int = 0) -> FloatsT:
    """Add bonuses to the emissions of the tags that would make entities of the evidence.

    Of several bonuses for one tag of one token the highest counts.

    emissions (np.ndarray): (n_rows, n_tags) of a text, or of a slice of it.
    evidence (Evidence): Of the whole text.
    first (int): Rows of the text before the slice.
    RETURNS (np.ndarray): (n_rows, n_tags); the same array where there is no evidence.
    """
    start, end = np.searchsorted(evidence.rows, [first, first + len(emissions)]).tolist()
    if start == end:
        return emissions
    here = slice(start, end)
    raised = np.zeros_like(emissions)
    np.maximum.at(raised, (evidence.rows[here] - first, evidence.tags[here]), evidence.bonuses[here])
    raised += emissions
    return raised


class EntityDecoder:
    """Decodes with the transitions of one component.

    scheme (TagScheme): The tags of the component.
    transitions (Transitions): Constrained scores, not yet divided by the temperature.
    temperature (float): Divides all scores.
    min_score (float): At 0 the entities are those of the best path. Above, they are all with at least this probability,
        on the best path or not; where two overlap, the choice with the highest sum of (score − min_score) is kept.
    """

    def __init__(
        self, scheme: TagScheme, transitions: Transitions, *, temperature: float = 1.0, min_score: float = 0.0
    ) -> None:
        self._scheme, self._temperature, self._min_score = scheme, temperature, min(min_score, 1.0 - ROUNDING)
        self._rounds = min_score > self._min_score  # so that no score is below min_score
        nothing = np.empty((0, len(scheme)), np.float32)
        _, self._transitions = at_temperature(nothing, transitions, temperature)

    def prepare(self, emissions: FloatsT, white_space: WhiteSpace, evidence: Evidence, first: int = 0) -> FloatsT:
        """Divide emissions by the temperature, forbid white space at the edges of entities, and add evidence.

        emissions (np.ndarray): (n_rows, n_tags) of a text, or of a slice of it.
        white_space (WhiteSpace): Of these rows.
        evidence (Evidence): Of the whole text.
        first (int): Rows of the text before the slice.
        RETURNS (np.ndarray): (n_rows, n_tags) float32.
        """
        # NaN and infinity stay, and are refused.
        bounded = np.where(np.isfinite(emissions), np.clip(emissions, -LARGEST_EMISSION, LARGEST_EMISSION), emissions)
        cooled, _ = at_temperature(bounded, self._transitions, self._temperature)
        # Evidence first: a bonus must not lift the penalty of a forbidden tag.
        raised = add_evidence(cooled, evidence, first)
        return constrain_emissions(raised, *self._scheme.illegal_cells(white_space))

    def decode(self, scores: FloatsT, lengths: Sequence[int]) -> list[Prediction]:
        """Find the entities of texts.

        scores (np.ndarray): (n_rows, n_tags) of all texts, prepared.
        lengths (Sequence[int]): Rows of each.
        RETURNS (list[Prediction]): One for each text.
        """
        posterior = infer(scores, lengths, self._transitions)
        if self._min_score:
            found = self._read(probable_segments(posterior, self._scheme.patterns(), self._min_score))
        else:
            # No legal path continues an entity in the next text, so that the texts can be read as one.
            tags = decode(scores, lengths, self._transitions)
            entities = self._scheme.entities(tags)
            starts, ends = [entity.start for entity in entities], [entity.end for entity in entities]
            found = iter(zip(entities, posterior.path_probabilities(tags, starts, ends).tolist(), strict=True))
        return list(_by_text(found, lengths))

    def decode_long(self, slices: Iterable[FloatsT]) -> Prediction:
        """Find the entities of one text whose scores come in slices, in memory that does not grow with it.

        slices (Iterable[np.ndarray]): (n, n_tags) in order, prepared.
        RETURNS (Prediction): What `decode` would return for the whole.
        RAISES (ValueError): Where scores cannot be written to disk, or are not finite.
        """
        with DiskArray(len(self._scheme)) as rows:
            for scores in slices:
                rows.append(scores)
                safe_point()
            return self._decode_rows(rows)

    def _decode_rows(self, rows: RowsT) -> Prediction:
        long = LongSequence(rows, self._transitions)
        if self._min_score:
            found = list(self._read(long.probable_segments(self._scheme.patterns(), self._min_score)))
            return Prediction(tuple(entity for entity, _ in found), tuple(score for _, score in found))
        tags = long.decode()
        entities = self._scheme.entities(tags)
        starts, ends = [entity.start for entity in entities], [entity.end for entity in entities]
        return Prediction(tuple(entities), tuple(long.path_probabilities(tags, starts, ends).tolist()))

    def _read(self, segments: Sequence[Segment]) -> Iterator[tuple[Entity, float]]:
        for segment in choose(segments, self._min_score):
            score = 1.0 if self._rounds else min(segment.score, 1.0)
            yield Entity(segment.start, segment.end, self._scheme.labels[segment.kind]), score


def _by_text(found: Iterator[tuple[Entity, float]], lengths: Sequence[int]) -> Iterator[Prediction]:
    """Give each text its entities, with rows counted from its beginning."""
    entity, score = next(found, (None, 0.0))
    for first, end in pairwise(np.cumsum([0, *lengths]).tolist()):
        ents, scores = [], []
        while entity is not None and entity.start < end:
            ents.append(Entity(entity.start - first, entity.end - first, entity.label))
            scores.append(score)
            entity, score = next(found, (None, 0.0))
        yield Prediction(tuple(ents), tuple(scores))
