"""Test long sequences, many tags and extreme scores against float64 log space; and batching, order and threads."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from spacy_zh_tw_ner.crf import Transitions

from .helpers import (
    bioes,
    both_paths,
    constrained,
    decode,
    infer,
    legal_path,
    log_likelihood,
    log_space_loss,
    one_hot,
    random_transitions,
)


def gold_of(legal: Transitions, lengths: list[int], seed: int) -> torch.Tensor:
    g = torch.Generator().manual_seed(seed)
    return one_hot([tag for n in lengths if n for tag in legal_path(legal, n, g)], len(legal.start))


def norm_error(seen: torch.Tensor, true: torch.Tensor) -> float:
    return float((seen.double() - true).norm() / true.norm().clamp(min=1.0))


@both_paths
@pytest.mark.parametrize("scale", [1.0, 30.0, pytest.param(1e4, id="1e4")])
def test_512_tokens_of_73_constrained_tags_equal_float64(scale: float, compiled: bool) -> None:
    legal, lengths = bioes(18), [512, 3]
    transitions, g = constrained(legal), torch.Generator().manual_seed(1)
    emissions = (torch.rand(sum(lengths), 73, generator=g) * 2 - 1) * scale
    allowed = gold_of(legal, lengths, 2)
    got = log_likelihood(emissions, lengths, transitions, allowed, compiled=compiled)
    log_z = infer(emissions, lengths, transitions, compiled=compiled).log_z

    leaves = [t.double().requires_grad_() for t in (emissions, *transitions)]
    true = Transitions(*leaves[1:])
    loss = log_space_loss(leaves[0], lengths, true, allowed)
    loss.backward()
    alpha = true.start.detach() + leaves[0].detach()[0]
    for e in leaves[0].detach()[1:512]:
        alpha = torch.logsumexp(alpha[:, None] + true.matrix.detach(), 0) + e
    assert float(log_z[0]) == pytest.approx(float(torch.logsumexp(alpha + true.end.detach(), 0)), rel=1e-5)
    assert float(-got.log_likelihood.double().sum()) == pytest.approx(float(loss.detach()), rel=1e-5, abs=1e-2)
    for seen, leaf in zip((got.emissions, *got.transitions), leaves, strict=True):
        assert norm_error(seen, leaf.grad) < 1e-3


@both_paths
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_emissions_of_any_precision_are_computed_in_float32(dtype: torch.dtype, compiled: bool) -> None:
    legal, lengths = bioes(9), [512]
    g = torch.Generator().manual_seed(3)
    emissions, transitions = (torch.randn(512, 37, generator=g) * 5).to(dtype), constrained(legal)
    allowed = gold_of(legal, lengths, 4)
    got = log_likelihood(emissions, lengths, transitions, allowed, compiled=compiled)
    assert got.emissions.dtype == got.log_likelihood.dtype == torch.float32
    true = log_space_loss(emissions.double(), lengths, Transitions(*(t.double() for t in transitions)), allowed)
    assert float(-got.log_likelihood[0]) == pytest.approx(float(true), abs=2e-3)


@both_paths
@settings(max_examples=20, deadline=None)
@given(lengths=st.lists(st.integers(0, 40), max_size=6), n_labels=st.integers(1, 5), seed=st.integers(0, 999))
def test_results_do_not_depend_on_batch_and_strides(
    compiled: bool, lengths: list[int], n_labels: int, seed: int
) -> None:
    legal = bioes(n_labels)
    k, transitions = len(legal.start), constrained(legal, seed)
    padded = torch.randn(sum(lengths), k + 3, generator=torch.Generator().manual_seed(seed)) * 4
    emissions, allowed = (
        padded[:, :k],
        gold_of(legal, lengths, seed) if sum(lengths) else torch.zeros(0, k, dtype=torch.bool),
    )
    together = log_likelihood(emissions, lengths, transitions, allowed, compiled=compiled)
    tags = decode(emissions, lengths, transitions, compiled=compiled)
    row, matrix = 0, torch.zeros(k, k)
    for b, n in enumerate(lengths):
        rows = slice(row, row + n)
        alone = log_likelihood(emissions[rows].clone(), [n], transitions, allowed[rows], compiled=compiled)
        torch.testing.assert_close(together.log_likelihood[b], alone.log_likelihood[0], atol=1e-4, rtol=1e-5)
        torch.testing.assert_close(together.emissions[rows], alone.emissions, atol=1e-5, rtol=1e-4)
        assert torch.equal(tags[rows], decode(emissions[rows], [n], transitions, compiled=compiled))
        matrix += alone.transitions.matrix
        row += n
    torch.testing.assert_close(together.transitions.matrix, matrix, atol=1e-4, rtol=1e-4)


@both_paths
def test_threads_do_not_disturb_each_other(compiled: bool) -> None:
    legal, lengths = bioes(5), [60, 1, 33, 0, 80]
    transitions, allowed = constrained(legal), gold_of(legal, lengths, 0)
    batches = [torch.randn(sum(lengths), 21, generator=torch.Generator().manual_seed(i)) for i in range(8)]

    def run(emissions: torch.Tensor) -> tuple[torch.Tensor, ...]:
        result = log_likelihood(emissions, lengths, transitions, allowed, compiled=compiled)
        return result.log_likelihood, result.emissions, decode(emissions, lengths, transitions, compiled=compiled)

    with ThreadPoolExecutor(4) as pool:
        parallel = list(pool.map(run, batches))
    for seen, emissions in zip(parallel, batches, strict=True):
        for one, other in zip(seen, run(emissions), strict=True):
            torch.testing.assert_close(one, other)


@both_paths
@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 999), k=st.integers(1, 20), n=st.integers(0, 20))
def test_gradients_equal_finite_differences(compiled: bool, seed: int, k: int, n: int) -> None:
    g = torch.Generator().manual_seed(seed)
    emissions, transitions = torch.randn(n, k, generator=g), random_transitions(k, seed)
    allowed = torch.rand(n, k, generator=g) < 0.6
    allowed[torch.arange(n), torch.randint(k, (n,), generator=g)] = True
    got = log_likelihood(emissions, [n], transitions, allowed, compiled=compiled)
    leaves = [t.double() for t in (emissions, *transitions)]
    for leaf, gradient in zip(leaves, (got.emissions, *got.transitions), strict=True):
        if not leaf.numel():
            continue
        direction = torch.randn(leaf.shape, generator=g).double()
        values = []
        for step in (1e-5, -2e-5):
            leaf.add_(direction * step)
            values.append(float(log_space_loss(leaves[0], [n], Transitions(*leaves[1:]), allowed)))
        leaf.add_(direction * 1e-5)
        assert (values[0] - values[1]) / 2e-5 == pytest.approx(float((direction * gradient).sum()), abs=5e-4, rel=1e-3)


@both_paths
@pytest.mark.parametrize("k", [1, 15, 16, 17, 97, 130])
def test_any_number_of_tags(k: int, compiled: bool) -> None:
    g = torch.Generator().manual_seed(k)
    lengths, transitions = [9, 2, 0, 70], random_transitions(k)
    emissions = torch.randn(sum(lengths), k, generator=g)
    allowed = one_hot(torch.randint(k, (sum(lengths),), generator=g), k)
    got = log_likelihood(emissions, lengths, transitions, allowed, compiled=compiled)
    leaves = [t.double().requires_grad_() for t in (emissions, *transitions)]
    log_space_loss(leaves[0], lengths, Transitions(*leaves[1:]), allowed).backward()
    for seen, leaf in zip((got.emissions, *got.transitions), leaves, strict=True):
        assert norm_error(seen, leaf.grad) < 1e-4
    across = emissions.T.contiguous().T
    assert torch.equal(
        log_likelihood(across, lengths, transitions, allowed, compiled=compiled).emissions, got.emissions
    )
    assert torch.equal(
        decode(emissions, lengths, transitions, compiled=compiled),
        decode(emissions.double(), lengths, transitions, compiled=False),
    )


@both_paths
def test_long_sequences_decode_to_the_best_score(compiled: bool) -> None:
    legal, lengths = bioes(2), [9000, 4096, 4097, 1]
    transitions, g = constrained(legal), torch.Generator().manual_seed(0)
    emissions = torch.randn(sum(lengths), 9, generator=g) * 3
    tags = decode(emissions, lengths, transitions, compiled=compiled)
    row = 0
    for n in lengths:
        path, part = tags[row : row + n], emissions[row : row + n].double()
        best = transitions.start.double() + part[0]
        for e in part[1:]:
            best = (best[:, None] + transitions.matrix.double()).amax(0) + e
        score = part.gather(1, path[:, None]).sum() + transitions.start[path[0]] + transitions.end[path[-1]]
        score += transitions.matrix[path[:-1], path[1:]].double().sum()
        assert float(score) == pytest.approx(float((best + transitions.end).max()), abs=1e-3)
        row += n


@both_paths
def test_underflow_within_one_step_is_detected(compiled: bool) -> None:
    # α · ψ is exp(−50) · exp(−53), a subnormal number of which float32 keeps one bit.
    matrix, start = torch.tensor([[-53.0, -53.5, 0.0]] * 3), torch.tensor([-50.0, 0.0, 0.0])
    emissions = torch.tensor([[0.0, -1000.0, -1000.0], [0.0, 0.0, -1000.0]])
    posterior = infer(emissions, [2], Transitions(matrix, start, torch.zeros(3)), compiled=compiled)
    true = torch.softmax(torch.tensor([0.0, -0.5, -1000.0]), 0)
    torch.testing.assert_close(posterior.marginals[1], true)


@both_paths
def test_overflow_of_beta_is_detected(compiled: bool) -> None:
    """The most probable first tag excludes the best second tag; the tags that allow it have e⁻⁶², so β overflows."""
    illegal = -1e30
    first = [illegal, illegal, -62.5, -82.3, illegal, illegal, -68.5, 0.0, -2.4]
    second = [-47.8, 39.9, 18.4, 97.5, -5.9, -19.0, -11.7, -13.9, 13.9]
    end = torch.tensor([-25.1, -61.1, -61.5, -26.2, -25.0, 0.0, -1.2, -23.6, -24.7])
    transitions = constrained(bioes(2), seed=3)._replace(start=torch.zeros(9), end=end)
    posterior = infer(torch.tensor([first, second]), [2], transitions, compiled=compiled)
    assert posterior.exact
    torch.testing.assert_close(posterior.marginals.sum(1), torch.ones(2))
