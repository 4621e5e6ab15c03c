"""spaCy's and Prodigy's JSON."""

import json
from pathlib import Path

import pytest
import spacy

from spacy_zh_tw_ner.corpora.formats.json_spans import read_spacy_json
from spacy_zh_tw_ner.corpora.records import Reading, Record
from spacy_zh_tw_ner.entities import Entity
from spacy_zh_tw_ner.errors import CorpusError

TEXT = "𠮷野家在臺北市"
ENTITIES = [Entity(0, 3, "ORG"), Entity(4, 7, "GPE")]
OBJECTS = [{"start": 0, "end": 3, "label": "ORG"}, {"start": 4, "end": 7, "label": "GPE"}]


def read(tmp_path: Path, *values: object, told: list[str] | None = None) -> list[Record]:
    path = tmp_path / "data.jsonl"
    path.write_text("".join(json.dumps(value, ensure_ascii=False) + "\n" for value in values), encoding="utf-8")
    return list(read_spacy_json(path, Reading(notify=[].append if told is None else told.append)))


@pytest.mark.parametrize("key", ["spans", "entities", "ents"])
@pytest.mark.parametrize("spans", [OBJECTS, [[0, 3, "ORG"], [4, 7, "GPE"]]])
def test_spans_have_three_names_and_two_shapes(key: str, spans: list[object], tmp_path: Path) -> None:
    (record,) = read(tmp_path, {"text": TEXT, key: spans})
    assert (record.text, record.entities, record.origin) == (TEXT, ENTITIES, f"{tmp_path / 'data.jsonl'}:1")


def test_what_spacy_writes_of_a_doc_is_read(tmp_path: Path) -> None:
    doc = spacy.blank("zh_tw")(TEXT)
    doc.set_ents([doc.char_span(start, end, label) for start, end, label in ENTITIES])
    assert read(tmp_path, doc.to_json())[0].entities == ENTITIES


@pytest.mark.parametrize("empty", [{"spans": []}, {"spans": None}, {}])
def test_a_text_may_have_no_spans(empty: dict[str, object], tmp_path: Path) -> None:
    assert read(tmp_path, {"text": TEXT, **empty})[0].entities == []


def test_only_what_was_accepted_is_read_and_the_rest_is_told(tmp_path: Path) -> None:
    told: list[str] = []
    values = [{"text": answer, "spans": [], "answer": answer} for answer in ("accept", "reject", "ignore")]
    assert [record.text for record in read(tmp_path, *values, told=told)] == ["accept"]
    assert told == [f'{tmp_path / "data.jsonl"}: 2 objects whose `answer` is not "accept" are left out.']


def test_surfaces_tell_the_unit(tmp_path: Path) -> None:
    told: list[str] = []
    (record,) = read(
        tmp_path, {"text": TEXT, "spans": [{"start": 5, "end": 8, "label": "GPE", "text": "臺北市"}]}, told=told
    )
    assert record.entities == ENTITIES[1:]
    assert "read as utf16" in told[0]


@pytest.mark.parametrize(
    "data",
    [
        {"spans": OBJECTS},
        {"text": 5, "spans": []},
        {"text": TEXT, "spans": {"sc": []}},
        {"text": TEXT, "spans": "臺北市"},
    ],
)
def test_what_is_no_such_object_is_named(data: object, tmp_path: Path) -> None:
    with pytest.raises(CorpusError) as caught:
        read(tmp_path, {"text": "好", "spans": []}, data)
    assert str(caught.value).startswith(f"[ZT201] {tmp_path / 'data.jsonl'}:2: not a spaCy object")
