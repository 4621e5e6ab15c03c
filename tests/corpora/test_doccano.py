"""What doccano exports, in the ways it has done so."""

import json
from pathlib import Path

import pytest

from spacy_zh_tw_ner.corpora.formats.json_spans import read_doccano
from spacy_zh_tw_ner.corpora.records import NoAnnotation, Reading, Record
from spacy_zh_tw_ner.entities import Entity
from spacy_zh_tw_ner.errors import CorpusError

TEXT = "國立臺灣大學位於臺北市"
SPANS = [[0, 6, "ORG"], [8, 11, "GPE"]]
ENTITIES = [Entity(0, 6, "ORG"), Entity(8, 11, "GPE")]
OBJECTS = [
    {"id": 1, "start_offset": 0, "end_offset": 6, "label": "ORG"},
    {"id": 2, "start_offset": 8, "end_offset": 11, "label": "GPE"},
]


def read(tmp_path: Path, *values: object, told: list[str] | None = None) -> list[Record]:
    path = tmp_path / "all.jsonl"
    path.write_text("".join(json.dumps(value, ensure_ascii=False) + "\n" for value in values), encoding="utf-8")
    return list(read_doccano(path, Reading(notify=[].append if told is None else told.append)))


@pytest.mark.parametrize(
    "data",
    [
        {"id": 7, "text": TEXT, "label": SPANS},
        {"text": TEXT, "labels": SPANS, "meta": {}},
        {"id": 7, "text": TEXT, "entities": OBJECTS, "relations": [], "Comments": []},
    ],
)
def test_all_its_ways_are_read(data: dict[str, object], tmp_path: Path) -> None:
    (record,) = read(tmp_path, data)
    assert (record.text, record.entities, record.origin) == (TEXT, ENTITIES, f"{tmp_path / 'all.jsonl'}:1")


def test_an_array_is_read_like_lines(tmp_path: Path) -> None:
    path = tmp_path / "all.json"
    path.write_text(json.dumps([{"text": TEXT, "label": SPANS}] * 2), encoding="utf-8")
    assert [record.entities for record in read_doccano(path)] == [ENTITIES, ENTITIES]


def test_a_sentence_without_entities_stays(tmp_path: Path) -> None:
    found = read(tmp_path, {"text": "好", "label": []}, {"text": "的", "entities": []})
    assert [(record.text, record.entities) for record in found] == [("好", []), ("的", [])]


def test_carriage_returns_count(tmp_path: Path) -> None:
    (record,) = read(tmp_path, {"text": "好\r\n臺北市", "label": [[3, 6, "GPE"]]})
    assert [record.text[e.start : e.end] for e in record.entities] == ["臺北市"]


def test_utf16_is_noticed_where_code_points_are_impossible(tmp_path: Path) -> None:
    told: list[str] = []
    (record,) = read(tmp_path, {"text": "👨🏻\u200d🚒消防局", "label": [[7, 10, "ORG"]]}, told=told)
    assert [record.text[e.start : e.end] for e in record.entities] == ["消防局"]
    assert "read as utf16" in told[0]


@pytest.mark.parametrize(
    "data",
    [
        {"label": SPANS},
        {"text": None, "label": SPANS},
        {"text": TEXT, "label": {"ORG": []}},
        {"text": TEXT, "label": 5},
        {"text": "\ud83d台", "label": []},
    ],
)
def test_what_is_no_such_object_is_named(data: object, tmp_path: Path) -> None:
    path = tmp_path / "all.jsonl"
    path.write_text('{"text": "好", "label": []}\n' + json.dumps(data) + "\n", encoding="utf-8")
    with pytest.raises(CorpusError) as caught:
        list(read_doccano(path))
    assert str(caught.value).startswith(f"[ZT201] {path}:2: not a doccano object")


@pytest.mark.parametrize("key", ["label", "labels", "entities", "spans"])
@pytest.mark.parametrize(
    ("span", "is_annotation"),
    [
        ([0, 6], True),
        (["a", "6", "ORG"], True),
        ([0, 6.5, "ORG"], True),
        (["-1", 6, "ORG"], True),
        ([0, float("inf"), "ORG"], True),
        ([[0], 6, "ORG"], True),
        ([0, True, "ORG"], True),
        ([0, 6, ["ORG", {}]], True),
        ("臺北市", True),
        (None, True),
        (7, True),
        ([], True),
        ([None, 6, "ORG"], False),
        ({"start_offset": 0, "label": "ORG"}, False),
        ([0, 6, None], False),
        ([0, 6, ""], False),
        ({"start": 0}, False),
        ({"start_offset": 0, "end_offset": 6}, False),
        ({}, False),
    ],
)
def test_one_span_that_cannot_be_used_costs_only_itself(
    span: object, is_annotation: bool, key: str, tmp_path: Path
) -> None:
    (record,) = read(tmp_path, {"text": TEXT, key: [SPANS[1], span]})
    assert ENTITIES[1] in record.entities
    assert [isinstance(reject, NoAnnotation) for reject in record.rejects] == [not is_annotation]


@pytest.mark.parametrize(
    "span", [["0", "6", "ORG"], [0.0, 6.0, "ORG"], {"start_offset": "0", "end_offset": 6.0, "label": "ORG"}]
)
def test_whole_numbers_may_be_written_otherwise(span: object, tmp_path: Path) -> None:
    (record,) = read(tmp_path, {"text": TEXT, "label": [span]})
    assert (record.entities, record.rejects) == (ENTITIES[:1], [])
