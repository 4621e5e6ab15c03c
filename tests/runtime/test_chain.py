"""The chain in numpy says what `crf` says, also of emissions that no legal path can follow."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from spacy_zh_tw_ner import crf
from spacy_zh_tw_ner.runtime.chain import Chain
from spacy_zh_tw_ner.runtime.folder import Transitions
from spacy_zh_tw_ner.tag_scheme import TagScheme

SCHEME = TagScheme(["PER", "ORG"])


def problem(seed: int, n: int, spread: float) -> tuple[torch.Tensor, crf.Transitions]:
    random = np.random.default_rng(seed)
    emissions = torch.from_numpy(random.normal(0, spread, (n, len(SCHEME))).astype(np.float32))
    shapes = ((len(SCHEME),) * 2, (len(SCHEME),), (len(SCHEME),))
    scores = crf.Transitions(*(torch.from_numpy(random.normal(0, 1, shape).astype(np.float32)) for shape in shapes))
    return emissions, crf.constrain(scores, crf.Transitions(*map(torch.from_numpy, SCHEME.legality())))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 12), st.sampled_from([0.5, 3.0, 30.0, 1e4]))
def test_it_agrees_with_the_crf(seed: int, n: int, spread: float) -> None:
    emissions, transitions = problem(seed, n, spread)
    posterior = crf.infer(emissions, [n], transitions)
    chain = Chain(emissions.numpy(), Transitions(*(scores.numpy().astype(np.float64) for scores in transitions)))
    assert chain.marginals() == pytest.approx(posterior.marginals.numpy(), abs=2e-4)
    path = crf.decode(emissions, [n], transitions)
    assert chain.best_path().tolist() == path.tolist()
    entities = SCHEME.entities(path.numpy())
    expected = posterior.path_probabilities(path, [e.start for e in entities], [e.end for e in entities])
    found = [chain.probability(e.start, path[e.start : e.end].tolist()) for e in entities]
    assert found == pytest.approx(expected.tolist(), abs=2e-4)
    patterns = SCHEME.patterns()
    segments = {s[:3]: s.score for s in chain.probable_segments(patterns.tolist(), 0.05)}
    for segment in crf.probable_segments(posterior, torch.from_numpy(patterns), 0.0502):
        assert segments[segment[:3]] == pytest.approx(segment.score, abs=2e-4)
    assert all(score >= 0.05 for score in segments.values())


def test_what_scaling_cannot_hold_is_computed_from_logarithms() -> None:
    emissions, transitions = problem(0, 40, 2.0)
    arrays = Transitions(*(scores.numpy().astype(np.float64) for scores in transitions))
    assert Chain(emissions.numpy(), arrays)._scaled() is not None
    assert Chain(emissions.numpy(), arrays).marginals() == pytest.approx(
        np.exp(sum(Chain(emissions.numpy(), arrays)._in_logs()[:2])), abs=1e-9
    )
    # Every token wants to go on with what has not begun.
    emissions[:, [tag[0] != "I" for tag in SCHEME.tags]] -= 1e4
    chain = Chain(emissions.numpy(), arrays)
    assert chain._scaled() is None
    assert chain.marginals().sum(1) == pytest.approx(1.0)
