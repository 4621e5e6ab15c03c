"""The logistic regression is at its minimum, and scores of sites are combined to scores of sentences."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_zh_tw_ner.entities import Entity
from spacy_zh_tw_ner.error_detection.ranking import L2, LogisticRegression, error_probabilities, sentence_scores
from spacy_zh_tw_ner.error_detection.sites import Site


def site(sentence: int, p: float, *features: float, is_gold: bool = True) -> Site:
    return Site(sentence, Entity(0, 1, "X"), is_gold, p, features)


@given(st.integers(0, 999))
def test_the_regression_is_at_the_minimum_of_its_loss(seed: int) -> None:
    random = np.random.RandomState(seed)
    features, labels = random.randn(40, 3) * [1, 10, 0], random.rand(40) < 0.3
    weights = random.rand(40) + 0.1
    fitted = LogisticRegression(features, labels, weights)
    inputs = fitted._standardize(features)
    best = fitted._weights.copy()

    def loss(w: np.ndarray) -> float:
        z = inputs @ w
        return float(weights @ (np.logaddexp(0, z) - labels * z) + 0.5 * L2 * (w[:-1] ** 2).sum())

    for step in np.vstack([np.eye(4), -np.eye(4)]) * 1e-3:
        assert loss(best) <= loss(best + step) + 1e-9


def test_what_resembles_planted_errors_is_probably_wrong() -> None:
    sites = [site(i, 0.9, -0.1 - 0.01 * i) for i in range(20)] + [site(20, 0.1, -8.0)]
    planted = [site(i, 0.1, -8.0 + 0.1 * i) for i in range(10)]
    found = error_probabilities(sites, planted, rounds=5)
    assert found[-1] > 0.5
    assert found[:-1].max() < 0.1


def test_without_planted_errors_the_probabilities_are_those_of_the_model() -> None:
    found = error_probabilities([site(0, 0.9, 0.0), site(0, 0.7, 0.0, is_gold=False)], [], rounds=5)
    assert found == pytest.approx([0.1, 0.7])


def test_equal_features_of_planted_errors_and_sites_are_no_error() -> None:
    found = error_probabilities([site(0, 0.5, 1.0), site(1, 0.5, 1.0)], [site(0, 0.5, 1.0)], rounds=1)
    assert np.isfinite(found).all()


def test_the_score_of_a_sentence_is_the_probability_of_any_error() -> None:
    sites = [site(0, 0.5, 0.0), site(0, 0.5, 0.0), site(2, 0.5, 0.0)]
    assert sentence_scores(sites, np.array([0.5, 0.2, 1.0]), 3) == pytest.approx([0.6, 0.0, 1.0])
