"""Test label smoothing and weights of the CRF against enumeration and finite differences."""

import numpy as np
import pytest
import torch

from spacy_zh_tw_ner import crf
from spacy_zh_tw_ner.errors import SettingError

from .helpers import (
    as_arrays,
    bioes,
    both_paths,
    constrain,
    constrained,
    legal_path,
    log_likelihood,
    one_hot,
    random_transitions,
)
from .test_oracle import log_sum, path_scores


@both_paths
@pytest.mark.parametrize("share", [0.1, 0.7])
def test_smoothing_equals_enumeration_and_skips_partly_annotated_sequences(share: float, compiled: bool) -> None:
    legal = bioes(1)
    transitions, lengths, g = constrained(legal), [4, 0, 1, 3], torch.Generator().manual_seed(0)
    emissions = torch.randn(8, 5, generator=g)
    tags = [legal_path(legal, n, g) if n else [] for n in lengths]
    allowed = one_hot([tag for path in tags for tag in path], 5)
    allowed[6] = True  # a token of the last sequence is not annotated
    got = log_likelihood(emissions, lengths, transitions, allowed, smoothing=share, compiled=compiled)
    plain = log_likelihood(emissions, lengths, transitions, allowed, compiled=compiled)
    row = 0
    for b, n in enumerate(lengths[:3]):
        if n:
            scores = path_scores(emissions[row : row + n], transitions)
            log_z = log_sum(scores.values())
            even = np.mean([score - log_z for score in scores.values()])
            expected = (1 - share) * (scores[tuple(tags[b])] - log_z) + share * even
            assert float(got.log_likelihood[b]) == pytest.approx(expected, abs=1e-4)
        row += n
    assert got.log_likelihood[3] == plain.log_likelihood[3]
    torch.testing.assert_close(got.emissions[5:], plain.emissions[5:])


@both_paths
def test_gradients_of_smoothing_equal_finite_differences(compiled: bool) -> None:
    g = torch.Generator().manual_seed(1)
    legal, lengths = bioes(2), [5, 7]
    scores = random_transitions(9)
    emissions = torch.randn(12, 9, generator=g)
    allowed = one_hot([tag for n in lengths for tag in legal_path(legal, n, g)], 9)

    def loss(e, *t) -> float:
        transitions = constrain(type(scores)(*t), legal)
        return -float(
            log_likelihood(e, lengths, transitions, allowed, smoothing=0.3, compiled=compiled)
            .log_likelihood.double()
            .sum()
        )

    got = log_likelihood(emissions, lengths, constrain(scores, legal), allowed, smoothing=0.3, compiled=compiled)
    arrays, gradients = [emissions, *scores], [got.emissions, *got.transitions]
    for i, gradient in enumerate(gradients):
        direction = torch.randn(arrays[i].shape, generator=g)
        up, down = ([*arrays[:i], arrays[i] + direction * step, *arrays[i + 1 :]] for step in (1e-2, -1e-2))
        slope = (loss(*up) - loss(*down)) / 2e-2
        assert slope == pytest.approx(float((direction * gradient).sum()), abs=5e-3, rel=2e-3)


def test_smoothing_of_one_raises() -> None:
    with pytest.raises(ValueError, match="ZT112"):
        log_likelihood(torch.zeros(1, 2), [1], random_transitions(2), one_hot([0], 2), smoothing=1.0)


def test_weights_equal_enumeration_and_finite_differences() -> None:
    g = torch.Generator().manual_seed(2)
    legal, lengths = bioes(1), [4, 0, 3, 2]
    transitions, emissions = constrained(legal), torch.randn(9, 5, generator=g)
    allowed = torch.ones(9, 5, dtype=torch.bool)
    allowed[0, 2:] = False
    weights = torch.rand(9, 5, generator=g)
    weights[7:] = 1.0  # the last sequence has neither weights nor annotation
    log_weights = weights.log().numpy()
    for compiled in (False, None):
        got = log_likelihood(emissions, lengths, transitions, allowed, log_weights=log_weights, compiled=compiled)
        row = 0
        for b, n in enumerate(lengths):
            if n:
                scores = path_scores(emissions[row : row + n], transitions)
                gold = [
                    score + sum(log_weights[row + t, tag] for t, tag in enumerate(path))
                    for path, score in scores.items()
                    if all(allowed[row + t, tag] for t, tag in enumerate(path))
                ]
                assert float(got.log_likelihood[b]) == pytest.approx(log_sum(gold) - log_sum(scores.values()), abs=1e-4)
            row += n
        assert not got.emissions[7:].any()

        def value(e: torch.Tensor, compiled: bool | None = compiled) -> float:
            found = log_likelihood(e, lengths, transitions, allowed, log_weights=log_weights, compiled=compiled)
            return -float(found.log_likelihood.double().sum())

        direction = torch.randn(emissions.shape, generator=g)
        slope = (value(emissions + 1e-2 * direction) - value(emissions - 1e-2 * direction)) / 2e-2
        assert slope == pytest.approx(float((direction * got.emissions).sum()), abs=5e-3, rel=2e-3)


@both_paths
def test_a_weight_of_0_is_the_mask_and_of_1_is_nothing(compiled: bool) -> None:
    g = torch.Generator().manual_seed(3)
    legal, lengths = bioes(2), [5, 6]
    transitions, emissions = constrained(legal), torch.randn(11, 9, generator=g) * 3
    everything, only_o = torch.ones(11, 9, dtype=torch.bool), torch.zeros(11, 9, dtype=torch.bool)
    only_o[:, 0] = True
    log_weights = np.zeros((11, 9), np.float32)
    same = log_likelihood(emissions, lengths, transitions, everything, log_weights=log_weights, compiled=compiled)
    assert not same.log_likelihood.any()
    assert not same.emissions.any()
    log_weights[:, 1:] = -np.inf
    got = log_likelihood(emissions, lengths, transitions, everything, log_weights=log_weights, compiled=compiled)
    expected = log_likelihood(emissions, lengths, transitions, only_o, compiled=compiled)
    torch.testing.assert_close(got.log_likelihood, expected.log_likelihood, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(got.emissions, expected.emissions, rtol=1e-4, atol=1e-4)


def test_weighted_sequences_that_underflow_are_recomputed() -> None:
    legal = bioes(1)
    emissions, transitions = torch.zeros(40, 5), constrained(legal)
    emissions[::2, 0], emissions[1::2, 0] = 200.0, -200.0
    log_weights = np.zeros((40, 5), np.float32)
    log_weights[:, 1:] = np.log(0.1)
    allowed = torch.ones(40, 5, dtype=torch.bool)
    got = log_likelihood(emissions, [40], transitions, allowed, log_weights=log_weights, compiled=False)
    exact = crf.reference.run_reference(emissions.numpy(), as_arrays(transitions))
    gold = crf.reference.run_reference(emissions.numpy() + log_weights, as_arrays(transitions))
    assert float(got.log_likelihood[0]) == pytest.approx(gold.log_z - exact.log_z, rel=1e-4, abs=1e-3)


@pytest.mark.parametrize("wrong", [np.zeros((2, 2), np.float32), np.full((1, 2), 0.5, np.float32)])
def test_weights_of_another_shape_or_above_1_raise(wrong: np.ndarray) -> None:
    with pytest.raises(SettingError, match="ZT776"):
        log_likelihood(torch.zeros(1, 2), [1], random_transitions(2), one_hot([0], 2), log_weights=wrong)
