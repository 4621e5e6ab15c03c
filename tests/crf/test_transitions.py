"""Test forbidden cells of the emissions against an enumeration of the paths without them."""

from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from spacy_zh_tw_ner import crf
from spacy_zh_tw_ner.crf import PENALTY, Transitions

from .helpers import (
    LongSequence,
    as_array,
    as_arrays,
    as_tensors,
    bioes,
    both_paths,
    constrain,
    constrained,
    decode,
    infer,
    log_likelihood,
    one_hot,
    probable_segments,
    random_transitions,
)
from .test_long_sequences import assert_same
from .test_oracle import log_sum, path_scores
from .test_probable_spans import patterns

EDGES = [1, 3, 4]  # B, E and S of one label


def constrain_emissions(emissions: torch.Tensor, rows: np.ndarray, tags: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(crf.constrain_emissions(as_array(emissions), rows, tags))


def at_temperature(
    emissions: torch.Tensor, transitions: Transitions, temperature: float
) -> tuple[torch.Tensor, Transitions]:
    cooled = crf.at_temperature(as_array(emissions), as_arrays(transitions), temperature)
    return torch.from_numpy(cooled[0]), as_tensors(cooled[1])


@st.composite
def masked(draw: st.DrawFn) -> tuple[torch.Tensor, Transitions]:
    """Draw (n, 5) emissions in which some tokens may be neither the first nor the last of an entity."""
    n = draw(st.integers(1, 6))
    blocked = np.flatnonzero(draw(st.lists(st.booleans(), min_size=n, max_size=n)))
    g = torch.Generator().manual_seed(draw(st.integers(0, 999)))
    emissions = torch.randn(n, 5, generator=g) * draw(st.sampled_from([0.0, 1.0, 10.0]))
    rows, tags = np.repeat(blocked, len(EDGES)), np.tile(EDGES, len(blocked))
    return constrain_emissions(emissions, rows, tags), constrained(bioes(1), draw(st.integers(0, 99)))


@both_paths
@settings(max_examples=40, deadline=None)
@given(sequence=masked(), temperature=st.sampled_from([1.0, 0.05, 20.0]))
def test_results_equal_enumeration_of_the_allowed_paths(
    compiled: bool, sequence: tuple[torch.Tensor, Transitions], temperature: float
) -> None:
    emissions, transitions = at_temperature(*sequence, temperature)
    n = len(emissions)
    scores = path_scores(emissions, transitions)
    log_z, best = log_sum(scores.values()), sorted(scores.values(), reverse=True)
    tolerance = {"rel": 1e-5, "abs": 1e-4}
    assert scores[tuple(decode(emissions, [n], transitions, compiled=compiled).tolist())] == pytest.approx(
        best[0], **tolerance
    )
    posterior = infer(emissions, [n], transitions, compiled=compiled)
    assert float(posterior.log_z[0]) == pytest.approx(log_z, **tolerance)
    expected = torch.zeros(n, 5, dtype=torch.float64)
    for path, score in scores.items():
        expected[torch.arange(n), list(path)] += np.exp(score - log_z)
    torch.testing.assert_close(posterior.marginals.double(), expected, atol=2e-5, rtol=1e-4)
    assert (posterior.marginals[emissions < PENALTY / 2] == 0).all()
    for segment in probable_segments(posterior, patterns(1), 0.01):
        tags = (4,) if segment.end - segment.start == 1 else (1, *[2] * (segment.end - segment.start - 2), 3)
        inside = [np.exp(s - log_z) for path, s in scores.items() if path[segment.start : segment.end] == tags]
        assert segment.score == pytest.approx(sum(inside), abs=1e-4)


@both_paths
@settings(max_examples=25, deadline=None)
@given(sequence=masked(), size=st.integers(1, 7))
def test_forbidden_cells_apply_in_chunks(compiled: bool, sequence: tuple[torch.Tensor, Transitions], size: int) -> None:
    emissions, transitions = sequence
    if not (LongSequence(emissions, transitions, size=size).decode() == 0).all():
        assert_same(emissions, transitions, size, compiled, emissions)


@both_paths
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("partly", [False, True])
def test_gradient_is_that_of_the_allowed_paths(smoothing: float, partly: bool, compiled: bool) -> None:
    g = torch.Generator().manual_seed(0)
    legal, lengths = bioes(2), [4, 6]
    plain = Transitions(*random_transitions(9))
    rows, tags = np.repeat([1, 5, 7, 8], 6), np.tile([1, 3, 4, 5, 7, 8], 4)
    emissions = constrain_emissions(torch.randn(10, 9, generator=g), rows, tags)
    gold = torch.tensor([5, 6, 7, 0, 4, 0, 1, 2, 2, 3])
    allowed = one_hot(gold, 9)
    if partly:
        allowed[[1, 7]] = True

    def run(e: torch.Tensor, *t: torch.Tensor):
        scores = constrain(Transitions(*t), legal)
        return log_likelihood(e, lengths, scores, allowed, smoothing=smoothing, compiled=compiled)

    got = run(emissions, *plain)
    assert (got.emissions[rows, tags] == 0).all()
    assert torch.isfinite(got.log_likelihood).all()
    paths = [path for path in product(range(9), repeat=4) if emissions[range(4), path].min() > PENALTY / 2]
    if not smoothing and not partly:
        scores = path_scores(emissions[:4], constrain(plain, legal))
        assert set(scores) <= set(paths)
        expected = scores[tuple(gold[:4].tolist())] - log_sum(scores.values())
        assert float(got.log_likelihood[0]) == pytest.approx(expected, abs=1e-4)
    arrays, gradients = [emissions, *plain], [got.emissions, *got.transitions]
    for i, gradient in enumerate(gradients):
        direction = torch.randn(arrays[i].shape, generator=g)
        losses = []
        for step in (1e-2, -1e-2):
            changed = arrays[i] + direction * step  # adding to PENALTY does not change it, because of rounding
            losses.append(-float(run(*arrays[:i], changed, *arrays[i + 1 :]).log_likelihood.double().sum()))
        slope = (losses[0] - losses[1]) / 2e-2
        assert slope == pytest.approx(float((direction * gradient).sum()), abs=5e-3, rel=3e-3)


def test_emissions_without_forbidden_cells_are_not_copied() -> None:
    emissions, nothing = np.zeros((2, 5), np.float32), np.zeros(0, dtype=np.intp)
    assert crf.constrain_emissions(emissions, nothing, nothing) is emissions


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_temperature_keeps_nan(temperature: float) -> None:
    emissions = np.array([[0.0, 1.0], [np.nan, 0.0]], dtype=np.float32)
    free = Transitions(*(np.zeros(shape, dtype=np.float32) for shape in ((2, 2), (2,), (2,))))
    divided, cooled = crf.at_temperature(emissions, free, temperature)
    with pytest.raises(ValueError, match="ZT102"):
        crf.decode(divided, [2], cooled)
