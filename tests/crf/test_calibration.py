"""Test the fitted temperature and the bins of a reliability diagram."""

import numpy as np
import pytest

from spacy_zh_tw_ner.crf import (
    Transitions,
    at_temperature,
    chance_error,
    constrain,
    decode,
    fit_temperature,
    infer,
    reliability,
)

from .helpers import as_arrays, bioes, random_transitions


def sampled(sharpness: float) -> tuple[np.ndarray, Transitions, list[int], np.ndarray]:
    """Draw gold tags from a CRF, token by token; return them with the scores of the CRF multiplied by `sharpness`."""
    generator, lengths = np.random.default_rng(0), [12] * 150
    transitions = constrain(as_arrays(random_transitions(5)), as_arrays(bioes(1)))
    emissions = generator.standard_normal((sum(lengths), 5)).astype(np.float32)
    gold = np.ones(emissions.shape, dtype=bool)
    for step in range(12):
        marginals = infer(np.where(gold, emissions, -1e30), lengths, transitions).marginals[step::12]
        tags = (marginals.cumsum(1) > generator.random((150, 1)) * marginals.sum(1, keepdims=True)).argmax(1)
        gold[step::12] = np.eye(5, dtype=bool)[tags]
    return *at_temperature(emissions, transitions, 1 / sharpness), lengths, gold


@pytest.mark.parametrize("sharpness", [0.5, 1.0, 3.0])
def test_fit_finds_the_temperature_of_sampled_data(sharpness: float) -> None:
    emissions, transitions, lengths, gold = sampled(sharpness)
    assert fit_temperature(emissions, lengths, transitions, gold) == pytest.approx(sharpness, rel=0.15)


def test_fitted_temperature_calibrates_scores_and_keeps_the_best_path() -> None:
    emissions, transitions, lengths, gold = sampled(3.0)
    tags = decode(emissions, lengths, transitions)
    starts = list(range(0, sum(lengths), 3))
    ends = [start + 3 for start in starts]
    correct = (tags == gold.argmax(1)).reshape(-1, 3).all(1)

    def error(temperature: float) -> float:
        cooled = at_temperature(emissions, transitions, temperature)
        assert np.array_equal(decode(cooled[0], lengths, cooled[1]), tags)
        scores = infer(cooled[0], lengths, cooled[1]).path_probabilities(tags, starts, ends)
        return reliability(scores, correct).expected_calibration_error

    fitted = fit_temperature(emissions, lengths, transitions, gold)
    assert error(1.0) > 0.1
    assert error(fitted) < error(1.0) / 2
    assert error(fitted) == pytest.approx(error(3.0), abs=0.02)  # the rest is chance of this sample


def test_bins_equal_those_computed_by_hand() -> None:
    scores = np.array([0.1, 0.2, 0.8, 0.9])
    correct = np.array([False, True, True, True])
    halves = reliability(scores, correct, n_bins=2)
    assert halves.counts.tolist() == [2, 2]
    assert halves.confidence.tolist() == pytest.approx([0.15, 0.85])
    assert halves.accuracy.tolist() == [0.5, 1.0]
    assert halves.expected_calibration_error == pytest.approx((0.35 + 0.15) / 2)
    assert halves.lowest.tolist() == [0.1, 0.8]
    assert halves.highest.tolist() == [0.2, 0.9]
    assert reliability(np.array([1.0]), np.array([True])).expected_calibration_error == 0.0


def test_calibration_error_without_predictions_is_zero() -> None:
    nothing = np.empty(0)
    assert reliability(nothing, nothing.astype(bool)).expected_calibration_error == 0.0


def test_invalid_arguments_raise() -> None:
    with pytest.raises(ValueError, match="ZT112"):
        reliability(np.zeros(2), np.zeros(2, dtype=bool), n_bins=0)
    with pytest.raises(ValueError, match="ZT112"):
        reliability(np.zeros(2), np.zeros(3, dtype=bool))


def test_calibrated_scores_have_the_error_of_chance() -> None:
    generator = np.random.default_rng(3)
    scores = generator.random(600) * 0.6 + 0.4
    expected = chance_error(scores, n_bins=10)
    right = [generator.random(600) < scores for _ in range(50)]
    seen = [reliability(scores, drawn, n_bins=10).expected_calibration_error for drawn in right]
    assert sum(seen) / 50 == pytest.approx(expected, rel=0.1)
    # The error by chance falls with the root of the number of entities.
    assert chance_error(np.tile(scores, 16), n_bins=10) == pytest.approx(expected / 4, rel=0.15)
    assert chance_error(scores, n_bins=10) == expected
    assert chance_error(np.empty(0)) == 0.0
