"""Label Studio's JSON: an array of tasks, whose regions count UTF-16 units and repeat their texts.

JSON-MIN, its other export, has an object for each annotation instead: the fields of the task, and beside them the
values of its regions, in a list that is named as in the settings of the project.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .json_records import read_raw
from .offsets import CONVENTIONS, RawRecord, RawSpan, boundaries, resolve_offsets
from .records import SILENT, Reading, Record

SHAPE = '{"data": {"text": …}, "annotations": [{"result": [{"value": {"start": 0, "end": 3, "labels": ["GPE"]}}]}]}'

# What JSON-MIN has beside the fields of a task.
ABOUT = ("id", "annotator", "annotation_id", "created_at", "updated_at", "lead_time", "agreement")


def is_minimal(data: dict[str, Any]) -> bool:
    """Whether an object is of JSON-MIN."""
    return "data" not in data and ("annotation_id" in data or any(map(_are_regions, data.values())))


def _are_regions(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], dict) and {"start", "labels"} <= {*value[0]}


def read_label_studio(path: Path, reading: Reading = SILENT) -> Iterator[Record]:
    """Read what Label Studio exports as JSON or JSON-MIN.

    A task that several people have annotated gives one record: the annotation marked as ground truth, or the first.

    path (Path): The file.
    reading (Reading): The unit of offsets, and who is told of tasks without annotations.
    YIELDS (Record): One an annotated task.
    RAISES (CorpusError): For what is no such task.
    """
    return resolve_offsets(_read, path, reading, default=CONVENTIONS["utf16"])


def _read(path: Path, reading: Reading) -> Iterator[RawRecord]:
    n_bare = n_others = 0
    last: Any = None

    def parse(data: dict[str, Any], origin: str) -> Iterator[RawRecord]:
        nonlocal n_bare, n_others, last
        if is_minimal(data):
            before, last = last, data.get("id")
            if before is not None and before == last:
                n_others += 1
                return
            data = _task(data)
        text = _text(data["data"])
        done = [a for a in data.get("annotations", data.get("completions", [])) if not a.get("was_cancelled")]
        if not done:
            n_bare += 1
            return
        n_others += len(done) - 1
        chosen = next((annotation for annotation in done if annotation.get("ground_truth")), done[0])
        yield RawRecord(
            text,
            [span for result in chosen["result"] for span in _spans(result)],
            f"{origin}, task {data['id']}" if "id" in data else origin,
            str(data["data"].get("doc_id", "")),
        )

    yield from read_raw(path, reading, parse, name="Label Studio", shape=SHAPE)
    if n_bare:
        reading.notify(f"{path}: {n_bare} tasks that nobody has annotated, or that were skipped, are left out.")
    if n_others:
        reading.notify(
            f"{path}: of tasks with several annotations, the ground truth or else the first is read; "
            f"{n_others} others are left out."
        )


def _task(data: dict[str, Any]) -> dict[str, Any]:
    """An object of JSON-MIN as a task with one annotation."""
    regions = [{"value": value} for values in data.values() if _are_regions(values) for value in values]
    fields = {key: value for key, value in data.items() if key not in ABOUT and not _are_regions(value)}
    number = {"id": data["id"]} if "id" in data else {}
    return {**number, "data": fields, "annotations": [{"result": regions}]}


def _text(data: dict[str, Any]) -> str:
    """The text of a task, whose name is in the project's settings and not in the export."""
    if "text" in data:
        return str(data["text"])
    texts = [value for key, value in data.items() if isinstance(value, str) and key != "doc_id"]
    if len(texts) != 1:
        raise KeyError(f"`data` has no `text`, and {len(texts)} other strings")
    return texts[0]


def _spans(result: dict[str, Any]) -> Iterator[RawSpan]:
    value = result.get("value", {})
    if result.get("type", "labels") == "labels" or "labels" in value:
        surface = value.get("text")
        for label in value["labels"]:
            yield RawSpan(value["start"], value["end"], label, surface if isinstance(surface, str) else None)


def write_label_studio(record: Record, scores: list[float], *, number: int, model: str | None) -> str:
    """Write one record as a task.

    record (Record): The record.
    scores (list[float]): One an entity, or none.
    number (int): The task's id.
    model (Optional[str]): Who found the entities: then they are a prediction to correct, else an annotation.
    RETURNS (str): A JSON object.
    """
    units = {place: unit for unit, place in enumerate(boundaries(record.text, "utf16"))}
    results: list[dict[str, Any]] = [
        {
            "id": f"{number}-{i}",
            "from_name": "label",
            "to_name": "text",
            "type": "labels",
            "value": {
                "start": units[start],
                "end": units[end],
                "text": record.text[start:end],
                "labels": [label],
            },
        }
        for i, (start, end, label) in enumerate(record.entities)
    ]
    for result, score in zip(results, scores, strict=False):
        result["score"] = round(score, 4)
    task: dict[str, Any] = {"id": number, "data": {"text": record.text}}
    if record.doc_id:
        task["data"]["doc_id"] = record.doc_id
    if model is None:
        task["annotations"] = [{"result": results}]
    else:
        least = {"score": round(min(scores), 4)} if scores else {}
        task["predictions"] = [{"model_version": model, "result": results, **least}]
    return json.dumps(task, ensure_ascii=False)
