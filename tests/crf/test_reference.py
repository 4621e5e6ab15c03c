"""Test the reference against an enumeration of all paths, and every other implementation against the reference."""

from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_zh_tw_ner.crf import Transitions, constrain, decode, infer, log_likelihood
from spacy_zh_tw_ner.crf.reference import best_path, run_reference

from .helpers import as_arrays, bioes, both_paths


def draw(seed: int, length: int, n_labels: int, scale: float) -> tuple[np.ndarray, Transitions]:
    """Draw random emissions, and random transitions constrained by BIOES."""
    random, legal = np.random.default_rng(seed), as_arrays(bioes(n_labels))
    n_tags = len(legal.start)
    transitions = constrain(Transitions(*(random.normal(0, 1, ok.shape) for ok in legal)), legal)
    return random.normal(0, scale, (length, n_tags)).astype(np.float32), transitions


@given(seed=st.integers(0, 999), length=st.integers(1, 4), scale=st.sampled_from([0.1, 3.0, 100.0]))
def test_the_reference_equals_an_enumeration(seed: int, length: int, scale: float) -> None:
    emissions, transitions = draw(seed, length, 1, scale)
    matrix, start, end = (scores.astype(np.float64) for scores in transitions)
    scores = {
        path: start[path[0]]
        + end[path[-1]]
        + sum(float(emissions[t, tag]) for t, tag in enumerate(path))
        + sum(matrix[i, j] for i, j in pairwise(path))
        for path in product(range(5), repeat=length)
    }
    log_z = float(np.logaddexp.reduce(list(scores.values())))
    found = run_reference(emissions, transitions)
    assert found.log_z == pytest.approx(log_z, rel=1e-9)
    marginals, counts = np.zeros((length, 5)), np.zeros((5, 5))
    for path, score in scores.items():
        p = np.exp(score - log_z)
        marginals[range(length), path] += p
        for i, j in pairwise(path):
            counts[i, j] += p
    np.testing.assert_allclose(found.marginals(), marginals, atol=1e-9)
    np.testing.assert_allclose(found.expected_counts, counts, atol=1e-9)
    assert scores[tuple(best_path(emissions, transitions))] == pytest.approx(max(scores.values()), rel=1e-9)


@both_paths
@given(
    seed=st.integers(0, 999),
    lengths=st.lists(st.integers(0, 30), min_size=1, max_size=7),
    n_labels=st.integers(1, 6),
    scale=st.sampled_from([0.1, 3.0, 30.0, 1e4]),
)
def test_batches_equal_the_reference(
    compiled: bool, seed: int, lengths: list[int], n_labels: int, scale: float
) -> None:
    parts = [draw(seed + i, length, n_labels, scale)[0] for i, length in enumerate(lengths)]
    transitions = draw(seed, 1, n_labels, scale)[1]
    emissions = np.concatenate(parts)
    tags, posterior = (run(emissions, lengths, transitions, compiled=compiled) for run in (decode, infer))
    gold = np.eye(emissions.shape[1], dtype=bool)[tags]
    likelihood = log_likelihood(emissions, lengths, transitions, gold, compiled=compiled)
    row, counts = 0, np.zeros_like(transitions.matrix, dtype=np.float64)
    for i, part in enumerate(parts):
        rows = slice(row, row + len(part))
        row += len(part)
        if not len(part):
            continue
        reference = run_reference(part, transitions)
        np.testing.assert_allclose(posterior.marginals[rows], reference.marginals(), atol=2e-4)
        np.testing.assert_allclose(likelihood.emissions[rows] + gold[rows], reference.marginals(), atol=2e-4)
        assert posterior.log_z[i] == pytest.approx(reference.log_z, rel=1e-5, abs=1e-3)
        counts += reference.expected_counts
        for before, after in pairwise(tags[rows]):
            counts[before, after] -= 1.0
        if scale < 1e4:  # beyond, float32 rounds scores of different paths to the same number
            path = best_path(part, transitions)
            assert _score(part, transitions, tags[rows]) == pytest.approx(_score(part, transitions, path), rel=1e-5)
    np.testing.assert_allclose(likelihood.transitions.matrix, counts, atol=2e-3)


def _score(emissions: np.ndarray, transitions: Transitions, path: np.ndarray | list[int]) -> float:
    matrix, start, end = (scores.astype(np.float64) for scores in transitions)
    inner = sum(matrix[i, j] for i, j in pairwise(path))
    return float(start[path[0]] + end[path[-1]] + emissions[range(len(path)), path].astype(np.float64).sum() + inner)
