"""Whether a probability of 0.8 is right 8 times in 10, and the temperature that makes it so.

Guo et al. (2017), "On Calibration of Modern Neural Networks", divide the scores of a classifier by one number, fitted
on held-out data. Here the score of a path is divided, emissions and transitions alike: the order of the paths stays,
and with it the best one, and all probabilities change together.
"""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch

from ..errors import Errors
from .likelihood import log_likelihood
from .posterior import infer
from .transitions import PENALTY, Transitions, is_allowed

LOWEST, HIGHEST = 0.05, 20.0  # temperatures that are looked at


class Stretches(NamedTuple):
    """Predicted stretches of paths, such as entities, and whether the gold holds them.

    tags: (n_rows,) the path. starts, ends: first rows, and rows after the last. correct: (n_stretches,) bool.
    """

    tags: torch.Tensor
    starts: Sequence[int]
    ends: Sequence[int]
    correct: torch.Tensor


class Reliability(NamedTuple):
    """What a reliability diagram shows; one element a bin, none of them empty.

    lowest, highest: scores at the edges. confidence: mean score. accuracy: share that is correct. counts: scores.
    """

    lowest: torch.Tensor
    highest: torch.Tensor
    confidence: torch.Tensor
    accuracy: torch.Tensor
    counts: torch.Tensor

    @property
    def expected_calibration_error(self) -> float:
        """Mean over all scores of |accuracy − confidence| of their bin (Naeini et al. 2015); 0 where there is none."""
        gaps = (self.accuracy - self.confidence).abs() * self.counts
        return float(gaps.sum() / self.counts.sum()) if len(self.counts) else 0.0


def reliability(scores: torch.Tensor, correct: torch.Tensor, *, n_bins: int = 15, equal: str = "mass") -> Reliability:
    """Sort scores into bins.

    scores (torch.Tensor): (n,) probabilities.
    correct (torch.Tensor): (n,) bool.
    n_bins (int): At most so many. 15 are usual.
    equal (str): "mass" for as many scores in each bin, which keeps the bins of confident models from being empty
        (Nixon et al. 2019), or "width" for bins as wide as each other, as in Guo et al. (2017).
    RETURNS (Reliability): The bins that hold any score.
    RAISES (ValueError): For another `equal`, no bins, or arrays that do not fit.
    """
    if equal not in {"mass", "width"}:
        raise ValueError(Errors.ZT112.format(name="equal", value=repr(equal), remedy="Choose 'mass' or 'width'."))
    if n_bins < 1:
        raise ValueError(Errors.ZT112.format(name="n_bins", value=n_bins, remedy="Give 1 or more."))
    if scores.shape != correct.shape:
        remedy = f"Give one for each of the {len(scores)} scores."
        raise ValueError(Errors.ZT112.format(name="correct", value=tuple(correct.shape), remedy=remedy))
    order = torch.argsort(scores, stable=True)
    p, right = scores[order].double(), correct[order].double()
    if equal == "mass":
        bins = torch.arange(len(p)) * n_bins // max(1, len(p))
    else:
        bins = (p * n_bins).long().clamp(max=n_bins - 1)
    counts = torch.bincount(bins, minlength=n_bins)
    used = counts > 0
    ends = counts.cumsum(0)[used]
    counts = counts[used]
    sums = (torch.zeros(n_bins, dtype=torch.float64).index_add_(0, bins, values)[used] for values in (p, right))
    confidence, accuracy = (total / counts for total in sums)
    if equal == "mass":
        return Reliability(p[ends - counts], p[ends - 1], confidence, accuracy, counts)
    edges = used.nonzero()[:, 0].double() / n_bins
    return Reliability(edges, edges + 1 / n_bins, confidence, accuracy, counts)


def chance_error(scores: torch.Tensor, *, n_bins: int = 15, equal: str = "mass", n_draws: int = 200) -> float:
    """Say how large the expected calibration error would be if the scores were exactly right.

    Bins of a few dozen entities are never right to the last one, so that the error of even a perfect model is not 0
    (Roelofs et al. 2022, "Mitigating Bias in Calibration Error Estimation"). What is not above this is chance.

    scores (torch.Tensor): (n,) probabilities.
    n_bins (int), equal (str): As of `reliability`.
    n_draws (int): Worlds that are drawn, in each of which every score is as often right as it says.
    RETURNS (float): Mean error over them; the same each time.
    """
    generator = torch.Generator().manual_seed(0)
    scores = scores.double().cpu()
    draws = (torch.rand(len(scores), generator=generator, dtype=torch.float64) < scores for _ in range(n_draws))
    errors = [reliability(scores, drawn, n_bins=n_bins, equal=equal).expected_calibration_error for drawn in draws]
    return sum(errors) / n_draws


def at_temperature(
    emissions: torch.Tensor, transitions: Transitions, temperature: float
) -> tuple[torch.Tensor, Transitions]:
    """Divide all scores by the temperature; what is forbidden stays forbidden."""
    if temperature == 1.0:
        return emissions.float(), transitions
    emissions, *cooled = (
        torch.where(is_allowed(scores), scores / temperature, PENALTY) for scores in (emissions.float(), *transitions)
    )
    return emissions, Transitions(*cooled)


def fit_temperature(
    emissions: torch.Tensor, lengths: Sequence[int], transitions: Transitions, allowed: torch.Tensor
) -> float:
    """Fit the temperature under which the gold is most probable.

    The negated log-likelihood is convex in 1 / temperature, so that the one minimum is found.

    emissions (torch.Tensor): (n_rows, n_tags) of held-out data.
    lengths (Sequence[int]): Rows of each sequence.
    transitions (Transitions): Constrained scores.
    allowed (torch.Tensor): (n_rows, n_tags) bool, the gold.
    RETURNS (float): From 0.05 to 20.
    """

    def loss(temperature: float) -> float:
        cooled = at_temperature(emissions, transitions, temperature)
        return -float(log_likelihood(cooled[0], lengths, cooled[1], allowed).log_likelihood.double().sum())

    return _minimum(loss, LOWEST, HIGHEST)


def fit_temperature_to_scores(
    emissions: torch.Tensor,
    lengths: Sequence[int],
    transitions: Transitions,
    stretches: Stretches,
    *,
    n_bins: int = 15,
    equal: str = "mass",
) -> float:
    """Fit the temperature under which the scores of entities have the least expected calibration error.

    The error is no smooth function: it is looked at on a grid, then around its lowest point.

    emissions (torch.Tensor): (n_rows, n_tags) of held-out data.
    lengths (Sequence[int]): Rows of each sequence.
    transitions (Transitions): Constrained scores.
    stretches (Stretches): What is predicted, with or without temperature, and whether it is right.
    n_bins (int), equal (str): Bins of the error, see `reliability`.
    RETURNS (float): From 0.05 to 20; 1 where nothing is predicted.
    """

    def error(temperature: float) -> float:
        cooled = at_temperature(emissions, transitions, temperature)
        scores = infer(cooled[0], lengths, cooled[1]).path_probabilities(*stretches[:3])
        return reliability(scores, stretches.correct, n_bins=n_bins, equal=equal).expected_calibration_error

    if not len(stretches.correct):
        return 1.0
    step = math.log(HIGHEST / LOWEST) / 40
    best = min((LOWEST * math.exp(step * i) for i in range(41)), key=error)
    found = _minimum(error, best * math.exp(-step), best * math.exp(step))
    return min((found, best), key=error)


def _minimum(function: Callable[[float], float], low: float, high: float) -> float:
    """The minimum of a function with one valley, by golden-section search on a logarithmic scale (Kiefer 1953)."""
    ratio = (math.sqrt(5) - 1) / 2
    a, b = math.log(low), math.log(high)
    c, d = b - ratio * (b - a), a + ratio * (b - a)
    at_c, at_d = function(math.exp(c)), function(math.exp(d))
    while b - a > 1e-3:
        if at_c <= at_d:
            b, d, at_d = d, c, at_c
            c = b - ratio * (b - a)
            at_c = function(math.exp(c))
        else:
            a, c, at_c = c, d, at_d
            d = a + ratio * (b - a)
            at_d = function(math.exp(d))
    return math.exp((a + b) / 2)
