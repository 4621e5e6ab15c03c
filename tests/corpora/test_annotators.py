"""Annotations of several annotators, and the texts that they share."""

import json
from pathlib import Path
from typing import Any

import pytest

from spacy_zh_tw_ner.corpora.annotators import match_texts, read_annotators
from spacy_zh_tw_ner.corpora.records import SILENT, Record
from spacy_zh_tw_ner.entities import Entity
from spacy_zh_tw_ner.errors import CorpusError

TEXTS = ("蔡英文到臺北市。", "𠮷野家在新竹市。", "我們去吃飯吧！")


def region(start: int, end: int, label: str) -> dict[str, Any]:
    return {"type": "labels", "value": {"start": start, "end": end, "labels": [label]}}


def annotation(who: Any, *regions: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"completed_by": who, "result": list(regions), **more}


def task(number: int, *annotations: dict[str, Any]) -> dict[str, Any]:
    return {"id": number, "data": {"text": TEXTS[number]}, "annotations": list(annotations)}


def dump(path: Path, data: Any) -> Path:
    lines = json.dumps(data, ensure_ascii=False) if path.suffix == ".json" else "\n".join(map(json.dumps, data))
    path.write_text(lines, encoding="utf-8")
    return path


def labels(records: list[Record]) -> list[list[tuple[str, str]]]:
    return [[(one.text[e.start : e.end], e.label) for e in one.entities] for one in records]


def test_every_annotation_of_label_studio_is_read(tmp_path: Path) -> None:
    path = dump(
        tmp_path / "export.json",
        [
            task(0, annotation(1, region(0, 3, "PERSON"), ground_truth=True), annotation(2, region(0, 2, "PERSON"))),
            task(1, annotation({"id": 2, "email": "b@x"}, region(0, 3, "ORG")), annotation(1, region(4, 7, "GPE"))),
            task(2, annotation(1, was_cancelled=True), annotation(2)),
        ],
    )
    found = read_annotators([path], SILENT)
    assert list(found) == ["1", "2", "b@x"]
    assert labels(found["1"]) == [[("蔡英文", "PERSON")], [("新竹市", "GPE")]]  # offsets in code points, after 𠮷
    assert labels(found["2"]) == [[("蔡英", "PERSON")], []]
    assert [record.task for record in found["2"]] == ["0", "2"]


def test_json_min_names_the_annotator(tmp_path: Path) -> None:
    rows = [
        {
            "id": 7,
            "text": TEXTS[0],
            "label": [{"start": 0, "end": n, "labels": ["PERSON"]}],
            "annotator": n,
            "annotation_id": n,
        }
        for n in (2, 3)
    ]
    found = read_annotators([dump(tmp_path / "min.json", rows)], SILENT)
    assert {name: labels(records) for name, records in found.items()} == {
        "2": [[("蔡英", "PERSON")]],
        "3": [[("蔡英文", "PERSON")]],
    }
    assert len(match_texts(found)) == 1


def test_a_doccano_file_is_an_annotator_or_names_them(tmp_path: Path) -> None:
    alice = dump(tmp_path / "alice.jsonl", [{"id": 1, "text": TEXTS[0], "label": [[0, 3, "PERSON"]]}])
    bob = dump(tmp_path / "bob.jsonl", [{"id": 1, "text": TEXTS[0], "label": [[4, 7, "GPE"]]}])
    found = read_annotators([alice, bob], SILENT)
    assert list(found) == ["alice", "bob"]
    both = dump(
        tmp_path / "all.jsonl",
        [
            {"id": i, "text": TEXTS[0], "label": [], key: name}
            for i, (key, name) in enumerate([("user", "u"), ("annotator", "v")])
        ],
    )
    assert list(read_annotators([both], SILENT)) == ["u", "v"]


def test_files_of_other_formats_and_of_equal_names(tmp_path: Path) -> None:
    for name, text in (("a", "[蔡英文](PERSON)到臺北市。"), ("b", "[蔡英文](PERSON)到[臺北市](GPE)。")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "done.txt").write_text(f"{text}\n", encoding="utf-8")
    paths = [tmp_path / name / "done.txt" for name in "ab"]
    found = read_annotators(paths, SILENT)
    assert list(found) == [str(path) for path in paths]
    (shared,) = match_texts(found)
    assert shared.readings[str(paths[1])] == {Entity(0, 3, "PERSON"), Entity(4, 7, "GPE")}


def test_the_same_number_in_two_projects_is_two_people(tmp_path: Path) -> None:
    one, two = (
        dump(tmp_path / f"{name}.json", [task(i, annotation(1, region(0, 3, "PERSON")))]) for i, name in enumerate("xy")
    )
    parts = dump(tmp_path / "z.json", [task(0, annotation(1)), task(1, annotation(2))])
    assert list(read_annotators([one, parts], SILENT)) == ["1 (x)", "1 (z)", "2"]
    assert list(read_annotators([one, two, dump(tmp_path / "w.json", [task(2, annotation(3))])], SILENT)) == ["1", "3"]


def test_invalid_annotations_are_reported(tmp_path: Path) -> None:
    path = dump(tmp_path / "a.json", [task(0, annotation(1, region(0, 99, "PERSON")), annotation(2))])
    messages: list[str] = []
    read_annotators([path], SILENT, messages.append)
    assert "1 annotations cannot be used" in messages[0]


def test_fewer_than_two_annotators_are_an_error(tmp_path: Path) -> None:
    path = dump(tmp_path / "a.json", [task(0, annotation(1))])
    with pytest.raises(CorpusError, match=r"ZT831.*\(found: 1\)"):
        read_annotators([path], SILENT)
    with pytest.raises(FileNotFoundError):
        read_annotators([tmp_path / "none.jsonl", path], SILENT)


def record(text: str, number: str = "", label: str = "ORG") -> Record:
    return Record(text, [Entity(0, 1, label)], f"file:{number}", task=number)


def test_texts_are_matched_by_id_or_else_by_text() -> None:
    by_id = match_texts({"a": [record("同文", "1"), record("同文", "2")], "b": [record("同文", "2", "GPE")]})
    assert [one.origin for one in by_id] == ["file:2"]
    messages: list[str] = []
    others = {"a": [record("甲", "1"), record("乙", "2")], "b": [record("乙", "1")]}
    assert [one.text for one in match_texts(others, messages.append)] == ["乙"]
    assert "The task 1 has another text in file:1" in messages[0]
    without = {"a": [record("同文"), record("同文", label="GPE")], "b": [record("同文"), record("同文")]}
    assert [len(set(one.readings.values())) for one in match_texts(without)] == [1, 2]
    distinct = {"a": [record("甲", "1")], "b": [record("甲", "9")]}
    assert [one.text for one in match_texts(distinct)] == ["甲"]


def test_the_last_annotation_of_a_task_counts() -> None:
    messages: list[str] = []
    annotators = {"a": [record("甲", "1"), record("甲", "1", "GPE")], "b": [record("甲", "1", "GPE")]}
    (shared,) = match_texts(annotators, messages.append)
    assert len(set(shared.readings.values())) == 1
    assert messages[0].startswith("1 tasks have several annotations")


def test_annotators_without_a_common_text_are_an_error() -> None:
    with pytest.raises(CorpusError, match=r"ZT832.*a, b have no text in common.*a has '甲'; b has '乙'"):
        match_texts({"a": [record("甲")], "b": [record("乙")]})
