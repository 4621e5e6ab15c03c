"""Reference implementation of the linear-chain CRF for one sequence, in float64 log space: slow, and exact.

Read this module first. A path of tags y = y_1 … y_T for the tokens 1 … T has the score

    score(y) = π[y_1] + Σ_{t=1…T} e[t, y_t] + Σ_{t=1…T−1} A[y_t, y_t+1] + η[y_T]
    p(y) = exp(score(y)) / Z,     Z = Σ over all paths of exp(score(y))

with emissions e (n_tokens, n_tags), transitions A (n_tags from, n_tags to), start scores π and end scores η (n_tags,)
(Lafferty, McCallum and Pereira 2001, "Conditional Random Fields"). The forward and backward variables are those of
Rabiner (1989), "A Tutorial on Hidden Markov Models", section III, as logarithms:

    α[1, j] = π[j] + e[1, j]
    α[t, j] = e[t, j] + logsumexp_i(α[t−1, i] + A[i, j])            sum over all paths that end in tag j at token t
    β[T, i] = η[i]
    β[t, i] = logsumexp_j(A[i, j] + e[t+1, j] + β[t+1, j])          sum over all continuations of tag i at token t

    log Z = logsumexp_j(α[T, j] + η[j])
    p(y_t = j) = exp(α[t, j] + β[t, j] − log Z)                                                marginal probability
    p(y_t = i, y_t+1 = j) = exp(α[t, i] + A[i, j] + e[t+1, j] + β[t+1, j] − log Z)             of a transition

`forward_backward` computes the same values in float32 for batches. Sequences that underflow in float32 are recomputed
here, and the tests compare all implementations with this module.
"""

from typing import NamedTuple

import numpy as np

from ..errors import Errors, SettingError
from .transitions import PENALTY, FloatsT, Transitions


class Reference(NamedTuple):
    """Forward and backward variables of one sequence, as logarithms.

    log_alpha: (n_tokens, n_tags) logsumexp of the scores of all paths from the first token to this tag of this token.
    log_beta: (n_tokens, n_tags) the same for all continuations of this tag to the last token.
    log_z: logsumexp of the scores of all paths, the logarithm of the partition function.
    expected_counts: (n_tags, n_tags) expected number of times that each transition occurs, from row to column.
    """

    log_alpha: FloatsT
    log_beta: FloatsT
    log_z: float
    expected_counts: FloatsT

    def marginals(self) -> FloatsT:
        """Return the (n_tokens, n_tags) marginal probability of each tag at each token."""
        return np.exp(self.log_alpha + self.log_beta - self.log_z)


def run_reference(emissions: FloatsT, transitions: Transitions) -> Reference:
    """Compute the forward and backward variables of one sequence.

    emissions (np.ndarray): (n_tokens, n_tags), at least one token.
    transitions (Transitions): Constrained transition scores: those of illegal transitions are PENALTY.
    RETURNS (Reference): Values in float64.
    """
    e, (A, pi, eta) = emissions.astype(np.float64), (scores.astype(np.float64) for scores in transitions)
    alpha, beta, counts = np.empty_like(e), np.empty_like(e), np.zeros_like(A)
    alpha[0] = pi + e[0]
    for t in range(1, len(e)):
        alpha[t] = log_sum_exp(alpha[t - 1][:, None] + A, axis=0) + e[t]  # (n_tags from, n_tags to) → (n_tags to,)
    log_z = float(log_sum_exp(alpha[-1] + eta, axis=0))
    beta[-1] = eta
    for t in range(len(e) - 2, -1, -1):
        beta[t] = log_sum_exp(A + e[t + 1] + beta[t + 1], axis=1)
        counts += np.exp(alpha[t][:, None] + A + e[t + 1] + beta[t + 1] - log_z)
    return Reference(alpha, beta, log_z, counts)


def recompute_sequence(emissions: FloatsT, transitions: Transitions, *, sequence: int) -> Reference:
    """Compute the forward and backward variables of a sequence in float64, because they underflow in float32.

    emissions (np.ndarray): (n_tokens, n_tags) emissions of the sequence.
    transitions (Transitions): Transition scores, with PENALTY for illegal transitions.
    sequence (int): Index of the sequence in the batch, for the message.
    RETURNS (Reference): Values in float64.
    RAISES (SettingError): If there is no legal path.
    """
    exact = run_reference(emissions, transitions)
    if exact.log_z < PENALTY / 2:
        raise SettingError(Errors.ZT108.format(index=sequence, length=len(emissions)))
    return exact


def best_path(emissions: FloatsT, transitions: Transitions) -> list[int]:
    """Find the most probable path (Viterbi 1967): the forward recursion with a maximum in place of logsumexp.

    emissions (np.ndarray): (n_tokens, n_tags), at least one token.
    transitions (Transitions): Transition scores, with PENALTY for illegal transitions.
    RETURNS (list[int]): A tag index for each token.
    """
    e, (A, pi, eta) = emissions.astype(np.float64), (scores.astype(np.float64) for scores in transitions)
    score, back_pointers = pi + e[0], []
    for t in range(1, len(e)):
        candidates = score[:, None] + A  # (n_tags from, n_tags to)
        back_pointers.append(candidates.argmax(0))
        score = candidates.max(0) + e[t]
    path = [int((score + eta).argmax())]
    for pointers in reversed(back_pointers):
        path.append(int(pointers[path[-1]]))
    return path[::-1]


def log_sum_exp(values: FloatsT, axis: int) -> FloatsT:
    """Return log Σ exp(values) over an axis. The result lacks this axis.

    The values must be finite: −∞ could cause NaN. PENALTY, the score of forbidden transitions, is finite.
    """
    peak = values.max(axis, keepdims=True)
    total: FloatsT = np.log(np.exp(values - peak).sum(axis)) + peak.squeeze(axis)
    return total
