"""Test soft gold of the CRF (expected counts of a teacher) against enumeration, finite differences and gold masks."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from spacy_zh_tw_ner import crf
from spacy_zh_tw_ner.crf import Likelihood, SoftGold, Transitions
from spacy_zh_tw_ner.errors import SettingError

from .helpers import as_array, as_arrays, bioes, both_paths, constrained, legal_path, one_hot, random_transitions
from .test_oracle import log_sum, path_scores, split


def teach(emissions: torch.Tensor, lengths: list[int], transitions: Transitions, **kwargs: Any) -> SoftGold:
    return crf.expect(as_array(emissions), lengths, as_arrays(transitions), **kwargs)


def compare(
    emissions: torch.Tensor, lengths: list[int], transitions: Transitions, gold: Any, **kwargs: Any
) -> Likelihood:
    return crf.log_likelihood(as_array(emissions), lengths, as_arrays(transitions), gold, **kwargs)


@st.composite
def pairs(draw) -> tuple[torch.Tensor, torch.Tensor, list[int], Transitions, Transitions]:
    """Emissions and transitions of a teacher and a student, with the legal transitions of one label."""
    lengths = draw(st.lists(st.integers(0, 4), min_size=1, max_size=3))
    g = torch.Generator().manual_seed(draw(st.integers(0, 2**31)))
    scale = draw(st.sampled_from([0.0, 1.0, 10.0]))
    one, two = (torch.randn(sum(lengths), 5, generator=g) * scale for _ in range(2))
    seeds = draw(st.tuples(st.integers(0, 1000), st.integers(0, 1000)))
    teacher, student = (constrained(bioes(1), seed) for seed in seeds)
    return one, two, lengths, teacher, student


@both_paths
@settings(max_examples=25, deadline=None)
@given(pair=pairs())
def test_expected_counts_and_cross_entropy_equal_enumeration(compiled: bool, pair) -> None:
    emissions, of_student, lengths, teacher, student = pair
    gold = teach(emissions, lengths, teacher, compiled=compiled)
    found = compare(of_student, lengths, student, gold, compiled=compiled)
    own = teach(of_student, lengths, student, compiled=compiled)
    row = 0
    for b, (part, other) in enumerate(zip(split(emissions, lengths), split(of_student, lengths), strict=True)):
        if not len(part):
            assert found.log_likelihood[b] == 0
            assert not gold.counts[b].any()
            continue
        scores, theirs = path_scores(part, teacher), path_scores(other, student)
        p = {path: np.exp(score - log_sum(scores.values())) for path, score in scores.items()}
        marginals, counts = np.zeros((len(part), 5)), np.zeros((5, 5))
        for path, probability in p.items():
            marginals[np.arange(len(path)), path] += probability
            for i, j in pairwise(path):
                counts[i, j] += probability
        np.testing.assert_allclose(gold.marginals[row : row + len(part)], marginals, atol=2e-5)
        np.testing.assert_allclose(gold.counts[b], counts, atol=5e-5)
        log_z = log_sum(theirs.values())
        expected = sum(probability * (theirs[path] - log_z) for path, probability in p.items())
        assert found.log_likelihood[b] == pytest.approx(expected, rel=1e-4, abs=2e-4)
        row += len(part)
    np.testing.assert_allclose(found.emissions, own.marginals - gold.marginals, atol=2e-5)
    np.testing.assert_allclose(found.transitions.matrix, (own.counts - gold.counts).sum(0), atol=1e-4)


@both_paths
def test_gradients_of_soft_gold_equal_finite_differences(compiled: bool) -> None:
    g = torch.Generator().manual_seed(3)
    legal, lengths = bioes(2), [5, 0, 7, 1]
    teacher, scores = constrained(legal, 1), random_transitions(9, 2)
    emissions = torch.randn(13, 9, generator=g)
    gold = teach(torch.randn(13, 9, generator=g) * 2, lengths, teacher)

    def run(e, *t) -> Likelihood:
        transitions = crf.constrain(as_arrays(Transitions(*t)), as_arrays(legal))
        return crf.log_likelihood(as_array(e), lengths, transitions, gold, compiled=compiled)

    arrays = [emissions, *scores]
    found = run(*arrays)
    for i, gradient in enumerate([found.emissions, *found.transitions]):
        direction = torch.randn(arrays[i].shape, generator=g)
        up, down = (
            run(*arrays[:i], arrays[i] + direction * step, *arrays[i + 1 :]).log_likelihood.astype(np.float64).sum()
            for step in (1e-2, -1e-2)
        )
        slope = -(up - down) / 2e-2
        assert slope == pytest.approx(float((direction.numpy() * gradient).sum()), abs=5e-3, rel=2e-3)


@both_paths
def test_one_hot_soft_gold_equals_a_gold_mask(compiled: bool) -> None:
    g = torch.Generator().manual_seed(0)
    legal, lengths = bioes(2), [6, 1, 0, 9]
    transitions, emissions = constrained(legal), torch.randn(16, 9, generator=g) * 3
    tags = [legal_path(legal, n, g) if n else [] for n in lengths]
    mask = as_array(one_hot([tag for path in tags for tag in path], 9))
    counts = np.zeros((4, 9, 9), np.float32)
    for b, path in enumerate(tags):
        for i, j in pairwise(path):
            counts[b, i, j] += 1
    plain = compare(emissions, lengths, transitions, mask, compiled=compiled)
    soft = compare(emissions, lengths, transitions, SoftGold(mask.astype(np.float32), counts), compiled=compiled)
    np.testing.assert_allclose(soft.log_likelihood, plain.log_likelihood, rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(soft.emissions, plain.emissions)
    for one, two in zip(soft.transitions, plain.transitions, strict=True):
        np.testing.assert_allclose(one, two, atol=1e-5)


@both_paths
def test_a_student_that_equals_its_teacher_has_no_gradient(compiled: bool) -> None:
    g = torch.Generator().manual_seed(0)
    transitions, emissions = constrained(bioes(2)), torch.randn(8, 9, generator=g)
    found = compare(emissions, [8], transitions, teach(emissions, [8], transitions), compiled=compiled)
    assert max(np.abs(gradient).max() for gradient in (found.emissions, *found.transitions)) < 1e-5


@both_paths
def test_sequences_that_underflow_are_recomputed(compiled: bool) -> None:
    g = torch.Generator().manual_seed(0)
    legal, lengths = bioes(1), [4, 5, 3]
    transitions, emissions = constrained(legal), torch.randn(12, 5, generator=g)
    emissions[5:8] *= 2e4
    gold = teach(emissions, lengths, transitions, compiled=compiled)
    other = torch.randn(12, 5, generator=g)
    other[5:8] *= 2e4
    found = compare(other, lengths, transitions, gold, compiled=compiled)
    row = 0
    for b, n in enumerate(lengths):
        rows = slice(row, row + n)
        alone = teach(emissions[rows], [n], transitions)
        np.testing.assert_allclose(gold.marginals[rows], alone.marginals, atol=1e-5)
        np.testing.assert_allclose(gold.counts[b], alone.counts[0], atol=1e-5)
        one = compare(other[rows], [n], transitions, alone)
        np.testing.assert_allclose(found.emissions[rows], one.emissions, atol=1e-5)
        assert found.log_likelihood[b] == pytest.approx(float(one.log_likelihood[0]), rel=1e-4)
        row += n
    assert all(np.isfinite(values).all() for values in (found.emissions, *found.transitions))


def test_soft_gold_of_wrong_shape_or_with_forbidden_tags_is_refused() -> None:
    transitions, emissions = constrained(bioes(1)), torch.zeros(3, 5)
    gold = teach(emissions, [3], transitions)
    with pytest.raises(SettingError, match="ZT276"):
        compare(emissions, [3], transitions, gold._replace(counts=gold.counts[:, :4]))
    with pytest.raises(SettingError, match="ZT111"):
        compare(emissions, [3], transitions, gold._replace(marginals=gold.marginals[:2]))
    inside = one_hot([2, 2, 2], 5).numpy().astype(np.float32)  # no sequence begins with I
    with pytest.raises(SettingError, match="ZT277"):
        compare(emissions, [3], transitions, gold._replace(marginals=inside))
