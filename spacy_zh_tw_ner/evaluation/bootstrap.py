"""Estimate confidence intervals of scores, and compare pipelines, by resampling documents (bootstrap, Efron 1979).

A resample has as many documents as the corpus, drawn with replacement. The 95 % interval of a score contains the middle
95 % of its values over all resamples. Whole documents are drawn, because errors within one document are not
independent.

Two pipelines are compared on the same resamples, so that the differing difficulty of documents cancels out (paired
bootstrap: Koehn 2004; Berg-Kirkpatrick et al. 2012).
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, NamedTuple, Protocol, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from .entity_counts import CountsT, EntityCounts

RESAMPLES = 1000
LEVEL = 0.95
MAX_DRAWS = 2_000_000  # largest size of an array of document weights, resamples × documents

FloatsT = npt.NDArray[np.float64]


class Estimate(NamedTuple):
    """A score or a difference of two scores, with its confidence interval.

    value: The score, from 0 to 1, or the difference, from −1 to 1. low, high: Ends of its 95 % interval.
    """

    value: float
    low: float
    high: float

    def to_json(self) -> list[float]:
        """Return the ends of the interval, [low, high], in percent; the value is left out."""
        return [round(100 * self.low, 2), round(100 * self.high, 2)]


class Scores(NamedTuple):
    """Scores of one group of entities, such as a label.

    p, r, f: Precision, recall and F, from 0 to 1, with intervals. gold: Number of gold entities.
    """

    p: Estimate
    r: Estimate
    f: Estimate
    gold: int

    def to_json(self) -> dict[str, object]:
        """Return the scores and their intervals in percent, and the number of gold entities.

        RETURNS (dict[str, object]): "p", "r" and "f" → the score; "p_interval", "r_interval" and "f_interval" → the
            interval as [low, high]; "gold" → the number of gold entities.
        """
        estimates = {"p": self.p, "r": self.r, "f": self.f}
        found: dict[str, object] = {name: round(100 * estimate.value, 2) for name, estimate in estimates.items()}
        found["gold"] = self.gold
        return found | {f"{name}_interval": estimate.to_json() for name, estimate in estimates.items()}


class Difference(NamedTuple):
    """Difference of the F of two pipelines.

    f: F of the second pipeline − F of the first, from −1 to 1, with its interval.
    p_value: Two-sided p-value. The null hypothesis is that both pipelines are equally good.
    """

    f: Estimate
    p_value: float

    def to_json(self) -> dict[str, object]:
        """Return the difference of F and its interval in percentage points, and the p-value.

        RETURNS (dict[str, object]): "difference" → the difference; "interval" → [low, high]; "p_value" → the p-value.
        """
        difference, interval = round(100 * self.f.value, 2), self.f.to_json()
        return {"difference": difference, "interval": interval, "p_value": round(self.p_value, 4)}


class HasJson(Protocol):
    """Protocol of the results that `Averages` can hold: `Scores` and `Difference`."""

    def to_json(self) -> dict[str, object]:
        """Return the results as an object that `json.dumps` accepts."""
        ...


ValueT = TypeVar("ValueT", bound=HasJson)


@dataclass(frozen=True)
class Averages(Generic[ValueT]):
    """Results of several groups of entities, such as labels, and their averages.

    A result is the `Scores` of one pipeline, or the `Difference` of two pipelines.

    micro: result over all entities. macro: mean over the groups. groups: name of the group → its result.
    """

    micro: ValueT
    macro: ValueT
    groups: dict[str, ValueT]

    def to_json(self) -> dict[str, object]:
        """Return all results as an object for `json.dumps`.

        RETURNS (dict[str, object]): "micro" and "macro" → the `to_json` of the average; "groups" → a dictionary: name
            of the group → the `to_json` of its result.
        """
        groups = {name: value.to_json() for name, value in self.groups.items()}
        return {"micro": self.micro.to_json(), "macro": self.macro.to_json(), "groups": groups}


Summary: TypeAlias = Averages[Scores]
Comparison: TypeAlias = Averages[Difference]


def summarize(table: EntityCounts, *, resamples: int = RESAMPLES, seed: int = 0) -> Summary:
    """Compute precision, recall and F with confidence intervals.

    table (EntityCounts): True positives, false positives and false negatives, by document and group.
    resamples (int): Number of resamples.
    seed (int): Seed of the resamples. Tables with the same number of documents get the same resamples.
    RETURNS (Summary): Scores over all entities (micro), mean over groups (macro), and by group.
    """
    point = shares(table.counts.sum(axis=0)[None])
    drawn = shares(resampled_sums(table.counts, resamples=resamples, seed=seed))
    gold = table.counts[:, :, [0, 2]].sum(axis=(0, 2)).tolist()
    scores = []
    for i, n in enumerate([sum(gold), sum(gold), *gold]):
        p, r, f = (Estimate(float(np.nan_to_num(point[0, i, k])), *interval(drawn[:, i, k])) for k in range(3))
        scores.append(Scores(p, r, f, n))
    return Summary(scores[0], scores[1], dict(zip(table.groups, scores[2:], strict=True)))


def compare_counts(
    first: EntityCounts, second: EntityCounts, *, resamples: int = RESAMPLES, seed: int = 0
) -> Comparison:
    """Compare the F scores of two pipelines.

    first (EntityCounts): True positives, false positives and false negatives of one pipeline, by document and group.
    second (EntityCounts): Those of the other pipeline on the same documents.
    resamples (int): Number of resamples.
    seed (int): Seed of the resamples.
    RETURNS (Comparison): Differences of F: micro, macro, and for each group of either pipeline. The p-value is
        two-sided. A resample is extreme if |its difference − observed difference| ≥ |observed difference|; the p-value
        is (1 + number of extreme resamples) / (1 + number of resamples).
    """
    groups = sorted({*first.groups, *second.groups})
    both = np.concatenate([_columns(first, groups), _columns(second, groups)], axis=1)
    sums = np.concatenate([both.sum(axis=0)[None], resampled_sums(both, resamples=resamples, seed=seed)])
    f_scores = [np.nan_to_num(shares(sums[:, part])[..., 2]) for part in (slice(len(groups)), slice(len(groups), None))]
    observed, drawn = np.split(f_scores[1] - f_scores[0], [1])
    found = []
    for value, column in zip(observed[0].tolist(), drawn.T, strict=True):
        # The tolerance is for differences that are equal up to rounding.
        extreme = int((np.abs(column - value) >= abs(value) - 1e-12).sum())
        found.append(Difference(Estimate(value, *interval(column)), (1 + extreme) / (1 + resamples)))
    return Comparison(found[0], found[1], dict(zip(groups, found[2:], strict=True)))


def resampled_sums(counts: CountsT, *, resamples: int, seed: int) -> FloatsT:
    """Draw documents with replacement, and sum their counts.

    counts (CountsT): (n_documents, …) counts of each document.
    resamples (int): Number of resamples.
    seed (int): Seed of the resamples.
    RETURNS (FloatsT): (resamples, …) sums, which are whole numbers; zeros if there are no documents.
    """
    # Floats, because their matrix product is faster.
    flat = counts.reshape(len(counts), math.prod(counts.shape[1:])).astype(np.float64)
    sums = np.zeros((resamples, flat.shape[1]))
    if len(counts):
        np.concatenate([weights @ flat for weights in _weights(len(counts), resamples, seed)], out=sums)
    return sums.reshape(resamples, *counts.shape[1:])


def shares(sums: FloatsT | CountsT) -> FloatsT:
    """Compute precision, recall and F from counts.

    sums (FloatsT): (n, n_groups, 3) true positives, false positives and false negatives of each group, in n resamples.
    RETURNS (FloatsT): (n, 2 + n_groups, 3) precision, recall and F; the first two groups are micro and macro. A score
        is 0 if its denominator is 0. The scores of a group with neither gold nor predicted entities are NaN, and macro
        ignores them.
    """
    with_micro = np.concatenate([sums.sum(axis=1, keepdims=True), sums], axis=1).astype(np.float64)
    right, wrong, missed = (with_micro[..., k] for k in range(3))
    parts = np.stack([right, right, 2 * right], axis=-1)
    wholes = np.stack([right + wrong, right + missed, 2 * right + wrong + missed], axis=-1)
    found = np.divide(parts, wholes, out=np.zeros_like(parts), where=wholes > 0)
    groups = np.where(wholes[:, 1:, 2:] > 0, found[:, 1:], np.nan)
    occurring = (~np.isnan(groups)).sum(axis=1, keepdims=True)
    macro = np.nansum(groups, axis=1, keepdims=True) / np.maximum(1, occurring)
    return np.concatenate([found[:, :1], macro, groups], axis=1)


def interval(drawn: FloatsT) -> tuple[float, float]:
    """Return the ends of the middle 95 % of the values of a score, or a difference, in all resamples.

    drawn (FloatsT): (resamples,) the values. NaN values are ignored; if all are NaN, both ends are 0.
    """
    numbers = drawn[~np.isnan(drawn)]
    if not len(numbers):
        return 0.0, 0.0
    low, high = np.quantile(numbers, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def _weights(n: int, resamples: int, seed: int) -> Iterator[FloatsT]:
    """Yield how often each of n documents is drawn in each resample.

    YIELDS (FloatsT): (n_chunk, n) counts for a chunk of the resamples; all chunks together have `resamples` rows.
    """
    rng = np.random.default_rng(seed)
    step = max(1, MAX_DRAWS // n)
    for start in range(0, resamples, step):
        size = min(step, resamples - start)
        yield rng.multinomial(n, np.full(n, 1 / n), size=size).astype(np.float64)


def _columns(table: EntityCounts, groups: Sequence[str]) -> CountsT:
    """Return the counts of a table with its groups in another order.

    table (EntityCounts): True positives, false positives and false negatives, by document and group.
    groups (Sequence[str]): Names of groups, among them all groups of the table.
    RETURNS (CountsT): (n_documents, len(groups), 3), with zeros for groups that the table lacks.
    """
    counts = np.zeros((len(table.counts), len(groups), 3), dtype=np.int64)
    for i, name in enumerate(table.groups):
        counts[:, groups.index(name)] = table.counts[:, i]
    return counts
