"""Decode emissions into entities with scores, for spaCy pipelines and exported models alike.

    emissions ──temperature──evidence──white space──▶ scores ──CRF──▶ tags (+ marginals) ──tag scheme──▶ entities

Short texts are decoded in batches, from one array of emissions. Long texts are decoded one at a time, from chunks of
emissions that are stored on disk. In both cases, this module applies temperature, evidence and white space, in the same
way; no other module does.
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

# Emissions are clipped to ±1e8: exp(-1e8) is 0 in any precision, the sum of a million such emissions is far from
# PENALTY, and in float64 it is exact enough that no probability exceeds 1.
LARGEST_EMISSION = 1e8
# Largest error of probabilities in float32. With min_score = 1.0, spans of probability 1 − ROUNDING must be found.
ROUNDING = 1e-6


class Evidence(NamedTuple):
    """Bonuses for single emissions, such as those of a gazetteer, sorted by row.

    rows: (n,) row of the emissions, which is the index of a token. tags: (n,) index of the tag.
    bonuses: (n,) number that is added to the emission of this row and tag; greater than 0.
    """

    rows: IntsT
    tags: IntsT
    bonuses: FloatsT


def make_evidence(rows: Sequence[int], tags: Sequence[int], bonuses: Sequence[float]) -> Evidence:
    """Create an Evidence from n bonuses in any order; they are sorted by row.

    rows, tags (Sequence[int]): Row and tag of the emission that each bonus is added to.
    bonuses (Sequence[float]): The bonuses.
    """
    order = np.argsort(np.asarray(rows, dtype=np.int64), kind="stable")
    return Evidence(
        np.asarray(rows, np.int64)[order], np.asarray(tags, np.int64)[order], np.asarray(bonuses, np.float32)[order]
    )


NO_EVIDENCE = make_evidence([], [], [])


def add_evidence(emissions: FloatsT, evidence: Evidence, first: int = 0) -> FloatsT:
    """Add bonuses to emissions. If there are several bonuses for one tag of one token, the highest is added.

    emissions (np.ndarray): (n_rows, n_tags) emissions of a text, or of a chunk of it.
    evidence (Evidence): Evidence for the whole text.
    first (int): Number of rows of the text before the chunk.
    RETURNS (np.ndarray): (n_rows, n_tags) new array; `emissions` itself if there is no evidence for these rows.
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
    """Decodes emissions into entities with the transitions of one component.

    scheme (TagScheme): The tags of the component, one per column of the emissions.
    transitions (Transitions): Constrained transition scores, not divided by the temperature.
    temperature (float): Temperature (temperature scaling), by which all scores are divided.
    min_score (float): If 0, the entities are those of the best path. Otherwise all spans with at least this probability
        are candidates, on the best path or not. Of overlapping candidates, those with the largest Σ (score − min_score)
        are chosen.
    """

    def __init__(
        self, scheme: TagScheme, transitions: Transitions, *, temperature: float = 1.0, min_score: float = 0.0
    ) -> None:
        self._scheme, self._temperature, self._min_score = scheme, temperature, min(min_score, 1.0 - ROUNDING)
        self._rounds = min_score > self._min_score  # report scores as 1.0, so that none is below min_score
        nothing = np.empty((0, len(scheme)), np.float32)
        _, self._transitions = at_temperature(nothing, transitions, temperature)

    def decode(
        self,
        emissions: FloatsT,
        lengths: Sequence[int],
        white_space: WhiteSpace | None = None,
        evidence: Evidence = NO_EVIDENCE,
    ) -> list[Prediction]:
        """Decode the entities of a batch of texts.

        emissions (np.ndarray): (n_rows, n_tags) emissions of all texts, one row per token.
        lengths (Sequence[int]): Number of tokens of each text.
        white_space (Optional[WhiteSpace]): White space in these tokens; None if there is none.
        evidence (Evidence): Bonuses for emissions, with row indices into `emissions`.
        RETURNS (list[Prediction]): One for each text, with token indices that start at 0 in each text.
        RAISES (ZhTwNerError): If emissions are not finite, or a text has no legal path.
        """
        scores = self._scores(emissions, white_space, evidence)
        posterior = infer(scores, lengths, self._transitions)
        if self._min_score:
            found = self._resolve(probable_segments(posterior, self._scheme.patterns(), self._min_score))
        else:
            # All tags can be read together: paths are legal, so that no entity continues in the next text.
            tags = decode(scores, lengths, self._transitions)
            entities = self._scheme.entities(tags)
            starts, ends = [entity.start for entity in entities], [entity.end for entity in entities]
            found = iter(zip(entities, posterior.path_probabilities(tags, starts, ends).tolist(), strict=True))
        return list(_by_text(found, lengths))

    def decode_long(
        self, chunks: Iterable[FloatsT], white_space: WhiteSpace | None = None, evidence: Evidence = NO_EVIDENCE
    ) -> Prediction:
        """Decode the entities of one long text from chunks of its emissions, in bounded memory.

        chunks (Iterable[np.ndarray]): (n, n_tags) emissions of chunks of the text, in order.
        white_space (Optional[WhiteSpace]): White space in the text; None if there is none.
        evidence (Evidence): Bonuses for emissions, with row indices into the whole text.
        RETURNS (Prediction): Equal to the result of `decode` for the whole text.
        RAISES (ZhTwNerError): If the emissions cannot be written to disk, or are not finite.
        """
        with DiskArray(len(self._scheme)) as rows:
            first = 0
            for emissions in chunks:
                rows.append(self._scores(emissions, white_space, evidence, first))
                first += len(emissions)
                safe_point()
            return self._decode_rows(rows)

    def _scores(
        self, emissions: FloatsT, white_space: WhiteSpace | None, evidence: Evidence, first: int = 0
    ) -> FloatsT:
        """Divide emissions by the temperature, add evidence, and forbid white space at the edges of entities.

        emissions (np.ndarray): (n_rows, n_tags) emissions of a text, or of a chunk of it.
        white_space (Optional[WhiteSpace]): White space in the whole text; None if there is none.
        evidence (Evidence): Bonuses for emissions, with row indices into the whole text.
        first (int): Number of rows of the text before the chunk.
        RETURNS (np.ndarray): (n_rows, n_tags) float32.
        """
        # Do not clip NaN and infinity: the CRF raises an error for them.
        bounded = np.where(np.isfinite(emissions), np.clip(emissions, -LARGEST_EMISSION, LARGEST_EMISSION), emissions)
        cooled, _ = at_temperature(bounded, self._transitions, self._temperature)
        # Add evidence before the penalty of illegal tags, which a bonus must not reduce.
        raised = add_evidence(cooled, evidence, first)
        if white_space is None:
            return raised
        here = WhiteSpace(*(mask[first : first + len(emissions)] for mask in white_space))
        return constrain_emissions(raised, *self._scheme.illegal_cells(here))

    def _decode_rows(self, rows: RowsT) -> Prediction:
        """Decode the entities of one text from the scores of all its tokens, (n_rows, n_tags)."""
        long = LongSequence(rows, self._transitions)
        if self._min_score:
            found = list(self._resolve(long.probable_segments(self._scheme.patterns(), self._min_score)))
            return Prediction(tuple(entity for entity, _ in found), tuple(score for _, score in found))
        tags = long.decode()
        entities = self._scheme.entities(tags)
        starts, ends = [entity.start for entity in entities], [entity.end for entity in entities]
        return Prediction(tuple(entities), tuple(long.path_probabilities(tags, starts, ends).tolist()))

    def _resolve(self, segments: Sequence[Segment]) -> Iterator[tuple[Entity, float]]:
        """Choose among overlapping candidates, and yield the chosen ones as entities with their scores.

        The chosen candidates do not overlap, and have the largest Σ (score − min_score).
        """
        for segment in choose(segments, self._min_score):
            score = 1.0 if self._rounds else min(segment.score, 1.0)
            yield Entity(segment.start, segment.end, self._scheme.labels[segment.kind]), score


def _by_text(found: Iterator[tuple[Entity, float]], lengths: Sequence[int]) -> Iterator[Prediction]:
    """Divide the entities of a batch into one prediction per text.

    found (Iterator[tuple[Entity, float]]): Entities in order, with their scores. Their token indices count through all
        texts of the batch; in the predictions, they start at 0 in each text.
    lengths (Sequence[int]): Number of tokens of each text.
    """
    entity, score = next(found, (None, 0.0))
    for first, end in pairwise(np.cumsum([0, *lengths]).tolist()):
        ents, scores = [], []
        while entity is not None and entity.start < end:
            ents.append(Entity(entity.start - first, entity.end - first, entity.label))
            scores.append(score)
            entity, score = next(found, (None, 0.0))
        yield Prediction(tuple(ents), tuple(scores))
