"""Estimate the probability that an annotation is wrong, by logistic regression on planted errors.

A site is a place where an annotation may be wrong: a gold entity, or a probable entity that overlaps no gold entity.

No list of real errors is needed. Errors are planted in the corpus at random, and a pipeline computes the features of
their sites as of all other sites. The logistic regression is fitted to distinguish the planted errors (positive
examples) from the annotations of the corpus. The latter may be right or wrong, so they are unlabelled examples (Elkan
and Noto 2008, "Learning Classifiers from Only Positive and Unlabeled Data"). The regression is therefore fitted twice.
In the second fit, each unlabelled example has a weight: the probability, from the first fit, that it is right.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from .sites import Site

FloatsT = npt.NDArray[np.float64]
L2 = 1.0  # of the standardized weights
STEPS, TOLERANCE = 50, 1e-8  # of Newton's method


class LogisticRegression:
    """Logistic regression with an L2 penalty on standardized features, fitted by Newton's method.

    The constructor fits it to examples. `predict` then returns probabilities for any examples.

    features (np.ndarray): (n, n_features) features of the examples to fit.
    labels (np.ndarray): (n,) bool: True for positive examples.
    weights (np.ndarray): (n,) weight of each example in the loss, at least 0.
    """

    def __init__(self, features: FloatsT, labels: npt.NDArray[np.bool_], weights: FloatsT) -> None:
        self._mean = np.average(features, axis=0, weights=weights)
        self._scale = np.sqrt(np.average((features - self._mean) ** 2, axis=0, weights=weights))
        self._scale[self._scale < 1e-9] = 1.0
        inputs = self._standardize(features)
        penalty = np.full(inputs.shape[1], L2)
        penalty[-1] = 1e-6  # the intercept; not 0, so that there is always a minimum
        self._weights = np.zeros(inputs.shape[1])
        for _ in range(STEPS):
            p = _sigmoid(inputs @ self._weights)
            gradient = inputs.T @ (weights * (p - labels)) + penalty * self._weights
            hessian = (inputs * (weights * np.maximum(p * (1 - p), 1e-9))[:, None]).T @ inputs + np.diag(penalty)
            step = np.linalg.solve(hessian, gradient)
            self._weights -= step * min(1.0, 5.0 / max(1e-12, float(np.abs(step).max())))
            if np.abs(step).max() < TOLERANCE:
                break

    def predict(self, features: FloatsT) -> FloatsT:
        """Return the probability of the label True for each row of `features`, (n,)."""
        return _sigmoid(self._standardize(features) @ self._weights)

    def _standardize(self, features: FloatsT) -> FloatsT:
        """Standardize features by the mean and deviation of the fitted examples, and append a column of ones.

        RETURNS (np.ndarray): (n, n_features + 1). The ones are the input of the intercept.
        """
        return np.hstack([(features - self._mean) / self._scale, np.ones((len(features), 1))])


def error_probabilities(sites: Sequence[Site], planted: Sequence[Site], rounds: int) -> FloatsT:
    """Estimate the probability that the annotation of each site is wrong.

    A site is a gold entity, or a probable entity that overlaps no gold entity. The two kinds have different features,
    so one regression is fitted for each. A kind without planted errors has no regression. Its sites get the probability
    p under the CRF instead: 1 − p for a gold entity, and p for a probable entity.

    sites (Sequence[Site]): All sites of the corpus.
    planted (Sequence[Site]): The sites of the errors planted in all copies of the corpus.
    rounds (int): Number of these copies.
    RETURNS (np.ndarray): (n_sites,) probabilities. They assume that the corpus has as many wrong annotations as were
        planted in one copy.
    """
    found = np.zeros(len(sites))
    for is_gold in (True, False):
        own = [i for i, site in enumerate(sites) if site.is_gold is is_gold]
        errors = [site.features for site in planted if site.is_gold is is_gold]
        if not own:
            continue
        features = np.array([sites[i].features for i in own])
        if not errors:  # nothing to learn from
            found[own] = [sites[i].probability if not is_gold else 1 - sites[i].probability for i in own]
            continue
        inputs = np.concatenate([features, np.array(errors)])
        labels = np.arange(len(inputs)) >= len(own)
        weights = np.where(labels, 1 / rounds, 1.0)
        weights[: len(own)] -= LogisticRegression(inputs, labels, weights).predict(features)
        found[own] = LogisticRegression(inputs, labels, weights).predict(features)
    return found


def sentence_scores(sites: Sequence[Site], probabilities: FloatsT, n_sentences: int) -> FloatsT:
    """Return, for each sentence, the probability that at least one annotation is wrong: 1 − Π (1 − p), (n_sentences,).

    sites (Sequence[Site]): Sites of all sentences; the errors at different sites are taken as independent.
    probabilities (np.ndarray): (n_sites,) probability p that the annotation of each site is wrong.
    n_sentences (int): Number of sentences.
    """
    log_right = np.zeros(n_sentences)
    for site, p in zip(sites, probabilities, strict=True):
        log_right[site.sentence] += np.log1p(-min(p, 1 - 1e-12))
    return np.asarray(-np.expm1(log_right))


def _sigmoid(x: FloatsT) -> FloatsT:
    return np.asarray(1 / (1 + np.exp(-np.clip(x, -50, 50))))
