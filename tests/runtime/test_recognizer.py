"""The recognizer of an exported model finds the same entities as its pipeline."""

import json
import shutil
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import spacy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from spacy.language import Language

from spacy_zh_tw_ner import entity_decoding
from spacy_zh_tw_ner.crf import LongSequence
from spacy_zh_tw_ner.entities import Entity
from spacy_zh_tw_ner.recognizers.spacy_recognizer import SpacyRecognizer
from spacy_zh_tw_ner.runtime import Found, Recognizer, load
from spacy_zh_tw_ner.runtime import recognizer as recognizer_module
from spacy_zh_tw_ner.tag_scheme import WHITE_SPACE
from spacy_zh_tw_ner.tokenization.word_list import Hints, WordList

SENTENCE = "蔡英文總統在臺北市接見台積電董事長。"
TEXTS = ["", " ", "好", SENTENCE, f"  {SENTENCE} A1  \n", SENTENCE * 40, "臺 北 市 ", "\u3000🙂é İ", "x" * 700]
ROWS = "姓名：\n蔡英文\n\u3000臺北市 \n\n地址：\t臺北市\xa0\r\n"
WORDS = WordList({"GPE": ["台北市", "總統在台北"], "PERSON": ["董事長", "總統"]})


@pytest.fixture(scope="module")
def both(tiny_onnx: tuple[Path, Path]) -> tuple[Language, Recognizer]:
    return spacy.load(tiny_onnx[0]), load(tiny_onnx[1], threads=1)


def compare(both: tuple[Language, Recognizer], texts: list[str], hints: list[Hints | None]) -> list[tuple[Found, ...]]:
    nlp, recognizer = both
    expected, found = SpacyRecognizer(nlp)(texts, hints), recognizer(texts, hints)
    for one, other in zip(expected, found, strict=True):
        assert [each[:3] for each in other] == [each[:3] for each in one]
        for mine, theirs in zip(other, one, strict=True):
            assert mine.score == (None if theirs.score is None else pytest.approx(theirs.score, abs=1e-4))
    return found


@pytest.mark.parametrize("min_score", [0.0, 0.2, 0.5])
@pytest.mark.parametrize("temperature", [1.0, 0.3])
def test_the_exported_model_finds_the_entities_of_the_pipeline(
    both: tuple[Language, Recognizer],
    tiny_onnx: tuple[Path, Path],
    tmp_path: Path,
    min_score: float,
    temperature: float,
) -> None:
    nlp, _ = both
    folder = shutil.copytree(tiny_onnx[1], tmp_path / "onnx")
    known = json.loads((folder / "pipeline.json").read_text(encoding="utf-8"))
    (folder / "pipeline.json").write_text(json.dumps(known | {"temperature": temperature}), encoding="utf-8")
    ner = nlp.get_pipe("ner")
    before = ner.min_score, ner.temperature
    ner.min_score, ner.temperature = min_score, temperature
    try:
        found = compare((nlp, load(folder, min_score=min_score)), TEXTS, [None] * len(TEXTS))
    finally:
        ner.min_score, ner.temperature = before
    assert sum(map(len, found)) > 10


@pytest.mark.parametrize("believed", [{"bonus": 30.0}, {"bonus": 1.0}, {"override": True}])
def test_gazetteer_matches_have_the_same_effect_as_in_the_pipeline(
    both: tuple[Language, Recognizer], believed: dict[str, Any]
) -> None:
    hints = [Hints(tuple(WORDS.find(text)), **believed) for text in TEXTS]
    assert sum(len(each.places) for each in hints) > 50
    found = compare(both, TEXTS, list(hints))
    assert any(each.score is None for of_text in found for each in of_text) == ("override" in believed)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.text(st.sampled_from([*SENTENCE, *" \nA1。é"]), max_size=60), max_size=5))
def test_any_text_has_the_entities_of_the_pipeline(both: tuple[Language, Recognizer], texts: list[str]) -> None:
    compare(both, texts, [Hints(tuple(WORDS.find(text)), 3.0) for text in texts])


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    texts=st.lists(st.text(st.sampled_from([*WHITE_SPACE, *SENTENCE[:9]]), max_size=60), max_size=4),
    min_score=st.sampled_from([0.0, 0.001, 0.3]),
    long=st.booleans(),
)
def test_no_entity_has_white_space_at_an_edge(
    both: tuple[Language, Recognizer], tiny_onnx: tuple[Path, Path], texts: list[str], min_score: float, long: bool
) -> None:
    """The white space mask is computed from the text, not stored in the exported model."""
    nlp, _ = both
    ner = nlp.get_pipe("ner")
    before, ner.min_score = ner.min_score, min_score
    try:
        with pytest.MonkeyPatch.context() as patch:
            if long:
                patch.setattr(recognizer_module, "LONG", 8)
                patch.setattr(entity_decoding, "LongSequence", partial(LongSequence, size=5))
            found = compare((nlp, load(tiny_onnx[1], min_score=min_score)), [*texts, ROWS], [None] * (len(texts) + 1))
    finally:
        ner.min_score = before
    for text, of_text in zip([*texts, ROWS], found, strict=True):
        surfaces = [text[each.start : each.end] for each in of_text]
        assert surfaces == [surface.strip() for surface in surfaces]
    assert found[-1]


def test_gazetteer_matches_that_do_not_fit_tokens_are_dropped(both: tuple[Language, Recognizer]) -> None:
    _, recognizer = both
    hints = Hints((Entity(1, 3, "GPE"), Entity(0, 99, "GPE"), Entity(2, 3, "GPE")), override=True)
    (found,) = recognizer(["好 的"], [hints])
    assert (2, 3, "GPE", None, None) in found
    assert not any(each.start == 1 or each.end > 3 for each in found)


def test_a_min_score_out_of_range_is_refused(tiny_onnx: tuple[Path, Path]) -> None:
    with pytest.raises(ValueError, match=r"\[ZT112\] .*min_score.*1.5"):
        load(tiny_onnx[1], min_score=1.5)
