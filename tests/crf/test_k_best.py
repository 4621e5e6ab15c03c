import pytest
import torch
from hypothesis import given
from hypothesis import settings as hypothesis_settings

from spacy_zh_tw_ner.crf import decode, decode_k_best, infer

from .helpers import bioes, constrained, random_transitions
from .test_oracle import batches, path_scores, split


@hypothesis_settings(max_examples=25, deadline=None)
@given(batch=batches())
@pytest.mark.parametrize("k", [1, 3, 40])
def test_equals_enumeration(batch, k: int) -> None:
    emissions, lengths, transitions = batch
    got = decode_k_best(emissions, lengths, transitions, k)
    assert got.tags.shape == (k, sum(lengths))
    assert got.scores.shape == (len(lengths), k)
    row = 0
    for b, part in enumerate(split(emissions, lengths)):
        if not len(part):
            assert got.scores[b].tolist() == [0.0] + [-torch.inf] * (k - 1)
            continue
        scores = path_scores(part, transitions)
        best = sorted(scores.values(), reverse=True)[:k]
        assert got.scores[b, : len(best)].tolist() == pytest.approx(best, abs=1e-6)
        assert (got.scores[b, len(best) :] == -torch.inf).all()
        paths = [tuple(path) for path in got.tags[:, row : row + len(part)].tolist()]
        assert len(set(paths[: len(best)])) == len(best)
        for path, score in zip(paths, best, strict=False):
            assert scores[path] == pytest.approx(score, abs=1e-6)
        assert all(set(path) == {-1} for path in paths[len(best) :])
        row += len(part)


def test_paths_are_legal_and_their_probabilities_are_those_of_the_posterior() -> None:
    legal, lengths = bioes(3), [8, 3]
    transitions = constrained(legal)
    emissions = torch.randn(11, 13, generator=torch.Generator().manual_seed(0))
    got = decode_k_best(emissions, lengths, transitions, 5)
    assert torch.equal(got.tags[0], decode(emissions, lengths, transitions))
    posterior = infer(emissions, lengths, transitions)
    probabilities = (got.scores - posterior.log_z[:, None]).exp()
    assert (probabilities.sum(1) <= 1.0).all()
    for rank in range(5):
        whole = posterior.path_probabilities(got.tags[rank], [0, 8], [8, 11])
        torch.testing.assert_close(whole, probabilities[:, rank], atol=1e-5, rtol=1e-4)


def test_broken_requests_are_named() -> None:
    with pytest.raises(ValueError, match="ZT112"):
        decode_k_best(torch.zeros(1, 2), [1], random_transitions(2), 0)
    with pytest.raises(ValueError, match="ZT109"):
        decode_k_best(torch.zeros(0, 0), [], random_transitions(0), 1)
