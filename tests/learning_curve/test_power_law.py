"""Fit of the inverse power law, and its extrapolation."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from spacy_zh_tw_ner.learning_curve.power_law import RATES, extrapolate, fit_power_law

SIZES = np.array([140.0, 350.0, 700.0, 1400.0])
TARGETS = np.array([2800.0, 5600.0])


@given(a=st.floats(60, 99), b=st.floats(1, 20), c=st.floats(0.1, 1.5))
def test_an_exact_law_is_found(a: float, b: float, c: float) -> None:
    scores = a - b * (SIZES / 1400) ** -c
    assume(scores.min() >= 0)
    law = fit_power_law(SIZES, scores[None])
    assert law.at(SIZES)[0] == pytest.approx(scores, abs=0.2)
    assert law.at(TARGETS)[0] == pytest.approx(a - b * (TARGETS / 1400) ** -c, abs=0.8)


@given(scores=st.lists(st.floats(0, 100), min_size=4, max_size=4))
def test_bounds_hold_and_no_grid_point_is_better(scores: list[float]) -> None:
    measured = np.array(scores)
    law = fit_power_law(SIZES, measured[None])
    assert 0 <= law.a[0] <= 100
    assert law.b[0] >= 0
    assert RATES[0] <= law.c[0] <= RATES[-1]
    error = ((law.a[0] - law.b[0] * (SIZES / 1400) ** -law.c[0] - measured) ** 2).sum()
    for a in (0.0, 50.0, 100.0, measured.mean()):
        for b in (0.0, 5.0, 20.0):
            for c in RATES[::20]:
                assert error <= ((a - b * (SIZES / 1400) ** -c - measured) ** 2).sum() + 1e-6
    predicted = law.at(np.array([100.0, 1000.0, 1e6]))[0]
    assert (np.diff(predicted) >= 0).all()
    assert predicted.max() <= 100


def test_falling_scores_give_a_flat_line() -> None:
    law = fit_power_law(SIZES, np.array([[60.0, 59.0, 58.0, 57.0]]))
    assert (law.a[0], law.b[0]) == (58.5, 0.0)


def test_intervals_contain_the_truth_about_as_often_as_they_say() -> None:
    rng = np.random.default_rng(0)
    truth = 85 - 20 * (np.concatenate([SIZES, TARGETS]) / 1400) ** -0.4
    n, inside = 100, 0
    for _ in range(n):
        of_test = rng.normal(0, 1.2)  # the same test sentences in all runs
        scores = truth[:4, None] + of_test + rng.normal(0, 0.8, (4, 2))
        resampled = scores[None] + rng.normal(0, 1.2, (400, 1, 1))
        _, (two, _) = extrapolate(SIZES, scores, resampled, TARGETS, seed=1)
        inside += two.low <= truth[4] + of_test + rng.normal(0, 0.8) <= two.high
    assert inside >= 0.9 * n


def test_a_single_seed_leaves_out_the_variation_between_runs() -> None:
    scores = np.array([[40.0], [53.0], [61.0], [66.0]])
    law, predictions = extrapolate(SIZES, scores, np.repeat(scores[None], 50, axis=0), TARGETS)
    assert [one.size for one in predictions] == TARGETS.tolist()
    for one, expected in zip(predictions, law.at(TARGETS)[0], strict=True):
        assert one.f == pytest.approx(expected)
        assert one.low == pytest.approx(one.f) == one.high


def test_more_variation_between_seeds_widens_the_interval() -> None:
    middle = np.array([40.0, 53.0, 61.0, 66.0])
    widths = []
    for spread in (0.2, 2.0):
        scores = np.stack([middle - spread, middle + spread], axis=1)
        _, (_, four) = extrapolate(SIZES, scores, np.repeat(scores[None], 200, axis=0), TARGETS)
        widths.append(four.high - four.low)
    assert widths[0] < widths[1]
