"""A text that is taken apart has the entities and the probabilities of the whole."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spacy_zh_tw_ner.runtime import load, long_texts, recognizer
from spacy_zh_tw_ner.runtime.decoding import Decoder
from spacy_zh_tw_ner.runtime.folder import Exported, Transitions
from spacy_zh_tw_ner.runtime.long_texts import Rows, on_disk
from spacy_zh_tw_ner.tag_scheme import TagScheme
from spacy_zh_tw_ner.tokenization.word_list import Hints, WordList

SCHEME = TagScheme(["PER", "ORG"])
NOTHING = np.empty(0, np.int32)


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(long_texts, "PART", 4)


def decoder(seed: int, min_score: float) -> Decoder:
    random = np.random.default_rng(seed)
    scores = (np.where(ok, random.normal(0, 1, ok.shape), -1e30) for ok in SCHEME.legality())
    transitions = Transitions(*scores)
    pieces = (NOTHING, NOTHING, NOTHING, [], [], 0, 1, 0)
    return Decoder(Exported(*pieces, SCHEME.labels, transitions, 1.5, min_score))


def stretches(emissions: np.ndarray, seed: int) -> Iterator[np.ndarray]:
    cuts = np.sort(np.random.default_rng(seed).integers(0, len(emissions) + 1, 3))
    yield from np.split(emissions, cuts)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=st.integers(0, 10_000),
    n=st.integers(1, 40),
    spread=st.sampled_from([0.5, 3.0, 30.0]),
    inside=st.sampled_from([0.0, 2.0, 8.0]),
    min_score=st.sampled_from([0.0, 0.05, 0.4]),
)
def test_the_whole_is_the_same(seed: int, n: int, spread: float, inside: float, min_score: float) -> None:
    emissions = np.random.default_rng(seed).normal(0, spread, (n, len(SCHEME))).astype(np.float32)
    emissions[:, [tag[0] == "I" for tag in SCHEME.tags]] += inside  # long entities, over several parts
    decode = decoder(seed, min_score)
    expected = decode(emissions)
    with on_disk(stretches(emissions, seed), len(SCHEME)) as rows:
        found = decode.long(rows)
    assert [each[:3] for each in found] == [each[:3] for each in expected]
    assert [each.score for each in found] == pytest.approx([each.score for each in expected], rel=1e-6)


def test_rows_come_back_as_they_went() -> None:
    rows = np.arange(30).reshape(10, 3)
    with Rows(3, np.uint8) as stored:
        stored.append(rows[:4])
        stored.append(rows[4:])
        assert len(stored) == 10
        assert np.array_equal(stored.read(3, 6), rows[3:6])
        stored.append(rows[:1])
        assert np.array_equal(stored.read(8, 99), np.concatenate([rows[8:], rows[:1]]))


@pytest.mark.parametrize("hints", [{"bonus": 9.0}, {"override": True}])
def test_a_long_text_is_read_as_a_short_one(
    tiny_onnx: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, hints: dict[str, Any]
) -> None:
    read = load(tiny_onnx[1])
    text = "蔡英文總統在臺北市接見台積電董事長。 好\n" * 30
    words = WordList({"PERSON": ["董事長"], "GPE": ["接見"]})
    asked = [Hints(tuple(words.find(text)), **hints), None]
    expected = read([text, "臺北市"], asked)
    monkeypatch.setattr(long_texts, "LONG", 10)
    taken_apart = []
    monkeypatch.setattr(recognizer, "on_disk", lambda *args: taken_apart.append(1) or on_disk(*args))
    found = read([text, "臺北市"], asked)
    assert taken_apart == [1]
    for one, other in zip(found, expected, strict=True):
        assert [each[:3] for each in one] == [each[:3] for each in other]
        scores, others = ([-1.0 if each.score is None else each.score for each in found] for found in (one, other))
        assert scores == pytest.approx(others, rel=1e-4)
