"""Two pipelines on the same documents → whether one is better, by drawing the documents of both together.

Documents differ more in difficulty than pipelines do in skill. Because both are scored on the same draw each time, that
difficulty cancels out (the paired bootstrap: Koehn 2004; Berg-Kirkpatrick et al. 2012).
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from .bootstrap import RESAMPLES, Estimate, interval, resampled_sums, shares
from .tables import CountsT, Table


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
