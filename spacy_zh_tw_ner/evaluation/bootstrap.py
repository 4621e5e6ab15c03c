"""Counts by document → precision, recall and F with intervals, by resampling documents.

Documents are drawn with replacement, as many as there are, and scored again; 95 of 100 such scores lie in the interval
(the percentile bootstrap, Efron 1979). Entities of one document are drawn together, because their errors are not
independent.
"""

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from .entity_counts import CountsT, Table

RESAMPLES = 1000
LEVEL = 0.95
AT_ONCE = 2_000_000  # draws held in memory

FloatsT = npt.NDArray[np.float64]


class Estimate(NamedTuple):
    """A share, and the ends of its interval."""

    value: float
    low: float
    high: float

    def to_json(self) -> list[float]:
        """The interval in percent."""
        return [round(100 * self.low, 2), round(100 * self.high, 2)]


class Scores(NamedTuple):
    """Precision, recall and F of one group, and how many entities the gold has of it."""

    p: Estimate
    r: Estimate
    f: Estimate
    gold: int

    def to_json(self) -> dict[str, object]:
        """Percentages, with an interval each."""
        estimates = {"p": self.p, "r": self.r, "f": self.f}
        found: dict[str, object] = {name: round(100 * estimate.value, 2) for name, estimate in estimates.items()}
        found["gold"] = self.gold
        found.update({f"{name}_interval": estimate.to_json() for name, estimate in estimates.items()})
        return found


class Summary(NamedTuple):
    """micro: Over all entities. macro: The mean over groups. groups: Each by itself."""

    micro: Scores
    macro: Scores
    groups: dict[str, Scores]

    def to_json(self) -> dict[str, object]:
        """As plain objects."""
        groups = {name: scores.to_json() for name, scores in self.groups.items()}
        return {"micro": self.micro.to_json(), "macro": self.macro.to_json(), "groups": groups}


def summarize(table: Table, *, resamples: int = RESAMPLES, seed: int = 0) -> Summary:
    """Score a table with intervals.

    table (Table): Counts by document and group.
    resamples (int): How often documents are drawn.
    seed (int): Of the draws; tables with as many documents get the same ones.
    RETURNS (Summary): Micro, macro and by group.
    """
    point = shares(table.counts.sum(axis=0)[None])
    drawn = shares(resampled_sums(table.counts, resamples=resamples, seed=seed))
    gold = table.counts[:, :, [0, 2]].sum(axis=(0, 2)).tolist()
    scores = []
    for i, n in enumerate([sum(gold), sum(gold), *gold]):
        p, r, f = (_estimate(point[0, i, k], drawn[:, i, k]) for k in range(3))
        scores.append(Scores(p, r, f, n))
    return Summary(scores[0], scores[1], dict(zip(table.groups, scores[2:], strict=True)))


def resampled_sums(counts: CountsT, *, resamples: int, seed: int) -> FloatsT:
    """Draw documents with replacement and add up their counts.

    counts (CountsT): (n_documents, …).
    resamples (int): How often.
    seed (int): Of the draws.
    RETURNS (FloatsT): (resamples, …), whole numbers; zeros where there is no document.
    """
    # Floats, because their matrix product is the fast one.
    flat = counts.reshape(len(counts), math.prod(counts.shape[1:])).astype(np.float64)
    sums = np.zeros((resamples, flat.shape[1]))
    if len(counts):
        np.concatenate([weights @ flat for weights in _weights(len(counts), resamples, seed)], out=sums)
    return sums.reshape(resamples, *counts.shape[1:])


def shares(sums: FloatsT | CountsT) -> FloatsT:
    """Precision, recall and F of counts.

    sums (FloatsT): (n, n_groups, 3), right, wrong and missed.
    RETURNS (FloatsT): (n, 2 + n_groups, 3), of which the first two are micro and macro. 0 where nothing was predicted,
        or nothing is there to find; not a number where a group occurs on neither side, and macro leaves it out.
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
    """The middle 95 % of what was drawn, without what is not a number; (0, 0) of nothing."""
    known = drawn[~np.isnan(drawn)]
    if not len(known):
        return 0.0, 0.0
    low, high = np.quantile(known, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def _estimate(value: float, drawn: FloatsT) -> Estimate:
    return Estimate(float(np.nan_to_num(value)), *interval(drawn))


def _weights(n: int, resamples: int, seed: int) -> Iterator[FloatsT]:
    """How often each of n documents is drawn, (some, n) at a time."""
    rng = np.random.default_rng(seed)
    step = max(1, AT_ONCE // n)
    for start in range(0, resamples, step):
        size = min(step, resamples - start)
        yield rng.multinomial(n, np.full(n, 1 / n), size=size).astype(np.float64)


class Difference(NamedTuple):
    """How much more F the second has, and how likely so much would be by chance if neither were better."""

    f: Estimate
    p_value: float

    def to_json(self) -> dict[str, object]:
        """Points of F, their interval, and the p-value."""
        return {
            "difference": round(100 * self.f.value, 2),
            "interval": self.f.to_json(),
            "p_value": round(self.p_value, 4),
        }


class Comparison(NamedTuple):
    """micro: Over all entities. macro: The mean over groups. groups: Each by itself."""

    micro: Difference
    macro: Difference
    groups: dict[str, Difference]

    def to_json(self) -> dict[str, object]:
        """As plain objects."""
        groups = {name: difference.to_json() for name, difference in self.groups.items()}
        return {"micro": self.micro.to_json(), "macro": self.macro.to_json(), "groups": groups}


def compare_tables(first: Table, second: Table, *, resamples: int = RESAMPLES, seed: int = 0) -> Comparison:
    """Compare two pipelines, F by F.

    first (Table): Counts of the one, by document.
    second (Table): Counts of the other on the same documents.
    resamples (int): How often documents are drawn.
    seed (int): Of the draws.
    RETURNS (Comparison): Micro, macro, and each group of either. The p-value is two-sided: the share of draws whose
        difference lies as far from the one observed as that lies from 0.
    """
    groups = sorted({*first.groups, *second.groups})
    both = np.concatenate([_columns(first, groups), _columns(second, groups)], axis=1)
    sums = np.concatenate([both.sum(axis=0)[None], resampled_sums(both, resamples=resamples, seed=seed)])
    f_scores = [np.nan_to_num(shares(sums[:, part])[..., 2]) for part in (slice(len(groups)), slice(len(groups), None))]
    observed, drawn = np.split(f_scores[1] - f_scores[0], [1])
    found = []
    for value, column in zip(observed[0].tolist(), drawn.T, strict=True):
        # A little less, because equal differences need not be equal floats.
        extreme = int((np.abs(column - value) >= abs(value) - 1e-12).sum())
        found.append(Difference(Estimate(value, *interval(column)), (1 + extreme) / (1 + resamples)))
    return Comparison(found[0], found[1], dict(zip(groups, found[2:], strict=True)))


def _columns(table: Table, groups: Sequence[str]) -> CountsT:
    """The counts of a table in the order of more groups than it has."""
    counts = np.zeros((len(table.counts), len(groups), 3), dtype=np.int64)
    for i, name in enumerate(table.groups):
        counts[:, groups.index(name)] = table.counts[:, i]
    return counts
