import pytest
import torch

from spacy_zh_tw_ner.crf import (
    Stretches,
    at_temperature,
    chance_error,
    constrain,
    decode,
    fit_temperature,
    fit_temperature_to_scores,
    infer,
    reliability,
)

from .helpers import bioes, one_hot, random_transitions


def sampled(sharpness: float):
    """Gold drawn from a CRF, token by token, and the same CRF with all its scores too large by `sharpness`."""
    g = torch.Generator().manual_seed(0)
    legal, lengths = bioes(1), [12] * 150
    transitions = constrain(random_transitions(5), legal)
    emissions = torch.randn(sum(lengths), 5, generator=g)
    allowed = torch.ones(emissions.shape, dtype=torch.bool)
    for step in range(12):
        marginals = infer(torch.where(allowed, emissions, -1e30), lengths, transitions).marginals[step::12]
        allowed[step::12] = one_hot(torch.multinomial(marginals, 1, generator=g)[:, 0], 5)
    return *at_temperature(emissions, transitions, 1 / sharpness), lengths, allowed


@pytest.mark.parametrize("sharpness", [0.5, 1.0, 3.0])
def test_finds_the_temperature_that_made_the_data(sharpness: float) -> None:
    emissions, transitions, lengths, allowed = sampled(sharpness)
    assert fit_temperature(emissions, lengths, transitions, allowed) == pytest.approx(sharpness, rel=0.15)


def test_scores_are_calibrated_and_the_best_path_stays() -> None:
    emissions, transitions, lengths, allowed = sampled(3.0)
    tags = decode(emissions, lengths, transitions)
    gold = allowed.to(torch.uint8).argmax(1)
    starts = list(range(0, sum(lengths), 3))
    ends = [start + 3 for start in starts]
    stretches = Stretches(tags, starts, ends, (tags == gold).view(-1, 3).all(1))

    def error(temperature: float) -> float:
        cooled = at_temperature(emissions, transitions, temperature)
        assert torch.equal(decode(cooled[0], lengths, cooled[1]), tags)
        scores = infer(cooled[0], lengths, cooled[1]).path_probabilities(*stretches[:3])
        return reliability(scores, stretches.correct).expected_calibration_error

    fitted = fit_temperature_to_scores(emissions, lengths, transitions, stretches)
    assert error(1.0) > 0.1
    assert error(fitted) < 0.05
    assert fitted == pytest.approx(3.0, rel=0.3)


def test_bins_by_hand() -> None:
    scores = torch.tensor([0.1, 0.2, 0.8, 0.9])
    correct = torch.tensor([False, True, True, True])
    halves = reliability(scores, correct, n_bins=2)
    assert halves.counts.tolist() == [2, 2]
    assert halves.confidence.tolist() == pytest.approx([0.15, 0.85])
    assert halves.accuracy.tolist() == [0.5, 1.0]
    assert halves.expected_calibration_error == pytest.approx((0.35 + 0.15) / 2)
    wide = reliability(scores, correct, n_bins=4, equal="width")
    assert wide.lowest.tolist() == [0.0, 0.75]
    assert wide.highest.tolist() == [0.25, 1.0]
    assert wide.expected_calibration_error == pytest.approx(halves.expected_calibration_error)
    assert reliability(torch.tensor([1.0]), torch.tensor([True]), equal="width").expected_calibration_error == 0.0


def test_nothing_predicted_is_no_error() -> None:
    nothing = torch.empty(0)
    assert reliability(nothing, nothing.bool()).expected_calibration_error == 0.0
    assert reliability(nothing, nothing.bool(), equal="width").expected_calibration_error == 0.0
    empty = Stretches(torch.zeros(2, dtype=torch.long), [], [], nothing.bool())
    assert fit_temperature_to_scores(torch.zeros(2, 2), [2], random_transitions(2), empty) == 1.0


def test_broken_requests_are_named() -> None:
    for kwargs in ({"equal": "weight"}, {"n_bins": 0}):
        with pytest.raises(ValueError, match="ZT112"):
            reliability(torch.zeros(2), torch.zeros(2, dtype=torch.bool), **kwargs)
    with pytest.raises(ValueError, match="ZT112"):
        reliability(torch.zeros(2), torch.zeros(3, dtype=torch.bool))


def test_scores_that_are_right_have_the_error_of_chance() -> None:
    generator = torch.Generator().manual_seed(3)
    scores = torch.rand(600, generator=generator) * 0.6 + 0.4
    expected = chance_error(scores, n_bins=10)
    right = [torch.rand(600, generator=generator) < scores for _ in range(50)]
    seen = [reliability(scores, drawn, n_bins=10).expected_calibration_error for drawn in right]
    assert sum(seen) / 50 == pytest.approx(expected, rel=0.1)
    # More entities leave less to chance.
    assert chance_error(scores.repeat(16), n_bins=10) == pytest.approx(expected / 4, rel=0.15)
    assert chance_error(scores, n_bins=10) == expected
    assert chance_error(torch.empty(0)) == 0.0
