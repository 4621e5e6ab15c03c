"""Test label smoothing of the CRF against enumeration and finite differences."""

import numpy as np
import pytest
import torch

from .helpers import bioes, both_paths, constrain, constrained, legal_path, log_likelihood, one_hot, random_transitions
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
