"""Label Studio tasks are read: offsets in two units, several annotators, and skipped tasks."""

import json
from pathlib import Path
from typing import Any

import pytest

from spacy_zh_tw_ner.corpora.formats.detection import guess_format
from spacy_zh_tw_ner.corpora.formats.label_studio import read_label_studio
from spacy_zh_tw_ner.corpora.records import FieldNames, NoAnnotation, Reading, Record, Reject
from spacy_zh_tw_ner.entities import Entity
from spacy_zh_tw_ner.errors import CorpusError

TEXT = "𠮷野家在臺北市"


def region(start: int, end: int, label: str, text: str | None = None, **more: object) -> dict[str, object]:
    value: dict[str, object] = {"start": start, "end": end, "labels": [label]} | ({"text": text} if text else {})
    return {"id": "x", "from_name": "label", "to_name": "text", "type": "labels", "value": value, **more}


def task(*annotations: list[dict[str, object]], text: str = TEXT, **more: Any) -> dict[str, Any]:
    return {"id": 5, "data": {"text": text}, "annotations": [{"id": 1, "result": a} for a in annotations], **more}


def read(tmp_path: Path, *tasks: dict[str, Any], messages: list[str] | None = None) -> list[Record]:
    path = tmp_path / "export.json"
    path.write_text(json.dumps(tasks, ensure_ascii=False, indent=1), encoding="utf-8")
    return list(read_label_studio(path, Reading(notify=[].append if messages is None else messages.append)))


ENTITIES = [Entity(0, 3, "ORG"), Entity(4, 7, "GPE")]


@pytest.mark.parametrize("shift", [0, 1])
@pytest.mark.parametrize("surfaces", [True, False])
def test_offsets_are_code_points_unless_region_texts_show_another_unit(
    shift: int, surfaces: bool, tmp_path: Path
) -> None:
    names = ("𠮷野家", "臺北市") if surfaces else (None, None)
    messages: list[str] = []
    result = [region(0, 3 + shift, "ORG", names[0]), region(4 + shift, 7 + shift, "GPE", names[1])]
    (record,) = read(tmp_path, task(result), messages=messages)
    assert record.entities == ENTITIES
    assert bool(messages) == (
        not surfaces or shift == 1
    )  # code points are the default, but a guess without region texts
    assert record.origin == f"{tmp_path / 'export.json'}:2, task 5"


def test_the_first_annotation_or_the_ground_truth_is_read_and_the_others_are_reported(tmp_path: Path) -> None:
    messages: list[str] = []
    first, second = [region(4, 7, "GPE", "臺北市")], [region(0, 3, "ORG", "𠮷野家")]
    marked = task(first, second)
    marked["annotations"][1]["ground_truth"] = True
    cancelled = task(first, second)
    cancelled["annotations"][0]["was_cancelled"] = True
    found = read(tmp_path, task(first, second), marked, cancelled, messages=messages)
    assert [record.entities for record in found] == [ENTITIES[1:], ENTITIES[:1], ENTITIES[:1]]
    assert len(messages) == 1
    assert "2 others are left out" in messages[0]


def test_unannotated_tasks_are_left_out_and_reported(tmp_path: Path) -> None:
    messages: list[str] = []
    skipped = task([])
    skipped["annotations"][0]["was_cancelled"] = True
    predicted = task(predictions=[{"result": [region(0, 3, "ORG", "𠮷野家")]}])
    (record,) = read(tmp_path, task(), skipped, predicted, task([], text="好"), messages=messages)
    assert (record.text, record.entities) == ("好", [])
    assert len(messages) == 1
    assert "3 tasks are left out" in messages[0]


def test_results_other_than_labels_are_ignored(tmp_path: Path) -> None:
    choice = {"type": "choices", "from_name": "kind", "to_name": "text", "value": {"choices": ["news"]}}
    relation = {"type": "relation", "from_id": "a", "to_id": "b", "direction": "right"}
    (record,) = read(tmp_path, task([choice, relation, region(4, 7, "GPE", "臺北市")]))
    assert record.entities == ENTITIES[1:]


def test_a_region_with_two_labels_gives_two_spans(tmp_path: Path) -> None:
    both = region(4, 7, "GPE", "臺北市")
    both["value"]["labels"] = ["GPE", "LOC"]  # type: ignore[index]
    assert read(tmp_path, task([both]))[0].entities == [Entity(4, 7, "GPE"), Entity(4, 7, "LOC")]


def test_the_text_field_may_have_another_name(tmp_path: Path) -> None:
    other = task([region(4, 7, "GPE", "臺北市")])
    other["data"] = {"content": TEXT, "number": 3}
    assert read(tmp_path, other)[0].text == TEXT
    other["data"] = {"body": TEXT, "title": "新聞"}
    assert read(tmp_path, other)[0].text == TEXT  # the field that contains the text of the region
    other["annotations"][0]["result"] = []
    with pytest.raises(CorpusError, match="has no `text`, but 2 other strings"):
        read(tmp_path, other)


BAD: list[Any] = [
    {"value": {"start": 4, "end": 7, "text": "臺北市"}},
    {"value": {"start": 4, "end": 7, "text": "臺北市", "labels": []}},
    {"value": {"start": 4, "end": 7, "text": "臺北市", "labels": None}},
    {"value": {"start": 4, "end": 7, "text": "臺北市", "labels": [None]}},
    {"value": {"start": None, "end": None, "labels": ["GPE"]}},
    {"value": {"labels": ["GPE"]}},
    {"value": {}},
    {"value": None},
    {"value": "x"},
    {},
    "x",
    None,
]


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("bad", BAD)
def test_a_region_without_label_or_offsets_rejects_only_itself(bad: Any, first: bool, tmp_path: Path) -> None:
    good = region(0, 3, "ORG", "𠮷野家")
    if isinstance(bad, dict):
        bad = {"type": "labels", "to_name": "text", **bad}
    record, other = read(tmp_path, task([bad, good] if first else [good, bad]), task([good]))
    assert (record.entities, other.entities) == (ENTITIES[:1], ENTITIES[:1])
    assert [type(reject) for reject in record.rejects] == [NoAnnotation]


@pytest.mark.parametrize("bad", [{"start": 4, "end": 7, "text": "臺北市"}, {"start": 5, "end": 8, "labels": []}])
def test_a_json_min_region_without_labels_rejects_only_itself(bad: dict[str, object], tmp_path: Path) -> None:
    good: dict[str, object] = {"start": 0, "end": 3, "text": "𠮷野家", "labels": ["ORG"]}
    found = read(tmp_path, minimal(bad, good), minimal(good, bad, id=6), minimal(bad, id=7))
    assert [record.entities for record in found] == [ENTITIES[:1], ENTITIES[:1], []]
    assert [len(record.rejects) for record in found] == [1, 1, 1]


@pytest.mark.parametrize(
    "bad", [{"start": "a", "end": 8}, {"start": 5.5, "end": 8}, {"start": [5], "end": 8}, {"start": True, "end": 8}]
)
def test_a_region_with_invalid_offsets_is_rejected(bad: dict[str, object], tmp_path: Path) -> None:
    good = region(0, 3, "ORG", "𠮷野家")
    (record,) = read(tmp_path, task([{"type": "labels", "value": {**bad, "labels": ["GPE"]}}, good]))
    assert record.entities == ENTITIES[:1]
    assert [type(reject) for reject in record.rejects] == [Reject]


NOT_TEXT: list[Any] = [None, 5, ["𠮷野家"], {"a": TEXT}, [{"author": "甲", "text": TEXT}]]


@pytest.mark.parametrize("text", NOT_TEXT)
def test_a_task_whose_text_is_not_a_string_is_rejected(text: Any, tmp_path: Path) -> None:
    bad = task([], text=text)
    with pytest.raises(CorpusError, match=r"`text` is .*, not text"):
        read(tmp_path, task([region(0, 3, "ORG", "𠮷野家")]), bad)


ORG = region(0, 3, "ORG", "𠮷野家")


def named(data: dict[str, Any], *regions: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"id": 5, "data": data, "annotations": [{"result": list(regions)}], **more}


@pytest.mark.parametrize(
    "data",
    [
        {"content": TEXT, "source": "ptt", "url": "https://example.org/1"},
        {"source": "ptt", "content": TEXT},
        {"title": "好", "本文": TEXT, "doc_id": "a"},
        {"text": "好", "body": TEXT},
        {"title": "𠮷野", "article": TEXT},
    ],
)
@pytest.mark.parametrize("to_name", [True, False])
def test_the_text_field_is_detected_by_the_regions(data: dict[str, Any], to_name: bool, tmp_path: Path) -> None:
    field = next(key for key, value in data.items() if value == TEXT)
    if "text" in data and not to_name:
        pytest.skip("then it is `text`")
    bare = named({**data, field: "好"})
    first, second = read(tmp_path, named(data, {**ORG, "to_name": field if to_name else "txt"}), bare)
    assert (first.text, first.entities) == (TEXT, ENTITIES[:1])
    assert second.text == "好"  # it has no regions of its own


def test_a_task_without_regions_has_the_text_field_of_other_tasks(tmp_path: Path) -> None:
    data = {"title": "甲", "body": TEXT}
    first, _ = read(tmp_path, named(data), named(data, {**ORG, "to_name": "body"}))
    assert first.text == TEXT


def test_regions_of_another_field_are_left_out(tmp_path: Path) -> None:
    other = {**region(0, 2, "GPE", "臺北"), "to_name": "title"}
    (record,) = read(tmp_path, named({"title": "臺北好", "text": TEXT}, other, ORG))
    assert (record.text, record.entities) == (TEXT, ENTITIES[:1])
    assert [(type(reject), reject.reason) for reject in record.rejects] == [
        (NoAnnotation, "a region of the field 'title', which --text-field title would read")
    ]


def test_the_text_field_can_be_given(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    other = {**region(0, 2, "GPE", "臺北"), "to_name": "title"}
    path.write_text(json.dumps([named({"title": "臺北好", "text": TEXT}, other, ORG)]), encoding="utf-8")
    (record,) = read_label_studio(path, Reading(fields=FieldNames(text="title")))
    assert (record.text, record.entities) == ("臺北好", [Entity(0, 2, "GPE")])


def minimal(*regions: dict[str, object], **more: Any) -> dict[str, Any]:
    about = {
        "annotator": 1,
        "annotation_id": 3,
        "created_at": "2026-01-01T00:00:00Z",
        "updated_at": "",
        "lead_time": 2.5,
    }
    return {"text": TEXT, "id": 5, **({"label": list(regions)} if regions else {}), **about, **more}


def test_json_min_is_read(tmp_path: Path) -> None:
    messages: list[str] = []
    org: dict[str, object] = {"start": 0, "end": 3, "text": "𠮷野家", "labels": ["ORG"]}
    gpe: dict[str, object] = {"start": 4, "end": 7, "text": "臺北市", "labels": ["GPE"]}
    named = minimal(kind=[gpe], id=6)
    named["content"] = named.pop("text")
    tasks = [minimal(org, gpe), minimal(org), named, minimal(id=7), minimal(id=8, doc_id="新聞")]
    found = read(tmp_path, *tasks, messages=messages)
    assert [record.entities for record in found] == [ENTITIES, ENTITIES[1:], [], []]
    assert ([record.text for record in found], found[3].doc_id) == ([TEXT] * 4, "新聞")
    assert found[0].origin.endswith(":2, task 5")
    assert len(messages) == 1
    assert "1 others are left out" in messages[0]
    assert guess_format(tmp_path / "export.json") == "label-studio"


@pytest.mark.parametrize(
    "broken",
    [
        {"annotations": [{"result": []}]},
        {"text": "好", "label": []},
        {"data": "好", "annotations": [{"result": []}]},
        {"data": {"text": "好"}, "annotations": ["x"]},
        {"data": {"text": "好"}, "annotations": [{}]},
    ],
)
def test_an_object_that_is_not_a_task_is_an_error_with_its_line(broken: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "export.json"
    path.write_text("[\n" + json.dumps(task([])) + ",\n" + json.dumps(broken) + "\n]", encoding="utf-8")
    with pytest.raises(CorpusError) as caught:
        list(read_label_studio(path))
    assert str(caught.value).startswith(f"[ZT201] {path}:3 cannot be used: not a Label Studio object")


@pytest.mark.parametrize("damaged", [None, 3, "x", []])
def test_an_annotation_that_is_no_object_costs_no_other(damaged: Any, tmp_path: Path) -> None:
    found = task([region(5, 8, "GPE", "臺北市")])
    found["annotations"].insert(0, damaged)
    (record,) = read(tmp_path, found)
    assert record.entities == [Entity(4, 7, "GPE")]
