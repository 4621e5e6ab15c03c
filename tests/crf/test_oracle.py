"""Test decoding, marginals, likelihood and gradients against an enumeration of all tag sequences in float64."""

from itertools import pairwise, product

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from spacy_zh_tw_ner.crf import PENALTY, Transitions

from .helpers import bioes, both_paths, constrain, decode, infer, log_likelihood


def path_scores(emissions: torch.Tensor, transitions: Transitions) -> dict[tuple[int, ...], float]:
    """Return the score of every legal path of one sequence."""
    e, (a, start, end) = emissions.double().numpy(), (t.double().numpy() for t in transitions)
    scores = {}
    for path in product(range(e.shape[1]), repeat=len(e)):
        score = start[path[0]] + end[path[-1]] + sum(e[i, tag] for i, tag in enumerate(path))
        score += sum(a[i, j] for i, j in pairwise(path))
        if score > PENALTY / 2:
            scores[path] = score
    return scores


def log_sum(scores) -> float:
    return float(torch.logsumexp(torch.tensor(list(scores), dtype=torch.float64), 0))


@st.composite
def batches(draw, max_tags: int = 4, max_length: int = 6):
    k = draw(st.integers(1, max_tags))
    lengths = draw(st.lists(st.integers(0, max_length), min_size=0, max_size=4))
    seed, scale = draw(st.integers(0, 2**31)), draw(st.sampled_from([0.0, 0.1, 1.0, 5.0, 30.0]))
    g = torch.Generator().manual_seed(seed)
    emissions = torch.randn(sum(lengths), k, generator=g) * scale
    scores = Transitions(torch.randn(k, k, generator=g), torch.randn(k, generator=g), torch.randn(k, generator=g))
    return emissions, lengths, scores


def split(emissions, lengths):
    return list(torch.split(emissions, lengths))


@both_paths
@settings(max_examples=25, deadline=None)
@given(batch=batches())
def test_log_z_marginals_and_best_path_equal_enumeration(compiled: bool, batch) -> None:
    emissions, lengths, transitions = batch
    posterior, tags = (
        infer(emissions, lengths, transitions, compiled=compiled),
        decode(emissions, lengths, transitions, compiled=compiled),
    )
    assert tags.shape == (sum(lengths),)
    row = 0
    for b, part in enumerate(split(emissions, lengths)):
        if not len(part):
            assert posterior.log_z[b] == 0
            continue
        scores = path_scores(part, transitions)
        log_z = log_sum(scores.values())
        assert float(posterior.log_z[b]) == pytest.approx(log_z, rel=1e-5, abs=1e-4)
        path = tuple(tags[row : row + len(part)].tolist())
        assert scores[path] == pytest.approx(max(scores.values()), rel=1e-5, abs=1e-4)
        for t, tag in product(range(len(part)), range(part.shape[1])):
            p = sum(np.exp(s - log_z) for q, s in scores.items() if q[t] == tag)
            assert float(posterior.marginals[row + t, tag]) == pytest.approx(p, abs=2e-5)
        for first, last in product(range(len(part)), repeat=2):
            if first <= last:
                part_of_path = path[first : last + 1]
                p = sum(np.exp(s - log_z) for q, s in scores.items() if q[first : last + 1] == part_of_path)
                got = posterior.path_probabilities(tags, [row + first], [row + last + 1])
                assert float(got[0]) == pytest.approx(p, abs=5e-5)
        row += len(part)


@both_paths
@settings(max_examples=25, deadline=None)
@given(batch=batches(), data=st.data())
def test_likelihood_and_gradients_equal_autograd_over_the_enumeration(compiled: bool, batch, data) -> None:
    emissions, lengths, transitions = batch
    k = emissions.shape[1]
    sets = data.draw(
        st.lists(
            st.lists(st.integers(0, k - 1), min_size=1, unique=True), min_size=len(emissions), max_size=len(emissions)
        )
    )
    allowed = torch.zeros(emissions.shape, dtype=torch.bool)
    for row, tags in enumerate(sets):
        allowed[row, tags] = True
    got = log_likelihood(emissions, lengths, transitions, allowed, compiled=compiled)

    e = emissions.double().requires_grad_()
    a, start, end = leaves = [t.double().requires_grad_() for t in transitions]
    total, row = torch.zeros((), dtype=torch.float64), 0
    for b, n in enumerate(lengths):
        if not n:
            assert got.log_likelihood[b] == 0
            continue
        free, gold = [], []
        for path in product(range(k), repeat=n):
            score = start[path[0]] + end[path[-1]] + sum(e[row + i, tag] for i, tag in enumerate(path))
            score = score + sum(a[i, j] for i, j in pairwise(path))
            free.append(score)
            if all(allowed[row + i, tag] for i, tag in enumerate(path)):
                gold.append(score)
        value = torch.logsumexp(torch.stack(gold), 0) - torch.logsumexp(torch.stack(free), 0)
        assert float(got.log_likelihood[b]) == pytest.approx(float(value.detach()), rel=1e-4, abs=2e-3)
        total = total - value
        row += n
    if not row:
        return
    total.backward()
    torch.testing.assert_close(got.emissions.double(), e.grad, atol=2e-5, rtol=1e-4)
    for seen, leaf in zip(got.transitions, leaves, strict=True):
        torch.testing.assert_close(
            seen.double(), leaf.grad if leaf.grad is not None else torch.zeros_like(leaf), atol=1e-4, rtol=1e-4
        )


@both_paths
@pytest.mark.parametrize("scale", [0.0, 1.0, 1e4])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_constraints_hold_for_any_emissions(scale: float, dtype: torch.dtype, compiled: bool) -> None:
    legal = bioes(3)
    k, lengths = len(legal.start), [1, 7, 0, 40, 2]
    g = torch.Generator().manual_seed(0)
    emissions = (torch.randn(sum(lengths), k, generator=g).clamp(-1, 1) * scale).to(dtype)
    transitions = constrain(Transitions(*(torch.zeros(x.shape) for x in legal)), legal)
    tags, posterior = (
        decode(emissions, lengths, transitions, compiled=compiled),
        infer(emissions, lengths, transitions, compiled=compiled),
    )
    for part in split(tags, lengths):
        if len(part):
            assert legal.start[part[0]]
            assert legal.end[part[-1]]
            assert legal.matrix[part[:-1], part[1:]].all()
    assert torch.isfinite(posterior.marginals).all()
    torch.testing.assert_close(posterior.marginals.sum(1), torch.ones(sum(lengths)), atol=1e-4, rtol=0)


@both_paths
def test_long_constrained_sequences_with_extreme_emissions_equal_float64(compiled: bool) -> None:
    legal = bioes(18)
    k, lengths = len(legal.start), [512, 3]
    g = torch.Generator().manual_seed(1)
    emissions = torch.randn(sum(lengths), k, generator=g) * 1e3
    emissions.clamp_(-1e4, 1e4)
    transitions = constrain(Transitions(*(torch.randn(x.shape, generator=g) for x in legal)), legal)
    posterior = infer(emissions, lengths, transitions, compiled=compiled)
    a, start, end = (t.double() for t in transitions)
    alpha = start + emissions[0].double()
    for e in emissions[1:512].double():
        alpha = torch.logsumexp(alpha[:, None] + a, 0) + e
    assert float(posterior.log_z[0]) == pytest.approx(float(torch.logsumexp(alpha + end, 0)), rel=1e-6)


@both_paths
def test_batch_equals_its_sequences_alone(compiled: bool) -> None:
    legal, lengths = bioes(2), [5, 0, 17, 1, 9]
    g = torch.Generator().manual_seed(2)
    emissions = torch.randn(sum(lengths), len(legal.start), generator=g)
    transitions = constrain(Transitions(*(torch.randn(x.shape, generator=g) for x in legal)), legal)
    together = infer(emissions, lengths, transitions, compiled=compiled).marginals
    alone = [infer(part, [len(part)], transitions, compiled=compiled).marginals for part in split(emissions, lengths)]
    torch.testing.assert_close(together, torch.cat(alone), atol=1e-5, rtol=1e-4)


@both_paths
@pytest.mark.parametrize(
    ("emissions", "lengths", "code"),
    [
        (torch.tensor([[0.0, float("nan")]]), [1], "ZT102"),
        (torch.zeros(3, 2), [2], "ZT103"),
        (torch.zeros(3, 5), [3], "ZT104"),
    ],
)
def test_invalid_emissions_raise(emissions: torch.Tensor, lengths: list[int], code: str, compiled: bool) -> None:
    transitions = Transitions(torch.zeros(2, 2), torch.zeros(2), torch.zeros(2))
    for function in (infer, decode):
        with pytest.raises(ValueError, match=code):
            function(emissions, lengths, transitions, compiled=compiled)


@both_paths
def test_no_legal_path_raises(compiled: bool) -> None:
    nothing = Transitions(torch.full((2, 2), PENALTY), torch.zeros(2), torch.zeros(2))
    for function in (infer, decode):
        with pytest.raises(ValueError, match="ZT108"):
            function(torch.zeros(3, 2), [3], nothing, compiled=compiled)
    allowed = torch.tensor([[True, False], [False, True]])
    forbidden = Transitions(torch.tensor([[0.0, PENALTY], [0.0, 0.0]]), torch.zeros(2), torch.zeros(2))
    with pytest.raises(ValueError, match="ZT105"):
        log_likelihood(torch.zeros(2, 2), [2], forbidden, allowed, compiled=compiled)
