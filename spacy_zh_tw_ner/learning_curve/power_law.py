"""Fit an inverse power law to F over the amount of training data, and extrapolate it with intervals.

    F(n) = a − b · n^−c        0 ≤ a ≤ 100, b ≥ 0, RATES[0] ≤ c ≤ RATES[-1]

The law has a limit `a`, which more data cannot exceed, and it describes learning curves of classifiers, of translation
and of entity recognizers well (Cortes et al. 1994, "Learning Curves: Asymptotic Values and Rate of Convergence";
Kolachina et al. 2012, "SizedScore of Learning Curves in Machine Translation"; Figueroa et al. 2012, "Predicting Sample
Size Required for Classification Performance"). It is fitted by least squares. For a given c, F is linear in a and b, so
these have a closed form, and only c is searched for (variable projection, Golub and Pereyra 1973). The result is the
global minimum on the grid of c, without a starting point.

The intervals are a bootstrap: the law is fitted again to scores in which the two known causes of variation are drawn
anew, the sentences of the test data and the seeds of the runs. They do not contain the error of the law itself, which
no bootstrap sees (Viering and Loog 2023, "The Shape of Learning Curves: a Review", find curves that no power law
describes), nor changes of the data: more data must be of the same kind, annotated by the same rules.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

FloatsT = npt.NDArray[np.float64]

HIGHEST = 100.0  # F in percent
RATES = np.geomspace(0.05, 2.0, 200)  # the grid of c


class PowerLaw(NamedTuple):
    """Parameters of one law, or of several as arrays of shape (n,). `unit` is the amount of data at which n = 1."""

    a: FloatsT
    b: FloatsT
    c: FloatsT
    unit: float

    def at(self, sizes: FloatsT) -> FloatsT:
        """Return F for amounts of data.

        sizes (FloatsT): (n_sizes,) amounts.
        RETURNS (FloatsT): (n, n_sizes) values of F in percent.
        """
        found = self.a[:, None] - self.b[:, None] * (sizes[None] / self.unit) ** -self.c[:, None]
        return np.asarray(np.clip(found, 0.0, HIGHEST))


class SizedScore(NamedTuple):
    """F of pipelines that are trained on an amount of data, measured or predicted, and its interval, in percent."""

    size: float
    f: float
    low: float
    high: float


def fit_power_law(sizes: FloatsT, scores: FloatsT) -> PowerLaw:
    """Fit F = a − b · n^−c by least squares within the bounds.

    sizes (FloatsT): (n_sizes,) amounts of data, such as numbers of sentences.
    scores (FloatsT): (n, n_sizes) F in percent; each row is fitted by a law of its own.
    RETURNS (PowerLaw): n laws.
    """
    unit = float(sizes.max())
    powers = (sizes / unit)[None] ** -RATES[:, None]  # (n_rates, n_sizes)
    mean = powers.mean(axis=1)
    centred = powers - mean[:, None]
    means = scores.mean(axis=1, keepdims=True)  # (n, 1)
    b = np.maximum(0.0, -(scores @ centred.T) / (centred**2).sum(axis=1))  # (n, n_rates)
    a = means + b * mean
    # A convex problem: where the free minimum exceeds the bound of a, the minimum lies on this bound.
    beyond = a > HIGHEST
    b = np.where(beyond, ((HIGHEST - scores) @ powers.T) / (powers**2).sum(axis=1), b)
    a = np.where(beyond, HIGHEST, a)
    errors = scores[:, None] - a[..., None] + b[..., None] * powers[None]  # (n, n_rates, n_sizes)
    best = (errors**2).sum(axis=2).argmin(axis=1)
    rows = np.arange(len(scores))
    return PowerLaw(a[rows, best], b[rows, best], RATES[best], unit)


def extrapolate(
    sizes: FloatsT, scores: FloatsT, resampled: FloatsT, targets: FloatsT, *, seed: int = 0
) -> tuple[PowerLaw, list[SizedScore]]:
    """Fit a law to measured scores, and predict F for other amounts of data, with 95 % intervals.

    The interval is for the score of one further training on the same test data. In each resample, the scores are those
    on resampled test sentences, the same sentences for all runs. To the mean over seeds at each size, noise is added
    whose variance is the pooled variance between seeds, divided by the number of seeds; the prediction gets the noise
    of one run. With few seeds the variance is itself uncertain, so it is drawn from its scaled inverse χ² distribution.
    With a single seed, the variation between runs is unknown and left out.

    sizes (FloatsT): (n_sizes,) amounts of data of the runs.
    scores (FloatsT): (n_sizes, n_seeds) F in percent.
    resampled (FloatsT): (resamples, n_sizes, n_seeds) F on resampled test sentences.
    targets (FloatsT): (n_targets,) amounts of data to predict F for.
    seed (int): Seed of the noise.
    RETURNS (tuple[PowerLaw, list[SizedScore]]): The law of the measured scores, and one prediction per target.
    """
    rng = np.random.default_rng(seed)
    n_resamples, n_sizes, n_seeds = resampled.shape
    deviation = np.zeros(n_resamples)
    degrees = n_sizes * (n_seeds - 1)
    if degrees:
        total = ((scores - scores.mean(axis=1, keepdims=True)) ** 2).sum()
        deviation = np.sqrt(total / rng.chisquare(degrees, n_resamples))
    noise = rng.standard_normal((n_resamples, n_sizes)) * deviation[:, None] / np.sqrt(n_seeds)
    drawn = np.clip(resampled.mean(axis=2) + noise, 0.0, HIGHEST)
    of_one_run = rng.standard_normal((n_resamples, 1)) * deviation[:, None]
    predicted = np.clip(fit_power_law(sizes, drawn).at(targets) + of_one_run, 0.0, HIGHEST)
    ends = np.quantile(predicted, [0.025, 0.975], axis=0)
    law = fit_power_law(sizes, scores.mean(axis=1)[None])
    values = zip(targets.tolist(), law.at(targets)[0].tolist(), *ends.tolist(), strict=True)
    return law, [SizedScore(*value) for value in values]
