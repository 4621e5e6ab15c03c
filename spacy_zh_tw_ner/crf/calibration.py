"""Calibration of scores: reliability, expected calibration error, and temperature scaling.

Guo et al. (2017), "On Calibration of Modern Neural Networks", divide the scores of a classifier by one number, fitted
on held-out data. Here emissions and transitions are divided by the same temperature. So the order of the paths, and
with it the best path, stays the same; only the probabilities change.
"""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from ..errors import Errors, SettingError
from .likelihood import log_likelihood
from .transitions import BoolsT, FloatsT, IntsT, Transitions, at_temperature

LOWEST, HIGHEST = 0.05, 20.0  # bounds of the fitted temperature
DRAWS = 200  # random draws from which `chance_error` estimates a mean


class Reliability(NamedTuple):
    """Data of a reliability diagram: one value per non-empty bin, each array of shape (n_bins,).

    lowest, highest: the lowest and the highest score in the bin. confidence: mean score. accuracy: share of the
    predictions that are correct. counts: number of scores.
    """

    lowest: FloatsT
    highest: FloatsT
    confidence: FloatsT
    accuracy: FloatsT
    counts: IntsT

    @property
    def expected_calibration_error(self) -> float:
        """Mean of |accuracy − confidence| over the bins, weighted by count (Naeini et al. 2015); 0 without scores."""
        gaps = np.abs(self.accuracy - self.confidence) * self.counts
        return float(gaps.sum() / self.counts.sum()) if len(self.counts) else 0.0


def reliability(scores: FloatsT, correct: BoolsT, *, n_bins: int = 15) -> Reliability:
    """Sort scores into bins, and compute confidence and accuracy of each bin.

    The numbers of scores in two bins differ by at most 1 (Nixon et al. 2019). If the bins had equal width instead, most
    bins would be empty for a confident model.

    scores (np.ndarray): (n,) predicted probabilities.
    correct (np.ndarray): (n,) bool: whether each prediction is correct.
    n_bins (int): Largest number of bins. 15 are usual.
    RETURNS (Reliability): The non-empty bins.
    RAISES (SettingError): If n_bins is less than 1, or the two arrays differ in shape.
    """
    if n_bins < 1:
        raise SettingError(Errors.ZT112.format(name="n_bins", value=n_bins, remedy="Give 1 or more."))
    if scores.shape != correct.shape:
        remedy = f"Give one value for each score, with the shape {scores.shape} of `scores`."
        raise SettingError(Errors.ZT112.format(name="correct.shape", value=correct.shape, remedy=remedy))
    order = np.argsort(scores, kind="stable")
    p, right = scores[order].astype(np.float64), correct[order].astype(np.float64)
    bins = np.arange(len(p)) * n_bins // max(1, len(p))
    counts = np.bincount(bins, minlength=n_bins)
    used = counts > 0
    ends = counts.cumsum()[used]
    counts = counts[used]
    confidence, accuracy = (np.bincount(bins, values, n_bins)[used] / counts for values in (p, right))
    return Reliability(p[ends - counts], p[ends - 1], confidence, accuracy, counts)


def chance_error(scores: FloatsT, *, n_bins: int = 15) -> float:
    """Return the expected calibration error that perfectly calibrated scores have by chance.

    In a bin of a few dozen entities the accuracy differs from the confidence by chance, so even a perfectly calibrated
    model has an error above 0 (Roelofs et al. 2022, "Mitigating Bias in Calibration Error Estimation").

    scores (np.ndarray): (n,) probabilities.
    n_bins (int): Largest number of bins.
    RETURNS (float): Mean error over random draws. In each draw, a prediction with score p is correct with
        probability p. The seed is fixed.
    """
    generator, scores = np.random.default_rng(0), scores.astype(np.float64)
    draws = (generator.random(len(scores)) < scores for _ in range(DRAWS))
    errors = [reliability(scores, drawn, n_bins=n_bins).expected_calibration_error for drawn in draws]
    return sum(errors) / DRAWS


def fit_temperature(emissions: FloatsT, lengths: Sequence[int], transitions: Transitions, gold_mask: BoolsT) -> float:
    """Fit the temperature that maximizes the likelihood of the gold tags.

    The negated log-likelihood is convex in 1 / temperature, so there is one minimum.

    emissions (np.ndarray): (n_rows, n_tags) emissions of held-out data.
    lengths (Sequence[int]): Number of rows of each sequence.
    transitions (Transitions): Constrained transition scores.
    gold_mask (np.ndarray): (n_rows, n_tags) bool: the tags that each token may have. A token with a gold tag may have
        only this tag, and a token without annotation may have any tag.
    RETURNS (float): The temperature, from 0.05 to 20.
    """

    def loss(temperature: float) -> float:
        cooled = at_temperature(emissions, transitions, temperature)
        values = log_likelihood(cooled[0], lengths, cooled[1], gold_mask).log_likelihood
        return -float(values.astype(np.float64).sum())

    return _minimum(loss, LOWEST, HIGHEST)


def _minimum(function: Callable[[float], float], low: float, high: float) -> float:
    """Return the x from low to high that minimizes a unimodal function.

    It is found by golden-section search on a logarithmic scale (Kiefer 1953).
    """
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
