"""The textbook linear-chain CRF of one sequence, in float64 log space: slow, and exact for any finite scores.

Read this first. A path y of tags has the score

    score(y) = π[y_1] + Σ_t e[t, y_t] + Σ_t A[y_t, y_t+1] + η[y_T],     p(y) = exp(score(y)) / Z,

with emissions e, transitions A, and scores π to begin and η to end with a tag (Lafferty, McCallum and Pereira 2001,
"Conditional Random Fields"). The forward and backward variables are those of Rabiner (1989), "A Tutorial on Hidden
Markov Models", section III, as logarithms:

    α[t, j] = e[t, j] + logsumexp_i(α[t−1, i] + A[i, j])            all ways to reach tag j at token t
    β[t, i] = logsumexp_j(A[i, j] + e[t+1, j] + β[t+1, j])          all ways to go on from tag i at token t
    log Z = logsumexp_j(α[T, j] + η[j]),     p(y_t = j) = exp(α[t, j] + β[t, j] − log Z)

`forward_backward` computes the same numbers in float32 for whole batches; the sequences that float32 cannot hold are
computed here, and the tests compare everything with this module.
"""

from typing import NamedTuple

import numpy as np

from .transitions import FloatsT, Transitions


class Reference(NamedTuple):
    """log_alpha, log_beta: (n_tokens, n_tags). log_z: (). expected_counts: (n_tags, n_tags) of each transition."""

    log_alpha: FloatsT
    log_beta: FloatsT
    log_z: float
    expected_counts: FloatsT

    def marginals(self) -> FloatsT:
        """(n_tokens, n_tags) probability of each tag at each token."""
        return np.exp(self.log_alpha + self.log_beta - self.log_z)


def run_reference(emissions: FloatsT, transitions: Transitions) -> Reference:
    """Run the recursions for one sequence of at least one token.

    emissions (np.ndarray): (n_tokens, n_tags)
    transitions (Transitions): Constrained scores.
    RETURNS (Reference): In float64.
    """
    e, (A, pi, eta) = emissions.astype(np.float64), (scores.astype(np.float64) for scores in transitions)
    alpha, beta, counts = np.empty_like(e), np.empty_like(e), np.zeros_like(A)
    alpha[0] = pi + e[0]
    for t in range(1, len(e)):
        alpha[t] = log_sum_exp(alpha[t - 1][:, None] + A, axis=0) + e[t]
    log_z = float(log_sum_exp(alpha[-1] + eta, axis=0))
    beta[-1] = eta
    for t in range(len(e) - 2, -1, -1):
        beta[t] = log_sum_exp(A + e[t + 1] + beta[t + 1], axis=1)
        counts += np.exp(alpha[t][:, None] + A + e[t + 1] + beta[t + 1] - log_z)
    return Reference(alpha, beta, log_z, counts)


def best_path(emissions: FloatsT, transitions: Transitions) -> list[int]:
    """Find the most probable tags (Viterbi 1967): the forward recursion with a maximum in place of the sum."""
    e, (A, pi, eta) = emissions.astype(np.float64), (scores.astype(np.float64) for scores in transitions)
    score, came_from = pi + e[0], []
    for t in range(1, len(e)):
        ways = score[:, None] + A
        came_from.append(ways.argmax(0))
        score = ways.max(0) + e[t]
    path = [int((score + eta).argmax())]
    for before in reversed(came_from):
        path.append(int(before[path[-1]]))
    return path[::-1]


def log_sum_exp(values: FloatsT, axis: int) -> FloatsT:
    """Compute log Σ exp(values) along an axis. The penalty of forbidden transitions is finite, so no NaN arises."""
    peak = values.max(axis, keepdims=True)
    total: FloatsT = np.log(np.exp(values - peak).sum(axis)) + peak.squeeze(axis)
    return total
