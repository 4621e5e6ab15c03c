"""What runs on numpy arrays for the CPU runs on tensors too, which is what an accelerator gets."""

import pytest
import torch

from spacy_zh_tw_ner.crf import arrays, infer, layout, log_likelihood

from .helpers import bioes, constrained, legal_path, one_hot


@pytest.fixture
def everything_in_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (arrays, layout):
        monkeypatch.setattr(module, "namespace_at", lambda device: torch)


def outcome(scale: float, smoothing: float) -> list[torch.Tensor]:
    """Of a batch in which gold is known, partly known and unknown; with a scale of 1e4, float32 does not hold it."""
    legal, g = bioes(3), torch.Generator().manual_seed(0)
    lengths, transitions = [150, 0, 7, 1, 40, 9], constrained(legal)
    emissions = (torch.rand(sum(lengths), 13, generator=g) * 2 - 1) * scale
    allowed = one_hot([tag for n in lengths if n for tag in legal_path(legal, n, g)], 13)
    allowed[150:153] = True
    allowed[-9:] = True
    likelihood = log_likelihood(emissions, lengths, transitions, allowed, smoothing=smoothing, compiled=False)
    posterior = infer(emissions, lengths, transitions, compiled=False)
    return [
        likelihood.log_likelihood, likelihood.emissions, *likelihood.transitions, posterior.marginals, posterior.log_z
    ]  # fmt: skip


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("scale", [1.0, 1e4])
def test_both_namespaces_give_the_same(scale: float, smoothing: float, request: pytest.FixtureRequest) -> None:
    from_numpy = outcome(scale, smoothing)
    request.getfixturevalue("everything_in_torch")
    assert layout.Layout([1], torch.device("cpu")).xp is torch
    for one, other in zip(from_numpy, outcome(scale, smoothing), strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-5)


def test_an_empty_batch_in_torch(everything_in_torch: None) -> None:
    got = log_likelihood(torch.zeros(0, 13), [0, 0], constrained(bioes(3)), torch.zeros(0, 13).bool(), compiled=False)
    assert got.log_likelihood.tolist() == [0.0, 0.0]
    assert not got.transitions.matrix.any()
