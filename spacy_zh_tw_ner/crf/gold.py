"""Gold tags of a batch as index arrays, and soft gold: expected counts under the CRF of a teacher.

Knowledge distillation for a CRF (Wang et al. 2020, "Structure-Level Knowledge Distillation For Multilingual Sequence
Labeling"; Wang et al. 2021, "Structural Knowledge Distillation: Tractably Distilling Information for Structured
Predictor") trains a student q on the distribution p of a teacher over all paths. A path assigns a tag y_t to each token
t = 1 … T. The student gives it the sum of the emissions e[t, y_t], the transition scores A[y_t, y_t+1], the start score
π[y_1] and the end score η[y_T]. So the cross entropy needs only expected counts: how often each tag and transition
occurs in a path, on average under p. With Z, the sum of exp(score) over all paths of the student:

    H(p, q) = log Z − Σ_t Σ_j p(y_t = j) e[t, j] − Σ_i,j N[i, j] A[i, j] − Σ_j p(y_1 = j) π[j] − Σ_j p(y_T = j) η[j]
    N[i, j] = Σ_t p(y_t = i, y_t+1 = j)
    ∂H / ∂score = expected count under q − expected count under p

One gold path is the case in which all of these probabilities are 0 or 1.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from ..errors import Errors, SettingError
from .forward_backward import run_forward_backward
from .kernels import kernels_for
from .layout import IndicesT, Layout, check_finite, check_shapes
from .reference import recompute_sequence
from .transitions import BoolsT, FloatsT, Transitions, is_allowed

TOLERANCE = 1e-2  # largest probability that soft gold may give to forbidden tags and transitions of a sequence


class SoftGold(NamedTuple):
    """Soft targets for a CRF: expected counts under a distribution over paths, such as that of a teacher.

    marginals: (n_rows, n_tags) marginal probabilities of the tags. counts: (batch_size, n_tags, n_tags) expected counts
    of the transitions of each sequence.
    """

    marginals: FloatsT
    counts: FloatsT


def expect(
    emissions: FloatsT, lengths: Sequence[int], transitions: Transitions, *, compiled: bool | None = None
) -> SoftGold:
    """Compute the expected counts of tags and transitions of each sequence under a CRF, such as the CRF of a teacher.

    emissions (np.ndarray): (n_rows, n_tags), of any floating type; computed in float32.
    lengths (Sequence[int]): Number of rows of each sequence.
    transitions (Transitions): Transition scores; those of illegal transitions are PENALTY, a large negative number.
    compiled (Optional[bool]): True for compiled loops, False for numpy; None for compiled if numba is installed.
    RETURNS (SoftGold): Marginals and transition counts in float32.
    RAISES (SettingError): If shapes do not match, or there is no legal path.
    RAISES (TrainingError): If emissions are not finite.
    """
    check_shapes(emissions, lengths, len(transitions.start))
    check_finite(emissions)
    emissions, layout = np.ascontiguousarray(emissions, np.float32), Layout(lengths)
    found = run_forward_backward(emissions, layout, transitions, kernels_for(compiled))
    with np.errstate(all="ignore"):  # sequences that are not stable can have NaN or infinity
        marginals, outgoing = found.marginals(), found.outgoing(np.ones(layout.n_rows, np.float32))
    counts = np.zeros((layout.n_sequences, *transitions.matrix.shape), np.float32)
    for sequence in range(layout.n_sequences):
        rows = layout.rows(sequence)
        if found.stable[sequence]:
            counts[sequence] = outgoing[rows][:-1].T @ found.incoming[rows][1:] * found.factors.matrix
            continue
        exact = recompute_sequence(emissions[rows], transitions, sequence=sequence)
        marginals[rows], counts[sequence] = exact.marginals(), exact.expected_counts
    return SoftGold(marginals, counts)


def expected_scores(gold: SoftGold, emissions: FloatsT, layout: Layout, transitions: Transitions) -> FloatsT:
    """Return, for each sequence, the mean score of its paths, weighted by their probabilities under soft gold.

    gold (SoftGold): Expected counts under the distribution over paths.
    emissions (np.ndarray): (n_rows, n_tags) emissions of the batch.
    layout (Layout): The rows of each sequence.
    transitions (Transitions): Transition, start and end scores.
    RETURNS (np.ndarray): (batch_size,) float64.
    RAISES (SettingError): If soft gold gives a probability above TOLERANCE to forbidden tags or transitions.
    """
    rows = np.einsum("ij,ij->i", gold.marginals, _allowed(emissions))
    forbidden = (gold.marginals * ~is_allowed(emissions)).sum(1)
    for ends, scores in ((layout.firsts, transitions.start), (layout.lasts, transitions.end)):
        rows[ends] += gold.marginals[ends] @ _allowed(scores)
        forbidden[ends] += gold.marginals[ends] @ ~is_allowed(scores)
    totals: FloatsT = layout.sum_by_sequence(rows) + np.einsum("bij,ij->b", gold.counts, _allowed(transitions.matrix))
    illegal = layout.sum_by_sequence(forbidden) + np.einsum("bij,ij->b", gold.counts, ~is_allowed(transitions.matrix))
    if (wrong := np.flatnonzero(illegal > TOLERANCE)).size:
        raise SettingError(Errors.ZT277.format(index=int(wrong[0]), mass=float(illegal[wrong[0]])))
    return totals


def _allowed(scores: FloatsT) -> FloatsT:
    """Return a float64 copy of scores in which the scores of forbidden tags and transitions are replaced by 0.

    A forbidden score is PENALTY, a large negative number. Even multiplied by a tiny probability, it would dominate the
    mean score.
    """
    return np.where(is_allowed(scores), scores, 0.0).astype(np.float64)


@dataclass
class Gold:
    """Gold tags of a batch as index arrays, and how completely each sequence is annotated.

    `gold_from_mask` creates an instance from a gold mask, (n_rows, n_tags) bool: the tags that each row may have.

    tags: (n_rows,) the gold tag of each row. If the mask allows several tags, the first of them.
    emissions: (n_rows,) index of the gold tag in the flattened emissions.
    transitions: (n_rows − 1,) index of the transition to the next row in the flattened transition matrix; not used
        if the next row belongs to another sequence.
    annotated: (batch_size,) bool: the mask allows exactly one tag at every row.
    unannotated: (batch_size,) bool: the mask allows all tags at every row.
    impossible: (batch_size,) bool: the mask allows no tag at some row.
    """

    tags: IndicesT
    emissions: IndicesT
    transitions: IndicesT
    annotated: BoolsT
    unannotated: BoolsT
    impossible: BoolsT

    @property
    def partly_annotated(self) -> BoolsT:
        """Return a (batch_size,) bool mask of the sequences that are not annotated, unannotated or impossible."""
        return ~(self.annotated | self.unannotated | self.impossible)

    def with_weights(self, weighted: BoolsT) -> "Gold":
        """Return a copy in which sequences with weights are partly annotated: neither `annotated` nor `unannotated`.

        Weights from 0 to 1 make some allowed tags less probable. A sequence with weights needs the computation for
        partly annotated sequences, even if its mask allows one tag or all tags at every row.

        weighted (np.ndarray): (batch_size,) bool: whether a sequence has a tag with a weight other than 1.
        """
        return replace(self, annotated=self.annotated & ~weighted, unannotated=self.unannotated & ~weighted)


def gold_from_mask(mask: BoolsT, layout: Layout) -> Gold:
    """Convert a gold mask to index arrays.

    mask (np.ndarray): (n_rows, n_tags) bool: the allowed tags of each token.
    layout (Layout): Row indices of the batch.
    """
    n_tags = mask.shape[1]
    tags = mask.argmax(1)
    emissions, transitions = tags + np.arange(layout.n_rows) * n_tags, tags[:-1] * n_tags + tags[1:]
    if np.count_nonzero(mask) == layout.n_rows and mask.reshape(-1)[emissions].all():
        none = np.zeros(layout.n_sequences, dtype=bool)
        return Gold(tags, emissions, transitions, ~none, none, none)
    n_allowed = mask.sum(1)
    annotated = layout.sum_by_sequence(n_allowed != 1) == 0
    unannotated = (layout.sum_by_sequence(n_allowed < n_tags) == 0) & ~annotated
    impossible = layout.sum_by_sequence(n_allowed == 0) > 0
    return Gold(tags, emissions, transitions, annotated, unannotated, impossible)


def score_paths(gold: Gold, emissions: FloatsT, layout: Layout, transitions: Transitions) -> FloatsT:
    """Return the (batch_size,) float64 scores of the gold paths: sums of emissions, transitions, start and end scores.

    The score is undefined for a sequence in which some row does not have exactly one gold tag.
    """
    scores = emissions.reshape(-1)[gold.emissions].astype(np.float64)
    steps = transitions.matrix.reshape(-1)[gold.transitions].astype(np.float64)
    steps[layout.lasts[:-1]] = 0.0
    scores[:-1] += steps
    scores[layout.firsts] += transitions.start[gold.tags[layout.firsts]]
    scores[layout.lasts] += transitions.end[gold.tags[layout.lasts]]
    return layout.sum_by_sequence(scores)
