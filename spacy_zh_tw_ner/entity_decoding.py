"""Decode emissions into entities with scores, for spaCy pipelines and exported models alike.

    emissions ──temperature──evidence──white space──▶ scores ──CRF──▶ tags (+ marginals) ──tag scheme──▶ entities

Short texts are decoded in batches, from one array of emissions. Long texts are decoded one at a time, from chunks of
emissions that are stored on disk. In both cases, this module applies temperature, evidence and white space, in the same
way; no other module does.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
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
from .tag_chains import TagChains
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
    transitions (Transitions): Transition scores, large negative ones for illegal transitions; not divided by the
        temperature.
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
        white_space (Optional[WhiteSpace]): Masks of the white space in these tokens; None if there is none.
        evidence (Evidence): Bonuses for emissions, with row indices into `emissions`.
        RETURNS (list[Prediction]): One for each text, with token indices that start at 0 in each text.
        RAISES (ZhTwNerError): If emissions are not finite, or a text has no legal path.
        """
        scores = self.scores(emissions, white_space, evidence)
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
        white_space (Optional[WhiteSpace]): Masks of the white space in the text; None if there is none.
        evidence (Evidence): Bonuses for emissions, with row indices into the whole text.
        RETURNS (Prediction): Equal to the result of `decode` for the whole text.
        RAISES (ZhTwNerError): If the emissions cannot be written to disk, or are not finite.
        """
        with DiskArray(len(self._scheme)) as rows:
            first = 0
            for emissions in chunks:
                rows.append(self.scores(emissions, white_space, evidence, first))
                first += len(emissions)
                safe_point()
            return self.decode_rows(rows)

    def scores(self, emissions: FloatsT, white_space: WhiteSpace | None, evidence: Evidence, first: int = 0) -> FloatsT:
        """Divide emissions by the temperature, add evidence, and forbid white space at the edges of entities.

        emissions (np.ndarray): (n_rows, n_tags) emissions of a text, or of a chunk of it.
        white_space (Optional[WhiteSpace]): Masks of the white space in the whole text; None if there is none.
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

    def decode_rows(self, rows: RowsT) -> Prediction:
        """Decode the entities of one text.

        rows (RowsT): (n_rows, n_tags) results of `scores` for all tokens of the text, in memory or on disk.
        RETURNS (Prediction): Entities with token indices, and their probabilities.
        """
        long = LongSequence(rows, self._transitions)
        if self._min_score:
            found = list(self._resolve(long.probable_segments(self._scheme.patterns(), self._min_score)))
            return Prediction(tuple(entity for entity, _ in found), tuple(score for _, score in found))
        tags = long.decode()
        entities = self._scheme.entities(tags)
        starts, ends = [entity.start for entity in entities], [entity.end for entity in entities]
        return Prediction(tuple(entities), tuple(long.path_probabilities(tags, starts, ends).tolist()))

    def _resolve(self, segments: Sequence[Segment]) -> Iterator[tuple[Entity, float]]:
        """Choose candidates without overlaps that have the largest Σ (score − min_score); yield entities with scores.

        segments (Sequence[Segment]): The candidates: spans of tokens with the index of a label, and a probability.
        """
        for segment in choose(segments, self._min_score):
            score = 1.0 if self._rounds else min(segment.score, 1.0)
            yield Entity(segment.start, segment.end, self._scheme.labels[segment.kind]), score


class ChainDecoder:
    """Decodes overlapping entities with several CRFs (chains), one for each group of labels that do not overlap.

    Each chain has its own tags, which are some of the columns of the emissions, and an `EntityDecoder`.

    chains (TagChains): The tags of each chain, and their columns in the emissions.
    transitions (Sequence[Transitions]): Constrained transition scores of each chain, not divided by the temperature.
    temperature (float): Temperature of all chains, by which all scores are divided.
    min_score (float): If 0, the entities are those of the best path of each chain. Otherwise, spans with at least this
        probability are candidates. Of overlapping candidates of one chain, those with the largest Σ (score − min_score)
        are chosen.
    """

    def __init__(
        self, chains: TagChains, transitions: Sequence[Transitions], *, temperature: float = 1.0, min_score: float = 0.0
    ) -> None:
        self._chains = chains
        self._decoders = [
            EntityDecoder(scheme, of_chain, temperature=temperature, min_score=min_score)
            for scheme, of_chain in zip(chains.schemes, transitions, strict=True)
        ]

    def decode(
        self,
        emissions: FloatsT,
        lengths: Sequence[int],
        white_space: WhiteSpace | None = None,
        evidence: Evidence = NO_EVIDENCE,
    ) -> list[Prediction]:
        """Decode the entities of a batch of texts.

        emissions (np.ndarray): (n_rows, n_columns) emissions of all texts and chains, one row per token.
        lengths (Sequence[int]): Number of tokens of each text.
        white_space (Optional[WhiteSpace]): Masks of the white space in these tokens; None if there is none.
        evidence (Evidence): Bonuses for emissions; `tags` are columns of `emissions`.
        RETURNS (list[Prediction]): One for each text, with the entities of all chains.
        """
        found = [
            decoder.decode(emissions[:, columns], lengths, white_space, of_chain)
            for decoder, columns, of_chain in self._parts(evidence)
        ]
        return [_join(of_text) for of_text in zip(*found, strict=True)]

    def decode_long(
        self, chunks: Iterable[FloatsT], white_space: WhiteSpace | None = None, evidence: Evidence = NO_EVIDENCE
    ) -> Prediction:
        """Decode the entities of one long text from chunks of its emissions, in bounded memory.

        chunks (Iterable[np.ndarray]): (n, n_columns) emissions of chunks of the text, in order.
        white_space (Optional[WhiteSpace]): Masks of the white space in the whole text; None if there is none.
        evidence (Evidence): Bonuses for the emissions of the whole text; `tags` are columns of the emissions.
        RETURNS (Prediction): Equal to the result of `decode` for the whole text.
        """
        parts = self._parts(evidence)
        with ExitStack() as stack:
            stores = [stack.enter_context(DiskArray(len(columns))) for _, columns, _ in parts]
            first = 0
            for emissions in chunks:
                for store, (decoder, columns, of_chain) in zip(stores, parts, strict=True):
                    store.append(decoder.scores(emissions[:, columns], white_space, of_chain, first))
                first += len(emissions)
                safe_point()
            found = [decoder.decode_rows(store) for store, (decoder, _, _) in zip(stores, parts, strict=True)]
        return _join(found)

    def _parts(self, evidence: Evidence) -> list[tuple[EntityDecoder, IntsT, Evidence]]:
        """Divide evidence by chain.

        evidence (Evidence): Bonuses whose `tags` are columns of the emissions of all chains.
        RETURNS (list[tuple[EntityDecoder, np.ndarray, Evidence]]): For each chain: its decoder, the indices of its
            columns, and its bonuses, whose `tags` are indices into these columns.
        """
        parts: list[tuple[EntityDecoder, IntsT, Evidence]] = []
        for decoder, columns in zip(self._decoders, self._chains.columns, strict=True):
            here = np.isin(evidence.tags, columns)
            tags = np.searchsorted(columns, evidence.tags[here])  # columns of a chain are in ascending order
            parts.append((decoder, columns, Evidence(evidence.rows[here], tags, evidence.bonuses[here])))
        return parts


def _join(predictions: Iterable[Prediction]) -> Prediction:
    """Join the predictions of all chains for one text, sorted by start. Of equal starts, the longest is first."""
    pairs = [pair for prediction in predictions for pair in zip(prediction.ents, prediction.scores, strict=True)]
    pairs.sort(key=lambda pair: (pair[0].start, -pair[0].end, pair[0].label))
    return Prediction(tuple(entity for entity, _ in pairs), tuple(score for _, score in pairs))


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
