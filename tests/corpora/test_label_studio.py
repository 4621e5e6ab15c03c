"""Label Studio's tasks: UTF-16 units, several annotators, and people who skip."""

import json
from pathlib import Path
from typing import Any

import pytest

from spacy_zh_tw_ner.corpora.formats import guess_format
from spacy_zh_tw_ner.corpora.label_studio import read_label_studio
from spacy_zh_tw_ner.corpora.records import Reading, Record
from spacy_zh_tw_ner.entities import Entity
from spacy_zh_tw_ner.errors import CorpusError

TEXT = "𠮷野家在臺北市"


def region(start: int, end: int, label: str, text: str | None = None, **more: object) -> dict[str, object]:
    value: dict[str, object] = {"start": start, "end": end, "labels": [label]} | ({"text": text} if text else {})
    return {"id": "x", "from_name": "label", "to_name": "text", "type": "labels", "value": value, **more}


def task(*annotations: list[dict[str, object]], text: str = TEXT, **more: Any) -> dict[str, Any]:
    return {"id": 5, "data": {"text": text}, "annotations": [{"id": 1, "result": a} for a in annotations], **more}


def read(tmp_path: Path, *tasks: dict[str, Any], told: list[str] | None = None) -> list[Record]:
    path = tmp_path / "export.json"
    path.write_text(json.dumps(tasks, ensure_ascii=False, indent=1), encoding="utf-8")
    return list(read_label_studio(path, Reading(notify=[].append if told is None else told.append)))


ENTITIES = [Entity(0, 3, "ORG"), Entity(4, 7, "GPE")]


@pytest.mark.parametrize("shift", [0, 1])
@pytest.mark.parametrize("surfaces", [True, False])
def test_units_are_utf16_or_what_the_surfaces_say(shift: int, surfaces: bool, tmp_path: Path) -> None:
    names = ("𠮷野家", "臺北市") if surfaces else (None, None)
    told: list[str] = []
    result = [region(0, 3 + shift, "ORG", names[0]), region(4 + shift, 7 + shift, "GPE", names[1])]
    (record,) = read(tmp_path, task(result), told=told)
    if surfaces or shift:
        assert record.entities == ENTITIES
    assert bool(told) == (not (surfaces and shift))  # UTF-16 is no news, but without surfaces it is a guess
    assert record.origin == f"{tmp_path / 'export.json'}:2, task 5"


def test_the_first_annotation_or_the_ground_truth_is_read_and_the_others_are_told(tmp_path: Path) -> None:
    told: list[str] = []
    first, second = [region(5, 8, "GPE", "臺北市")], [region(0, 4, "ORG", "𠮷野家")]
    marked = task(first, second)
    marked["annotations"][1]["ground_truth"] = True
    cancelled = task(first, second)
    cancelled["annotations"][0]["was_cancelled"] = True
    found = read(tmp_path, task(first, second), marked, cancelled, told=told)
    assert [record.entities for record in found] == [ENTITIES[1:], ENTITIES[:1], ENTITIES[:1]]
    assert len(told) == 1
    assert "2 others are left out" in told[0]


def test_tasks_that_nobody_has_annotated_are_left_out_and_told(tmp_path: Path) -> None:
    told: list[str] = []
    skipped = task([])
    skipped["annotations"][0]["was_cancelled"] = True
    predicted = task(predictions=[{"result": [region(0, 4, "ORG", "𠮷野家")]}])
    (record,) = read(tmp_path, task(), skipped, predicted, task([], text="好"), told=told)
    assert (record.text, record.entities) == ("好", [])
    assert len(told) == 1
    assert "3 tasks that nobody has annotated" in told[0]


def test_other_answers_than_labels_are_no_entities(tmp_path: Path) -> None:
    choice = {"type": "choices", "from_name": "kind", "to_name": "text", "value": {"choices": ["news"]}}
    relation = {"type": "relation", "from_id": "a", "to_id": "b", "direction": "right"}
    (record,) = read(tmp_path, task([choice, relation, region(5, 8, "GPE", "臺北市")]))
    assert record.entities == ENTITIES[1:]


def test_a_region_with_two_labels_gives_two_spans_for_the_check(tmp_path: Path) -> None:
    both = region(5, 8, "GPE", "臺北市")
    both["value"]["labels"] = ["GPE", "LOC"]  # type: ignore[index]
    assert read(tmp_path, task([both]))[0].entities == [Entity(4, 7, "GPE"), Entity(4, 7, "LOC")]


def test_the_text_may_have_another_name_in_the_project(tmp_path: Path) -> None:
    named = task([region(5, 8, "GPE", "臺北市")])
    named["data"] = {"content": TEXT, "number": 3}
    assert read(tmp_path, named)[0].text == TEXT
    named["data"] = {"body": TEXT, "title": "新聞"}
    assert read(tmp_path, named)[0].text == TEXT  # which holds what the region says
    named["annotations"][0]["result"] = []
    with pytest.raises(CorpusError, match="has no `text`, and 2 other strings"):
        read(tmp_path, named)


def minimal(*regions: dict[str, object], **more: Any) -> dict[str, Any]:
    about = {
        "annotator": 1,
        "annotation_id": 3,
        "created_at": "2026-01-01T00:00:00Z",
        "updated_at": "",
        "lead_time": 2.5,
    }
    return {"text": TEXT, "id": 5, **({"label": list(regions)} if regions else {}), **about, **more}


def test_the_smaller_export_is_read_too(tmp_path: Path) -> None:
    told: list[str] = []
    org: dict[str, object] = {"start": 0, "end": 4, "text": "𠮷野家", "labels": ["ORG"]}
    gpe: dict[str, object] = {"start": 5, "end": 8, "text": "臺北市", "labels": ["GPE"]}
    named = minimal(kind=[gpe], id=6)
    named["content"] = named.pop("text")
    tasks = [minimal(org, gpe), minimal(org), named, minimal(id=7), minimal(id=8, doc_id="新聞")]
    found = read(tmp_path, *tasks, told=told)
    assert [record.entities for record in found] == [ENTITIES, ENTITIES[1:], [], []]
    assert ([record.text for record in found], found[3].doc_id) == ([TEXT] * 4, "新聞")
    assert found[0].origin.endswith(":2, task 5")
    assert len(told) == 1
    assert "1 others are left out" in told[0]
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
def test_what_is_no_task_is_named_with_its_line(broken: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "export.json"
    path.write_text("[\n" + json.dumps(task([])) + ",\n" + json.dumps(broken) + "\n]", encoding="utf-8")
    with pytest.raises(CorpusError) as caught:
        list(read_label_studio(path))
    assert str(caught.value).startswith(f"[ZT201] {path}:3: not a Label Studio object")
