"""Events of Label Studio's webhooks, as `serve --annotations` stores them."""

import json
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_zh_tw_ner.corpora.annotation_checks import Tally
from spacy_zh_tw_ner.corpora.convert import ConvertSettings, convert, read_records
from spacy_zh_tw_ner.corpora.formats.detection import guess_format
from spacy_zh_tw_ner.corpora.formats.label_studio_webhook import EventError, event_lines
from spacy_zh_tw_ner.corpora.records import Reading
from spacy_zh_tw_ner.entities import Entity

TEXT = "𠮷野家在台北。"


def event(
    annotation: int = 1,
    second: int = 0,
    label: str | None = "ORG",
    *,
    task: int = 7,
    action: str = "ANNOTATION_CREATED",
    **fields: Any,
) -> dict[str, Any]:
    """Return the body of a webhook, with the fields that Label Studio 1.23 sends."""
    value = {"start": 0, "end": 3, "text": "𠮷野家", "labels": [label]}
    result = [{"id": "r", "from_name": "label", "to_name": "text", "type": "labels", "value": value}] if label else []
    return {
        "action": action,
        "project": {"id": 3, "title": "測試", "label_config": "<View/>"},
        "task": {"id": task, "data": {"text": TEXT}, "meta": {}, "project": 3, "is_labeled": True},
        "annotation": {
            "id": annotation,
            "result": result,
            "task": task,
            "project": 3,
            "was_cancelled": False,
            "ground_truth": False,
            "completed_by": 1,
            "created_at": "2026-11-30T01:00:00Z",
            # Label Studio leaves out microseconds that are 0.
            "updated_at": f"2026-11-30T01:00:{second:02}.500000Z" if second % 2 else f"2026-11-30T01:00:{second:02}Z",
            "prediction": {"result": result},
            **fields,
        },
    }


def deleted(*ids: int, key: str = "annotations") -> dict[str, Any]:
    return {"action": f"{key.upper()}_DELETED", "project": {"id": 3}, key: [{"id": id_} for id_ in ids]}


def write(path: Path, *events: dict[str, Any]) -> Path:
    path.write_text("".join(f"{line}\n" for each in events for line in event_lines(each)), encoding="ascii")
    return path


def read(path: Path) -> tuple[list[list[str]], list[str], Tally]:
    """Return the labels of each record, the messages, and the counts."""
    notes: list[str] = []
    tally = Tally()
    records = read_records([path], ConvertSettings(script="none"), tally, reading=Reading(notify=notes.append))
    return [[entity.label for entity in record.entities] for record in records], notes, tally


def test_a_line_has_the_task_and_the_annotation_alone() -> None:
    (line,) = event_lines(event())
    data = json.loads(line)
    assert line.isascii()
    assert data["action"] == "ANNOTATION_CREATED"
    assert (data["id"], data["data"]) == (7, {"text": TEXT})
    assert [{*annotation} for annotation in data["annotations"]] == [
        {"id", "result", "was_cancelled", "ground_truth", "completed_by", "created_at", "updated_at"}
    ]


def test_events_are_converted(tmp_path: Path) -> None:
    file = write(tmp_path / "annotations.jsonl", event())
    assert guess_format(file) == "label-studio-webhook"
    (record,) = read_records([file], ConvertSettings(script="none"), Tally())
    assert (record.text, record.entities) == (TEXT, [Entity(0, 3, "ORG")])
    assert record.origin == f"{file}:1, task 7"
    tallies = convert(file, tmp_path / "all.spacy", ConvertSettings(), notify=lambda message: None)
    assert [(tally.sentences, tally.entities) for tally in tallies.values()] == [(1, 1)]


def test_the_newest_state_of_an_annotation_counts(tmp_path: Path) -> None:
    states = [event(1, second, f"L{second}", action="ANNOTATION_UPDATED") for second in range(6)]
    for seed in range(5):
        random.Random(seed).shuffle(states)
        labels, notes, _ = read(write(tmp_path / "a", *states, states[0]))
        assert labels == [["L5"]]
        assert "left out: 6 older states" in notes[0]


def test_a_deleted_annotation_stays_deleted(tmp_path: Path) -> None:
    kept, late = event(2, 1, task=8), event(1, 9, action="ANNOTATION_UPDATED")
    labels, notes, _ = read(write(tmp_path / "a", event(1, 1), kept, deleted(1), late))
    assert labels == [["ORG"]]
    assert "1 older states, 1 deleted annotations" in notes[0]
    assert read(write(tmp_path / "b", event(1, 1), kept, deleted(7, key="tasks")))[0] == [["ORG"]]
    assert read(write(tmp_path / "c", deleted(1), event(1, 1), kept))[0] == [["ORG"]]


def test_skipped_tasks_and_other_annotators_are_left_out(tmp_path: Path) -> None:
    events = [
        event(9, 0, "THIRD"),
        event(10, 5, "FIRST-IS-9"),
        event(11, 0, "SKIPPED", was_cancelled=True),
        event(12, 0, "A", task=8),
        event(13, 0, "TRUTH", task=8, ground_truth=True),
        event(14, 0, "B", task=8),
        event(15, 0, "GONE", task=9),
        event(15, 1, "GONE", task=9, was_cancelled=True),
    ]
    labels, notes, _ = read(write(tmp_path / "a", *events))
    assert labels == [["THIRD"], ["TRUTH"]]
    assert "2 skipped tasks" in notes[0]
    assert "3 other annotations of a task" in notes[0]


def test_an_annotation_without_entities_is_a_record(tmp_path: Path) -> None:
    assert read(write(tmp_path / "a", event(label=None), event(2, task=8)))[0] == [[], ["ORG"]]


def test_an_invalid_time_is_older_than_any_other(tmp_path: Path) -> None:
    events = [event(1, 1, "RIGHT"), event(1, 0, "WRONG", updated_at="yesterday"), event(1, 0, "NONE", updated_at=None)]
    assert read(write(tmp_path / "a", *events))[0] == [["RIGHT"]]
    naive = event(1, 0, "LATER", updated_at="2026-11-30T01:00:02")
    assert read(write(tmp_path / "a", *events, naive))[0] == [["LATER"]]


def test_many_annotations_of_one_event(tmp_path: Path) -> None:
    both = [event(1, task=7), event(2, task=8)]
    body = {
        "action": "ANNOTATIONS_CREATED",
        "annotation": [each["annotation"] for each in both],
        "task": [each["task"] for each in reversed(both)],
    }
    assert [json.loads(line)["id"] for line in event_lines(body)] == [7, 8]
    assert read(write(tmp_path / "a", body))[0] == [["ORG"], ["ORG"]]


@given(st.integers(0, 10_000))
def test_a_line_cut_at_any_place_is_left_out_at_the_end(cut: int) -> None:
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as folder:
        file = write(Path(folder) / "a", event(1), event(2, task=8))
        data = file.read_bytes()
        first = data.index(b"\n") + 1
        cut = first + cut % (len(data) - first)
        file.write_bytes(data[:cut])
        labels, notes, tally = read(file)
        whole = cut == len(data) - 1  # only the line end is missing
        assert labels == [["ORG"]] * (1 + whole)
        assert not tally.rejected
        assert any("incomplete" in note for note in notes) == (first < cut < len(data) - 1)


def test_other_invalid_lines_are_rejected(tmp_path: Path) -> None:
    file = write(tmp_path / "a", event(1))
    bad = [
        "{",
        "[]",
        '{"action": "X"}',
        '{"action": "ANNOTATION_CREATED"}',
        '{"action": "ANNOTATION_CREATED", "id": 1, "data": 5, "annotations": [{"id": 1}]}',
        '{"action": "ANNOTATION_CREATED", "id": "x", "data": {}, "annotations": [{"id": 1}]}',
        '{"action": "ANNOTATION_CREATED", "id": 1, "data": {}, "annotations": [{"id": [1]}]}',
        '{"action": "ANNOTATION_CREATED", "id": 1, "data": {}, "annotations": [{"id": 5, "result": 3}]}',
        '{"action": "ANNOTATIONS_DELETED", "annotations": 1}',
        '{"action": "TASKS_DELETED", "tasks": [1]}',
        '{"action": "ANNOTATION_CREATED", "x": ' + "[" * 100 + "]" * 100 + "}",
        '{"action": "ANNOTATION_CREATED", "x": ' + "[" * 100_000,
    ]
    file.write_text(file.read_text() + "".join(f"{line}\n" for line in bad), encoding="utf-8")
    labels, _, tally = read(file)
    assert labels == [["ORG"]]
    assert tally.rejected == len(bad)
    assert [int(reject["origin"].split(":")[-1].split(",")[0]) for reject in tally.rejects][:3] == [2, 3, 4]


@pytest.mark.parametrize("action", ["PROJECT_UPDATED", "TASKS_CREATED", "START_TRAINING", None, 5])
def test_other_events_have_no_lines(action: Any) -> None:
    assert event_lines({**event(), "action": action}) == []
    assert event_lines(deleted()) == []


@pytest.mark.parametrize(
    "body",
    [
        {"action": "ANNOTATION_CREATED"},
        {**event(), "task": None},
        {**event(), "task": {"id": 8, "data": {}}},
        {**event(), "annotation": {"id": 1, "result": [], "task": {"id": 7}}},
        {**event(), "task": {"id": "7", "data": {}}},
        {**event(), "task": {"id": 7, "data": []}},
        event(id="one"),
        event(id=True),
        event(result=None),
        event(lead_time=float("nan")),
        {**deleted(), "annotations": [{"id": None}]},
    ],
)
def test_incomplete_events_are_errors(body: dict[str, Any]) -> None:
    with pytest.raises(EventError):
        event_lines(body)


def test_many_annotations_of_a_long_task_are_refused_before_they_fill_the_memory() -> None:
    task = {"id": 7, "data": {"text": "長" * 200_000}}
    body = {"action": "ANNOTATIONS_CREATED", "task": task}
    result = [{"id": i, "result": [], "task": 7} for i in range(100_000)]  # 120 GB of lines
    with pytest.raises(EventError, match="more than 67,108,864 bytes"):
        event_lines({**body, "annotation": result})
    assert len(event_lines({**body, "annotation": result[:50]})) == 50
