"""A text processed in chunks has the same entities and scores as one processed whole."""

from pathlib import Path
from typing import Any

import pytest

from spacy_zh_tw_ner.entity_decoding import EntityDecoder
from spacy_zh_tw_ner.runtime import load, recognizer
from spacy_zh_tw_ner.tokenization.word_list import Hints, WordList


@pytest.mark.parametrize("hints", [{"bonus": 9.0}, {"override": True}])
def test_a_text_in_chunks_has_the_entities_of_the_whole_text(
    tiny_onnx: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, hints: dict[str, Any]
) -> None:
    read = load(tiny_onnx[1])
    text = "蔡英文總統在臺北市接見台積電董事長。 好\n" * 30
    words = WordList({"PERSON": ["董事長"], "GPE": ["接見"]})
    asked = [Hints(tuple(words.find(text)), **hints), None]
    expected = read([text, "臺北市"], asked)
    monkeypatch.setattr(recognizer, "LONG", 10)
    taken_apart, decode_long = [], EntityDecoder.decode_long
    monkeypatch.setattr(EntityDecoder, "decode_long", lambda *args: taken_apart.append(1) or decode_long(*args))
    found = read([text, "臺北市"], asked)
    assert taken_apart == [1]
    for one, other in zip(found, expected, strict=True):
        assert [each[:3] for each in one] == [each[:3] for each in other]
        scores, others = ([-1.0 if each.score is None else each.score for each in found] for found in (one, other))
        assert scores == pytest.approx(others, rel=1e-4)
