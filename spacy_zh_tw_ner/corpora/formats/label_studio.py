"""Read Label Studio's exports JSON and JSON-MIN, and write JSON.

JSON is an array of tasks. A task has regions, which are spans: each has offsets in code points, and usually its text.
Versions before 2022 count UTF-16 units, which is detected by the texts of the regions.

JSON-MIN has one object per annotation, with the fields of its task and one or more lists of regions. The names of these
lists are settings of the Label Studio project.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from ...entities import Entity
from ..offsets import CODEPOINT, RawRecord, resolve_offsets
from ..record_fields import NO_LABEL, TEXT_FIELDS, NotUsable, add_span, find_text, kind_of, text_or_nothing
from ..records import SILENT, FieldNames, NoAnnotation, Reading, Record
from .json_spans import read_raw
from .label_studio_config import CONTROL, TEXT

SHAPE = '{"data": {"text": …}, "annotations": [{"result": [{"value": {"start": 0, "end": 3, "labels": ["GPE"]}}]}]}'

# Fields that JSON-MIN adds to those of the task.
ABOUT = ("id", "annotator", "annotation_id", "created_at", "updated_at", "lead_time", "agreement")
# Types of results that do not annotate spans of text.
OTHER_TYPES = ("choices", "textarea", "rating", "number", "datetime", "taxonomy", "pairwise", "relation")


def is_minimal(data: dict[str, Any]) -> bool:
    """Return whether an object is of JSON-MIN: no object `data`, but an `annotation_id` or a list of regions."""
    return not isinstance(data.get("data"), dict) and (
        "annotation_id" in data or any(_are_regions(value, "labels") for value in data.values())
    )


def _are_regions(value: Any, needed: str = "end") -> bool:
    """Return whether a value is a list in which at least one object has the key `start` and the key `needed`."""
    return isinstance(value, list) and any(isinstance(v, dict) and {"start", needed} <= {*v} for v in value)


def is_unlabelled_task(data: dict[str, Any]) -> bool:
    """Return whether an object is a task without annotations, apart from cancelled (skipped) ones."""
    return not is_minimal(data) and not _finished(data)


def _finished(data: dict[str, Any]) -> list[dict[str, Any]]:
    for key in ("annotations", "completions"):
        if isinstance(data.get(key), list):
            objects = [annotation for annotation in data[key] if isinstance(annotation, dict)]
            return [annotation for annotation in objects or data[key] if not annotation.get("was_cancelled")]
    return []


def read_label_studio(path: Path, reading: Reading = SILENT) -> Iterator[Record]:
    """Yield one record for each annotated task in an export of the format JSON or JSON-MIN.

    Of a task with several annotations, the one marked as ground truth is read, or else the first.

    path (Path): The file.
    reading (Reading): Unit of offsets, field names, and callbacks for messages and rejected records.
    """
    return _resolve(path, reading, every=False)


def read_label_studio_annotators(path: Path, reading: Reading = SILENT) -> Iterator[Record]:
    """Yield one record for each annotation of each task, with the name of its annotator and the id of its task.

    path (Path): The file, an export of the format JSON or JSON-MIN.
    reading (Reading): Unit of offsets, field names, and callbacks for messages and rejected records.
    """
    return _resolve(path, reading, every=True)


def _resolve(path: Path, reading: Reading, *, every: bool) -> Iterator[Record]:
    """Yield the records of a file, with offsets converted to code points.

    every (bool): True for one record per annotation, False for one record per annotated task.
    """
    fields: Counter[str] = Counter()  # shared by the two passes over the file

    def read(path: Path, reading: Reading) -> Iterator[RawRecord]:
        return _read(path, reading, fields, every)

    return resolve_offsets(read, path, reading, default=CODEPOINT)


def _read(path: Path, reading: Reading, fields: Counter[str], every: bool) -> Iterator[RawRecord]:
    """Yield the annotations of a file, with offsets in the unit of the file, which is not yet known.

    fields (Counter[str]): Field → number of tasks so far in which it held the text. The tasks of the file are added.
    every (bool): True for every annotation; False for one of each task: the ground truth, or else the first.
    """
    n_bare = n_others = 0
    last: Any = None

    def parse(data: dict[str, Any], origin: str) -> Iterator[RawRecord]:
        nonlocal last, n_bare, n_others
        if is_minimal(data):
            before, last = last, data.get("id")
            if not every and before is not None and before == last:
                n_others += 1
                return
            data = _task(data)
        if not isinstance(data["data"], dict):
            raise NotUsable(f"`data` is {kind_of(data['data'])}, not an object")
        finished = _finished(data)
        if not finished:
            n_bare += 1
            return
        chosen = finished
        if not every:
            n_others += len(finished) - 1
            chosen = [next((one for one in finished if one.get("ground_truth")), finished[0])]
        yield from parse_task(data, chosen, origin, reading, fields)

    yield from read_raw(path, reading, parse, name="Label Studio", shape=SHAPE)
    if n_bare:
        reading.notify(f"{path}: {n_bare} tasks are left out, because they are skipped or not annotated.")
    if n_others:
        reading.notify(
            f"{path}: of each task with several annotations, the ground truth (or else the first) is read; "
            f"{n_others} others are left out."
        )


def parse_task(
    data: dict[str, Any], annotations: list[dict[str, Any]], origin: str, reading: Reading, fields: Counter[str]
) -> Iterator[RawRecord]:
    """Yield one record for each given annotation of a task.

    data (dict): The task.
    annotations (list[dict]): Annotations of the task, each with a list in `result`.
    origin (str): File and line, for messages.
    reading (Reading): Has the name of the text field that the user gave, if any.
    fields (Counter[str]): Field → number of earlier tasks in which it was the text. This task is added.
    YIELDS (RawRecord): Text and regions of each annotation; offsets are not converted.
    RAISES (ValueError, LookupError, TypeError): If the task or an annotation does not have the expected layout.
    """
    origin = f"{origin}, task {data['id']}" if "id" in data else origin
    regions = [_regions(annotation) for annotation in annotations]
    name = _text_field(data["data"], [region for of_one in regions for region in of_one], reading.fields, fields)
    text = find_text(data["data"], reading.fields._replace(text=name))
    text.encode()  # a lone surrogate (valid in JSON) raises here
    fields[name] += 1
    for annotation, of_one in zip(annotations, regions, strict=True):
        doc_id, task = text_or_nothing(data["data"].get("doc_id")), text_or_nothing(data.get("id"))
        raw = RawRecord(text, [], origin, doc_id, annotator=_annotator(annotation), task=task)
        for region in of_one:
            target = region.get("to_name")
            if isinstance(target, str) and target != name and target in data["data"]:
                reason = f"a region of the field {target!r}, which --text-field {target} would read"
                raw.rejects.append(NoAnnotation(Entity(0, 0, ""), reason))
            else:
                _add_region(region, raw)
        yield raw


def _regions(annotation: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the items of the list `result` of an annotation, except those of types that are not spans of a text."""
    results = [result if isinstance(result, dict) else {} for result in annotation["result"]]
    return [result for result in results if result.get("type") not in OTHER_TYPES]


def _annotator(annotation: dict[str, Any]) -> str:
    """Return the name of the annotator: the e-mail address, user name or number in `completed_by`.

    Some exports have an object with these values, and others only the number. If there is none, "" is returned.
    """
    person = annotation.get("completed_by")
    if isinstance(person, dict):
        return next(filter(None, (text_or_nothing(person.get(key)) for key in ("email", "username", "id"))), "")
    return text_or_nothing(person)


def _task(data: dict[str, Any]) -> dict[str, Any]:
    """Convert an object of JSON-MIN to a task with one annotation."""
    regions = [{"value": value} for values in data.values() if _are_regions(values) for value in values]
    fields = {key: value for key, value in data.items() if key not in ABOUT and not _are_regions(value)}
    number = {"id": data["id"]} if "id" in data else {}
    annotation = {"result": regions, "completed_by": data.get("annotator")}
    return {**number, "data": fields, "annotations": [annotation]}


def _text_field(data: dict[str, Any], regions: list[dict[str, Any]], names: FieldNames, fields: Counter[str]) -> str:
    """Return the name of the field that holds the annotated text. The export does not state it.

    If the user gave a name, it is returned. Otherwise, these rules are tried in order, and the first one that finds a
    field decides:

    1. "text", unless the regions name only other fields in `to_name`;
    2. the field that most regions name in `to_name`;
    3. the field whose value contains the texts of most regions;
    4. the field that held the text in most earlier tasks;
    5. the first field of `TEXT_FIELDS`;
    6. the only field whose value is a string.

    data (dict): The fields of the task.
    regions (list[dict]): The regions of the task.
    names (FieldNames): `text` is the name that the user gave, or None.
    fields (Counter[str]): Field → number of earlier tasks in which it was the text.
    RAISES (NotUsable): If no rule finds a field: no value is a string, or several are.
    """
    if names.text:
        return names.text
    targets = Counter(region["to_name"] for region in regions if isinstance(region.get("to_name"), str))
    if "text" in data and (not targets or "text" in targets or not targets.keys() & data.keys()):
        return "text"
    named = [target for target, _ in targets.most_common() if target in data]
    if named:
        return str(named[0])
    texts = {key: value for key, value in data.items() if isinstance(value, str) and key != "doc_id"}
    fitting = {key: sum(_contains(text, region) for region in regions) for key, text in texts.items()}
    best = max(fitting, key=fitting.__getitem__, default="")
    if fitting.get(best):
        return best
    known = [key for key, _ in fields.most_common() if key in texts] or [key for key in TEXT_FIELDS if key in texts]
    if known or len(texts) == 1:
        return known[0] if known else next(iter(texts))
    raise NotUsable(f"`data` has no `text`, but {len(texts)} other strings; name the field with --text-field")


def _contains(text: str, region: dict[str, Any]) -> bool:
    """Return whether a string contains the string `value.text` of a region. White space is ignored."""
    value = region.get("value")
    surface = value.get("text") if isinstance(value, dict) else None
    return isinstance(surface, str) and bool(surface) and "".join(surface.split()) in "".join(text.split())


def _add_region(region: dict[str, Any], raw: RawRecord) -> None:
    value = region.get("value")
    if not isinstance(value, dict):
        raw.rejects.append(NoAnnotation(Entity(0, 0, ""), NO_LABEL))
        return
    surface = value["text"] if isinstance(value.get("text"), str) else None
    labels = value.get("labels", value.get(str(region.get("type"))))
    for label in labels if isinstance(labels, list) and labels else [labels]:
        add_span(value.get("start"), value.get("end"), label, surface, raw.spans, raw.rejects)


def write_label_studio(record: Record, scores: list[float], *, number: int, model: str | None) -> str:
    """Return one record as a task of Label Studio in JSON.

    record (Record): The record.
    scores (list[float]): One score per entity, or an empty list.
    number (int): Id of the task.
    model (Optional[str]): Name of the pipeline, to write the entities as predictions; None to write annotations.
    RETURNS (str): A JSON object.
    """
    results = text_regions(record.text, record.entities, scores, prefix=str(number))
    task: dict[str, Any] = {"id": number, "data": {"text": record.text}}
    if record.doc_id:
        task["data"]["doc_id"] = record.doc_id
    if model is None:
        task["annotations"] = [{"result": results}]
    else:
        task["predictions"] = [{"model_version": model, "result": results, **least_score(scores)}]
    return json.dumps(task, ensure_ascii=False)


def least_score(scores: Iterable[float | None]) -> dict[str, float]:
    """Return {"score": the lowest score of the entities} for a prediction; an empty dictionary if none has a score."""
    known = [score for score in scores if score is not None]
    return {"score": round(min(known), 4)} if known else {}


def text_regions(
    text: str,
    entities: Iterable[Entity],
    scores: Sequence[float | None],
    *,
    prefix: str,
    from_name: str = CONTROL,
    to_name: str = TEXT,
) -> list[dict[str, Any]]:
    """Convert entities to regions of Label Studio, which are the items of the list `result` of an annotation.

    text (str): The text.
    entities (Iterable[Entity]): Entities with offsets in code points.
    scores (Sequence[Optional[float]]): One score per entity, or an empty list; None for an entity without a score.
    prefix (str): Beginning of the ids of the regions, unique in the task.
    from_name, to_name (str): Names of the `<Labels>` and `<Text>` tags in the labelling configuration.
    RETURNS (list[dict[str, Any]]): One region per entity, with "score" if the entity has one.
    """
    regions: list[dict[str, Any]] = [
        {
            "id": f"{prefix}-{i}",
            "from_name": from_name,
            "to_name": to_name,
            "type": "labels",
            "value": {"start": start, "end": end, "text": text[start:end], "labels": [label]},
        }
        for i, (start, end, label) in enumerate(entities)
    ]
    for region, score in zip(regions, scores, strict=False):
        if score is not None:
            region["score"] = round(score, 4)
    return regions
