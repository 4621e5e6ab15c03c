"""Entropies, and the two best paths, equal those of an enumeration of all paths."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings

from spacy_zh_tw_ner.crf.uncertainty import entropies, two_best

from .helpers import as_arrays, bioes, constrained
from .test_oracle import batches, log_sum, path_scores, split


@settings(max_examples=25, deadline=None)
@given(batch=batches())
def test_entropies_and_two_best_paths_equal_enumeration(batch) -> None:
    emissions, lengths, transitions = batch
    found = entropies(emissions.numpy(), lengths, as_arrays(transitions))
    best, second = two_best(emissions.numpy(), lengths, as_arrays(transitions))
    for b, part in enumerate(split(emissions, lengths)):
        if not len(part):
            assert (found[b], best[b], second[b]) == (0.0, 1.0, 0.0)
            continue
        scores = path_scores(part, transitions)
        log_p = np.array(sorted(scores.values(), reverse=True)) - log_sum(scores.values())
        assert found[b] == pytest.approx(-(np.exp(log_p) * log_p).sum(), abs=2e-3, rel=1e-3)
        assert best[b] == pytest.approx(np.exp(log_p[0]), abs=1e-4)
        assert second[b] == pytest.approx(np.exp(log_p[1]) if len(log_p) > 1 else 0.0, abs=1e-4)


def test_illegal_paths_do_not_count() -> None:
    emissions = torch.randn(5, 5, generator=torch.Generator().manual_seed(0))
    transitions = constrained(bioes(1))
    scores = sorted(path_scores(emissions, transitions).values(), reverse=True)
    log_z = log_sum(scores)
    best, second = two_best(emissions.numpy(), [5], as_arrays(transitions))
    assert best[0] == pytest.approx(np.exp(scores[0] - log_z), abs=1e-5)
    assert second[0] == pytest.approx(np.exp(scores[1] - log_z), abs=1e-5)


def test_a_sequence_with_one_path_is_certain() -> None:
    emissions = np.zeros((1, 1), np.float32)
    transitions = as_arrays(constrained(bioes(0)))
    assert entropies(emissions, [1], transitions).tolist() == [0.0]
    assert two_best(emissions, [1], transitions).second.tolist() == [0.0]
