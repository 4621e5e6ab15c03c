"""The service returns overlapping entities as `spans`, only for pipelines that find them."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from spacy_zh_tw_ner.entities import Found
from spacy_zh_tw_ner.service.responses import overlapping_entities
from spacy_zh_tw_ner.service.schema import Options
from tests.components.nested_data import NESTED, build_spans, fit_spans

from .conftest import Running, running

TEXT = NESTED[0][0]


@pytest.fixture(scope="module")
def both(tiny_pipeline: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("nested")
    fit_spans(build_spans()).to_disk(folder)
    with running({"nested": str(folder), "tiny": str(tiny_pipeline)}) as service:
        yield service


def test_spans_are_returned_beside_entities(both: Running) -> None:
    answer = both.ask({"text": TEXT}).json()["results"][0]
    assert answer["entities"] == []
    assert [(span["text"], span["label"]) for span in answer["spans"]] == [("臺北市政府", "ORG"), ("臺北市", "GPE")]
    assert all(0.5 < span["score"] <= 1 for span in answer["spans"])


def test_pipelines_without_the_component_have_no_spans(both: Running) -> None:
    assert "spans" not in both.ask({"text": TEXT, "pipeline": "tiny"}).json()["results"][0]


@pytest.mark.parametrize("unit", ["codepoint", "utf16", "utf8"])
def test_offsets_of_nested_spans_are_converted(unit: str) -> None:
    text = "🎉臺北市政府😀發言人"
    spans = (Found(1, 10, "TITLE", 0.9), Found(1, 6, "ORG", 0.8), Found(1, 4, "GPE", None), Found(6, 7, "X", 0.1))
    options = Options(offset_unit=unit, min_score=0.5)  # type: ignore[arg-type]
    data, width = {
        "codepoint": (text.encode("utf-32-le"), 4),
        "utf16": (text.encode("utf-16-le"), 2),
        "utf8": (text.encode(), 1),
    }[unit]
    codec = {"codepoint": "utf-32-le", "utf16": "utf-16-le", "utf8": "utf-8"}[unit]
    found = list(overlapping_entities(text, spans, options))
    assert [entity["label"] for entity in found] == ["TITLE", "ORG", "GPE"]
    for entity in found:
        assert data[width * entity["start"] : width * entity["end"]].decode(codec) == entity["text"]


def test_labels_and_scores_select_spans(both: Running) -> None:
    spans = both.ask({"text": TEXT, "labels": ["GPE"]}).json()["results"][0]["spans"]
    assert [(span["start"], span["end"], span["label"]) for span in spans] == [(0, 3, "GPE")]
    assert both.ask({"text": TEXT, "min_score": 1.0}).json()["results"][0]["spans"] == []
    assert both.ask({"text": TEXT, "labels": ["NOPE"]}).status_code == 422


def test_streams_and_the_description_have_spans(both: Running) -> None:
    body = json.dumps({"text": TEXT}).encode() + b"\n"
    line = json.loads(both.send(body, "application/x-ndjson", "/v1/entities/stream").text)
    assert [span["label"] for span in line["spans"]] == ["ORG", "GPE"]
    described = {pipeline["name"]: pipeline for pipeline in both.client.get("/v1/service").json()["pipelines"]}
    assert described["nested"]["span_labels"] == ["GPE", "ORG", "TITLE"]
    assert described["tiny"]["span_labels"] is None


def test_masking_leaves_overlapping_entities_alone(both: Running) -> None:
    response = both.send(json.dumps({"text": TEXT}).encode(), path="/v1/mask")
    assert response.status_code == 200
    assert TEXT in response.text
