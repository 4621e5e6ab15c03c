"""Fit an inverse power law to F over the amount of training data, and extrapolate it with intervals.

    F(n) = a − b · n^−c        0 ≤ a ≤ 100, b ≥ 0, RATES[0] ≤ c ≤ RATES[-1]

n is the amount of training data, and a, b and c are fitted. RATES are the values that c may have, from 0.05 to 2.
The law has a limit `a`, which more data cannot exceed, and it describes learning curves of classifiers, of translation
and of entity recognizers well (Cortes et al. 1994, "Learning Curves: Asymptotic Values and Rate of Convergence";
Kolachina et al. 2012, "Prediction of Learning Curves in Machine Translation"; Figueroa et al. 2012, "Predicting Sample
Size Required for Classification Performance"). It is fitted by least squares. For a given c, F is linear in a and b, so
the best a and b have a closed form. Only c is searched for, on the grid RATES (variable projection, Golub and Pereyra
1973). So the result is the global minimum on this grid, and no starting point is needed.

The intervals are computed by a bootstrap. The law is fitted again and again, each time to scores in which two causes of
variation are simulated: the choice of the test sentences, and the seeds of the runs. Two other causes of error are not
in the intervals. First, the true curve may not be a power law (Viering and Loog 2023, "The Shape of Learning Curves: a
Review", find such curves). Second, additional data may differ from the training data in kind or in annotation rules.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

FloatsT = npt.NDArray[np.float64]

HIGHEST = 100.0  # F in percent
RATES = np.geomspace(0.05, 2.0, 200)  # the grid of c


class PowerLaw(NamedTuple):
    """Parameters of one or more laws F(n) = a − b · n^−c.

    a, b, c: (n_laws,) one value per law.
    unit: Amount of data, such as a number of sentences, that corresponds to n = 1.
    """

    a: FloatsT
    b: FloatsT
    c: FloatsT
    unit: float

    def at(self, sizes: FloatsT) -> FloatsT:
        """Return the F of each law at each amount of data.

        sizes (FloatsT): (n_sizes,) amounts of data, in the same unit as those to which the laws were fitted.
        RETURNS (FloatsT): (n_laws, n_sizes) F in percent, from 0 to 100.
        """
        found = self.a[:, None] - self.b[:, None] * (sizes[None] / self.unit) ** -self.c[:, None]
        return np.asarray(np.clip(found, 0.0, HIGHEST))


class SizedScore(NamedTuple):
    """Measured or predicted F of a pipeline that is trained on some amount of data.

    size: The amount of data, a number of sentences. f: F in percent. low, high: Ends of its 95 % interval.
    """

    size: float
    f: float
    low: float
    high: float


def fit_power_law(sizes: FloatsT, scores: FloatsT) -> PowerLaw:
    """Fit F = a − b · n^−c by least squares within the bounds of the module's docstring.

    sizes (FloatsT): (n_sizes,) amounts of data, such as numbers of sentences. The largest one is the unit of n.
    scores (FloatsT): (n_laws, n_sizes) F in percent. One law is fitted to each row.
    RETURNS (PowerLaw): The laws.
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

    An interval is for the F of one further run that is scored on the same test data. It is computed by a bootstrap with
    these steps in each resample:

    1. The variance between seeds, s², is drawn from its scaled inverse χ² distribution, because it is uncertain if
       there are few seeds. With a single seed, it is unknown and taken as 0.
    2. At each size, the mean F over seeds on the resampled test sentences gets normal noise with the variance
       s² / n_seeds.
    3. A law is fitted to these means, and F is predicted for the targets.
    4. The prediction gets normal noise with the variance s², the variation of one run.

    sizes (FloatsT): (n_sizes,) amounts of data on which the runs were trained.
    scores (FloatsT): (n_sizes, n_seeds) measured F in percent.
    resampled (FloatsT): (resamples, n_sizes, n_seeds) F on resampled test sentences, the same sentences for all runs.
    targets (FloatsT): (n_targets,) amounts of data for which F is predicted.
    seed (int): Seed of the noise.
    RETURNS (tuple[PowerLaw, list[SizedScore]]): The law fitted to the measured scores, and its prediction for each
        target with the interval.
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
