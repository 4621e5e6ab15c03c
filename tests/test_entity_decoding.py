"""Entities are those of the best path, or all probable spans; long texts give the same entities as short ones."""

from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spacy_zh_tw_ner import entity_decoding
from spacy_zh_tw_ner.crf import (
    PENALTY,
    LongSequence,
    Transitions,
    constrain,
    decode,
    infer,
    log_likelihood,
    probable_segments,
)
from spacy_zh_tw_ner.entities import Entity
from spacy_zh_tw_ner.entity_decoding import EntityDecoder
from spacy_zh_tw_ner.tag_scheme import TagScheme, WhiteSpace

SCHEME = TagScheme(["LOC", "PER"])
LENGTHS = [5, 0, 1, 9, 0]


@pytest.fixture
def transitions() -> Transitions:
    return constrain(Transitions(np.zeros((9, 9)), np.zeros(9), np.zeros(9)), Transitions(*SCHEME.legal_transitions))


def emissions_of(entities: list[Entity], n_rows: int, strength: float) -> np.ndarray:
    tags = np.zeros(n_rows, dtype=int)
    for entity in entities:
        tags[entity.start : entity.end] = SCHEME.path(entity)
    return np.eye(len(SCHEME), dtype=np.float32)[tags] * np.float32(strength)


@pytest.mark.parametrize("min_score", [0.0, 0.3, 0.9])
def test_entities_are_assigned_to_their_texts(transitions: Transitions, min_score: float) -> None:
    ents = [Entity(0, 2, "PER"), Entity(4, 5, "LOC"), Entity(5, 6, "LOC"), Entity(6, 9, "LOC"), Entity(14, 15, "PER")]
    found = EntityDecoder(SCHEME, transitions, min_score=min_score).decode(emissions_of(ents, 15, 20.0), LENGTHS)
    assert [prediction.ents for prediction in found] == [
        ((0, 2, "PER"), (4, 5, "LOC")),
        (),
        ((0, 1, "LOC"),),
        ((0, 3, "LOC"), (8, 9, "PER")),
        (),
    ]
    assert all(score > 0.99 for prediction in found for score in prediction.scores)


def test_probable_spans_off_the_best_path_are_found(transitions: Transitions) -> None:
    """Three analyses of two characters: no entity (0.4), both as LOC (0.35), both as PER (0.25)."""
    emissions = np.full((2, 9), PENALTY / 100, np.float32)
    emissions[:, 0] = np.log(0.4) / 2
    for label, p in ((0, 0.35), (1, 0.25)):
        emissions[0, 1 + 4 * label] = emissions[1, 3 + 4 * label] = np.log(p) / 2
    assert float(infer(emissions, [2], transitions).log_z[0]) == pytest.approx(0.0, abs=1e-5)

    def found(min_score: float) -> list[tuple[Entity, float]]:
        (prediction,) = EntityDecoder(SCHEME, transitions, min_score=min_score).decode(emissions, [2])
        return list(zip(prediction.ents, prediction.scores, strict=True))

    assert found(0.0) == []
    assert found(0.2) == found(0.3) == [((0, 2, "LOC"), pytest.approx(0.35, abs=1e-4))]
    assert found(0.36) == []


def test_a_lower_min_score_finds_more_entities(transitions: Transitions) -> None:
    emissions = np.random.default_rng(0).normal(0, 2, (200, 9)).astype(np.float32)
    counts = [
        sum(len(p.ents) for p in EntityDecoder(SCHEME, transitions, min_score=min_score).decode(emissions, [20] * 10))
        for min_score in (0.05, 0.2, 0.4, 0.6, 0.8, 1.0)
    ]
    assert counts == sorted(counts, reverse=True)
    assert counts[0] > counts[3] > counts[-1] == 0


def decoder_of(seed: int, min_score: float) -> EntityDecoder:
    random = np.random.default_rng(seed)
    legal = Transitions(*SCHEME.legal_transitions)
    transitions = constrain(Transitions(*(random.normal(0, 1, ok.shape) for ok in legal)), legal)
    return EntityDecoder(SCHEME, transitions, temperature=1.5, min_score=min_score)


@settings(max_examples=100, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    n=st.integers(1, 40),
    spread=st.sampled_from([0.5, 3.0, 30.0]),
    inside=st.sampled_from([0.0, 2.0, 8.0]),
    min_score=st.sampled_from([0.0, 0.05, 0.4]),
)
def test_decode_long_equals_decode(seed: int, n: int, spread: float, inside: float, min_score: float) -> None:
    random = np.random.default_rng(seed)
    emissions = random.normal(0, spread, (n, len(SCHEME))).astype(np.float32)
    emissions[:, [tag[0] == "I" for tag in SCHEME.tags]] += inside  # long entities, over several chunks
    decoder = decoder_of(seed, min_score)
    (expected,) = decoder.decode(emissions, [n])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(entity_decoding, "LongSequence", partial(LongSequence, size=4))
        found = decoder.decode_long(np.split(emissions, np.sort(random.integers(0, n + 1, 3))))
    expected_scores = dict(zip(*expected, strict=True))
    scores = dict(zip(*found, strict=True))
    for entity in expected_scores.keys() ^ scores.keys():  # only entities whose probability is about min_score
        assert min_score
        assert (expected_scores | scores)[entity] == pytest.approx(min_score, abs=1e-4)
    assert [scores.get(entity, score) for entity, score in expected_scores.items()] == pytest.approx(
        list(expected_scores.values()), abs=1e-4
    )


@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.parametrize("temperature", [0.05, 1.0, 20.0])
@pytest.mark.parametrize("min_score", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("size", [1e20, 1e30, 3e38])
def test_emissions_of_any_finite_size_decode(
    size: float,
    min_score: float,
    temperature: float,
    compiled: bool,
    transitions: Transitions,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if not compiled:
        monkeypatch.setattr("spacy_zh_tw_ner.crf.kernels.has_numba", lambda: False)
    decoder = EntityDecoder(SCHEME, transitions, temperature=temperature, min_score=min_score)
    white_space = WhiteSpace(*[np.zeros(12, dtype=bool)] * 3)
    rng = np.random.default_rng(0)
    emissions = np.full((12, len(SCHEME)), -size, np.float32)
    signs = rng.choice([-size, size], (12, len(SCHEME))).astype(np.float32)
    one = rng.normal(size=(12, len(SCHEME))).astype(np.float32)
    one[4] = -size
    one[4, SCHEME.path(Entity(4, 5, "PER"))] = size
    for rows in (emissions, -emissions, signs, one):
        short = decoder.decode(rows, [7, 5], white_space)
        long = decoder.decode_long([rows[:5], rows[5:]], white_space)
        assert all(0.0 <= score <= 1.0 for prediction in (*short, long) for score in prediction.scores)
        if rows is one:
            assert (4, 5, "PER") in short[0].ents
            assert (4, 5, "PER") in long.ents


def test_emissions_that_are_not_finite_are_an_error(transitions: Transitions) -> None:
    decoder = EntityDecoder(SCHEME, transitions)
    for value in (np.inf, -np.inf, np.nan):
        emissions = np.full((1, len(SCHEME)), value, np.float32)
        with pytest.raises(ValueError, match="ZT102"):
            decoder.decode(emissions, [1])


@pytest.mark.parametrize("min_score", [0.0, 0.3])
def test_empty_batches_and_texts_give_no_entities(min_score: float, transitions: Transitions) -> None:
    decoder, none, no = EntityDecoder(SCHEME, transitions, min_score=min_score), np.zeros((0, 9), np.float32), []
    no_rows = np.zeros(0, dtype=bool)
    assert decoder.decode(none, no, WhiteSpace(no_rows, no_rows, no_rows)) == []
    assert decoder.decode(none, no) == []
    assert decoder.decode(none, [0, 0]) == [((), ()), ((), ())]
    assert decoder.decode_long([]) == decoder.decode_long([none]) == ((), ())
    assert len(decode(none, no, transitions)) == 0
    posterior = infer(none, no, transitions)
    assert posterior.marginals.shape == (0, 9)
    assert len(posterior.path_probabilities(np.empty(0, np.int64), [], [])) == 0
    assert probable_segments(posterior, SCHEME.patterns(), 0.3) == []
    assert len(log_likelihood(none, no, transitions, np.zeros((0, 9), dtype=bool)).log_likelihood) == 0


def test_a_min_score_of_1_keeps_scores_of_1(transitions: Transitions) -> None:
    emissions = emissions_of([Entity(0, 2, "PER"), Entity(3, 4, "LOC")], 5, 14.0)
    (sure,) = EntityDecoder(SCHEME, transitions, min_score=1.0).decode(emissions * 3, [5])
    assert sure == (((0, 2, "PER"), (3, 4, "LOC")), (1.0, 1.0))
    (unsure,) = EntityDecoder(SCHEME, transitions, min_score=1.0).decode(emissions / 2, [5])
    assert unsure == ((), ())
