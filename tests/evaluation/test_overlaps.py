"""Evaluate overlapping entities: exact scores, mistakes, calibration, and a page that shows layers."""

import json
from html import unescape
from pathlib import Path
from re import sub

import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st
from spacy.tokens import Doc, DocBin, Span
from typer.testing import CliRunner

from spacy_zh_tw_ner.cli import zh_tw_ner_cli
from spacy_zh_tw_ner.components.span_annotations import register_extension, write_span_group
from spacy_zh_tw_ner.entities import Entity, Prediction, overlap_groups
from spacy_zh_tw_ner.errors import PipelineError, SettingError
from spacy_zh_tw_ner.evaluation.calibration_error import entity_confidence
from spacy_zh_tw_ner.evaluation.entity_counts import count_entities
from spacy_zh_tw_ner.evaluation.html_page import render_page
from spacy_zh_tw_ner.evaluation.mistakes import count_mistakes
from spacy_zh_tw_ner.evaluation.predictions import compare
from spacy_zh_tw_ner.evaluation.report import EvaluateSettings
from spacy_zh_tw_ner.evaluation.span_layers import assign_layers, render_layers
from tests.components.nested_data import NESTED, build_spans, fit_spans, gold_doc

NLP = spacy.blank("zh_tw")
TEXT = "臺北市政府發言人說話。"
GOLD = [(0, 8, "TITLE"), (0, 5, "ORG"), (0, 3, "GPE")]
FOUND = [Entity(0, 8, "TITLE"), Entity(0, 5, "GPE"), Entity(0, 3, "GPE"), Entity(8, 10, "ORG")]


@pytest.fixture
def pair() -> tuple[Doc, Doc]:
    """A document with one entity of the wrong label, and one that is spurious."""
    register_extension()
    predicted = NLP.make_doc(TEXT)
    write_span_group(predicted, "sc", Prediction(tuple(FOUND), (0.9, 0.6, 0.8, 0.4)))
    return gold_doc(NLP, TEXT, GOLD), predicted


def test_exact_spans_are_counted_by_label(pair: tuple[Doc, Doc]) -> None:
    documents = compare([pair], "sc")
    counts = count_entities(documents)
    assert counts.groups == ("GPE", "ORG", "TITLE")
    assert counts.counts[0].tolist() == [[1, 1, 0], [0, 1, 1], [1, 0, 0]]
    assert count_mistakes(documents) == {"missed": 0, "spurious": 1, "boundary": 0, "type": 1, "both": 0}
    confidence = entity_confidence([pair], "sc")
    assert confidence.reliability.counts.sum() == 4


def test_partly_annotated_documents_ignore_spans_in_unknown_text(pair: tuple[Doc, Doc]) -> None:
    gold, predicted = pair
    gold.set_ents([Span(gold, 0, 8, "TITLE")], default="missing")
    (document,) = compare([(gold, predicted)], "sc")
    assert Entity(8, 10, "ORG") not in document.found
    assert Entity(0, 5, "GPE") in document.found


def test_gold_without_the_key_is_that_of_doc_ents(pair: tuple[Doc, Doc]) -> None:
    gold = NLP.make_doc(TEXT)
    gold.set_ents([Span(gold, 0, 8, "TITLE")], default="outside")
    (document,) = compare([(gold, pair[1])], "sc")
    assert document.expected == {Entity(0, 8, "TITLE")}


def test_predictions_without_the_key_are_an_error(pair: tuple[Doc, Doc]) -> None:
    with pytest.raises(PipelineError, match=r"ZT803.*'other'.*sc"):
        compare([pair], "other")


@pytest.mark.parametrize("setting", ["scripts", "seqeval"])
def test_measures_of_flat_entities_cannot_be_combined(setting: str) -> None:
    with pytest.raises(SettingError, match=f"ZT805.*--{setting}"):
        EvaluateSettings(spans_key="sc", **{setting: True})  # type: ignore[arg-type]


ENTITIES = st.builds(
    lambda start, length, label: Entity(start, start + length, label),
    st.integers(0, 12),
    st.integers(1, 6),
    st.sampled_from("ABC"),
)


@given(st.sets(ENTITIES, max_size=10))
def test_overlapping_entities_have_different_layers(entities: set[Entity]) -> None:
    found = {entity: layer for cluster in overlap_groups(entities) for entity, layer in assign_layers(cluster).items()}
    assert set(found) == entities
    for one in entities:
        for other in entities - {one}:
            if one.start < other.end and other.start < one.end:
                assert found[one] != found[other]
            if one.start <= other.start and other.end <= one.end and one[:2] != other[:2]:
                assert found[one] > found[other]


@given(st.sets(ENTITIES, max_size=6), st.text("臺北<&\"'\n🎉", min_size=18, max_size=18))
def test_rendered_text_is_complete_and_escaped(entities: set[Entity], text: str) -> None:
    page = render_layers(text, dict.fromkeys(entities), dict.fromkeys("ABC", 0), (), "")
    assert unescape(sub(r"<[^>]*>", "", sub(r"<b[^>]*>[ABC]</b>", "", page))) == text
    assert page.count("<b ") == len(entities)


def test_the_page_shows_layers_and_marks_mistakes(pair: tuple[Doc, Doc]) -> None:
    page = render_page([pair], title="nested", spans_key="sc")
    body = page[page.index("<main>") :]
    assert body.count('class="wrong"') == 2
    assert body.count('class="missed"') == 1
    assert 'title="0.600"' in body
    assert "--layers:3" in body


def test_evaluate_scores_a_pipeline_of_spans(tmp_path: Path) -> None:
    nlp = fit_spans(build_spans())
    nlp.to_disk(tmp_path / "pipeline")
    DocBin(docs=[gold_doc(nlp, *sentence) for sentence in NESTED]).to_disk(tmp_path / "gold.spacy")
    command = [
        "evaluate",
        str(tmp_path / "pipeline"),
        str(tmp_path / "gold.spacy"),
        "--output",
        str(tmp_path / "s.json"),
    ]
    command += ["--page", str(tmp_path / "page.html"), "--resamples", "2", "--diagram", str(tmp_path / "d.svg")]
    result = CliRunner().invoke(zh_tw_ner_cli, command, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    scores = json.loads((tmp_path / "s.json").read_text(encoding="utf-8"))
    assert scores["micro"]["f"] == 100.0
    assert set(scores["per_type"]) == {"GPE", "ORG", "TITLE"}
    assert scores["calibration"]["bins"]
    result = CliRunner().invoke(
        zh_tw_ner_cli, ["try", str(tmp_path / "pipeline"), NESTED[0][0]], catch_exceptions=False
    )
    assert "臺北市政府" in result.output
    assert "--layers:2" in (tmp_path / "page.html").read_text(encoding="utf-8")
