"""Read the annotations that `serve --annotations` has collected from Label Studio's webhooks.

The file has one JSON object per line. Each is the event of one annotation: its `action`, such as "ANNOTATION_UPDATED",
and the task with this annotation, in the layout of the export. Label Studio may send an event twice, and events may
arrive in any order. So of the events of an annotation, only the one with the latest `updated_at` is read. Once an
annotation is deleted, all its events are left out, because Label Studio never uses its id again.
"""

import json
import os
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timezone
from itertools import chain, pairwise
from pathlib import Path
from typing import Any, NamedTuple

from ...untrusted.documents import nests_deeper
from ..offsets import CODEPOINT, RawRecord, resolve_offsets
from ..records import SILENT, Reading, Record, ignore
from ..text_files import numbered_lines
from .json_spans import read_raw
from .label_studio import SHAPE as TASK_SHAPE
from .label_studio import parse_task

SAVED = ("ANNOTATION_CREATED", "ANNOTATIONS_CREATED", "ANNOTATION_UPDATED")
DELETED = {"ANNOTATIONS_DELETED": "annotations", "TASKS_DELETED": "tasks"}  # action → field with the ids
SHAPE = f'{{"action": "ANNOTATION_CREATED", {TASK_SHAPE[1:]}'
TASK_FIELDS = ("id", "data")
ANNOTATION_FIELDS = (
    "id",
    "result",
    "was_cancelled",
    "ground_truth",
    "completed_by",
    "created_at",
    "updated_at",
    "lead_time",
)
# Each annotation of an event is stored with the data of its task, so thousands of one long task could fill the memory.
MOST_BYTES = 2**26  # of the lines of an event, or MOST_COPIES times the event if that is more
MOST_COPIES = 4
SURVEY = Reading(reject=ignore)  # for the first pass over a file; the last one reports
FIRST = datetime.min.replace(tzinfo=timezone.utc)


class EventError(ValueError):
    """Raised if the body of a webhook lacks a part of an annotation or its task; the message names this part."""


def event_lines(event: dict[str, Any]) -> list[str]:
    """Convert the body of a webhook to the lines to store: one per saved annotation, or one for all deletions.

    The lines are ASCII. So the file is valid UTF-8 even if the process is killed in the middle of a line.

    event (dict): The parsed body, as Label Studio sends it.
    RETURNS (list[str]): JSON objects without line ends; empty if the event does not save or delete annotations.
    RAISES (EventError): If an annotation has no id, task or result, or if the lines are much larger than the event,
        because each of them repeats the task of its annotation.
    """
    action = event.get("action")
    if action in DELETED:
        key = DELETED[action]
        ids = [{"id": _id(each, key)} for each in _as_list(event.get(key))]
        return [_dump({"action": action, key: ids})] if ids else []
    if action not in SAVED:
        return []
    annotations, tasks = _as_list(event.get("annotation")), _as_list(event.get("task"))
    by_id: dict[object, dict[str, Any]] = {_id(task, "task"): task for task in tasks}
    if not annotations:
        raise EventError("`annotation` is missing; switch on `Send payload` in the settings of the webhook")
    lines, size, limit = [], 0, MOST_BYTES
    for annotation in annotations:
        _id(annotation, "annotation")
        of_task = annotation.get("task")
        task = by_id.get(of_task) if type(of_task) is int else None
        if not isinstance(annotation.get("result"), list) or task is None or not isinstance(task.get("data"), dict):
            raise EventError("an annotation has no list in `result`, or `task` does not have its task with `data`")
        kept = {key: annotation[key] for key in ANNOTATION_FIELDS if key in annotation}
        lines.append(_dump({"action": action, **{key: task[key] for key in TASK_FIELDS}, "annotations": [kept]}))
        size += len(lines[-1])
        if size > limit:
            limit = max(limit, MOST_COPIES * len(_dump(event)))
            if size > limit:
                raise EventError(f"its annotations, each with its task, have more than {limit:,} bytes")
    return lines


def is_event(data: dict[str, Any]) -> bool:
    """Return whether an object has the `action` of a line that `event_lines` returns."""
    action = data.get("action")
    return isinstance(action, str) and (action in SAVED or action in DELETED)


def read_label_studio_webhook(path: Path, reading: Reading = SILENT) -> Iterator[Record]:
    """Yield one record for each annotated task in a file of events.

    Of a task with several annotations, the first one marked as ground truth is read, or else the one with the smallest
    id. Records are in the order of the lines.

    path (Path): The file.
    reading (Reading): The unit of offsets ("auto" to detect it), the names of fields, and callbacks for messages,
        progress and invalid lines.
    RAISES (CorpusError): If the file is not UTF-8, or an event has a lone surrogate.
    """
    newest = _Newest()
    for number, _, data in _events(path):
        newest.add(number, data)
    chosen = newest.choose()
    fields: Counter[str] = Counter()  # shared by the two passes of `resolve_offsets`

    def parse(data: dict[str, Any], origin: str) -> Iterator[RawRecord]:
        yield from parse_task(data, data["annotations"][:1], origin, reading, fields)

    def read(path: Path, reading: Reading) -> Iterator[RawRecord]:
        events = ((origin, data) for number, origin, data in _events(path, reading) if number in chosen)
        yield from read_raw(path, reading, parse, name="Label Studio webhook", shape=SHAPE, objects=events)
        left_out = ", ".join(f"{n} {kind}" for kind, n in newest.left_out.items() if n)
        if left_out:
            reading.notify(
                f"{path}: only the newest state of the annotation of each task is read; left out: {left_out}."
            )

    yield from resolve_offsets(read, path, reading, default=CODEPOINT)


class _State(NamedTuple):
    """State of an annotation after one event. States compare by time and, if the times are equal, by line number.

    time: The `updated_at` of the annotation. number: Line of the event. task: Id of the task.
    is_truth: Whether the annotation is marked as ground truth. is_skipped: Whether the annotator skipped the task.
    """

    time: datetime
    number: int  # of its line
    task: object
    is_truth: bool
    is_skipped: bool


class _Newest:
    """Collects the newest state of each annotation, and the ids of deleted annotations and tasks.

    `left_out` counts the states that are not read, by reason.
    """

    def __init__(self) -> None:
        self._states: dict[int, _State] = {}
        self._deleted: dict[str, set[object]] = {field: set() for field in DELETED.values()}
        self.left_out: Counter[str] = Counter()

    def add(self, number: int, data: dict[str, Any]) -> None:
        """Add an event: store the state of its annotation if it is the newest, or the ids that it deletes.

        number (int): Number of the line.
        data (dict): The event.
        """
        if data["action"] in DELETED:
            field = DELETED[data["action"]]
            self._deleted[field] |= {each.get("id") for each in data[field]}
            return
        annotation = data["annotations"][0]
        truth, skipped = (bool(annotation.get(field)) for field in ("ground_truth", "was_cancelled"))
        state = _State(_time(annotation.get("updated_at")), number, data.get("id"), truth, skipped)
        former = self._states.get(annotation["id"])
        self.left_out["older states"] += former is not None
        self._states[annotation["id"]] = state if former is None else max(former, state)

    def choose(self) -> set[int]:
        """Return the numbers of the lines to read, counted from 1: one for each task that has an annotation.

        Of several events of an annotation, such as its creation and an update, only the newest counts.
        Deleted annotations and skipped tasks are left out. Of several annotations of a task, the first one that is
        marked as ground truth is chosen, or else the one with the smallest id.
        """
        by_task: dict[object, _State] = {}
        for id_ in sorted(self._states):
            state = self._states[id_]
            if id_ in self._deleted["annotations"] or state.task in self._deleted["tasks"]:
                self.left_out["deleted annotations"] += 1
            elif state.is_skipped:
                self.left_out["skipped tasks"] += 1
            else:
                former = by_task.get(state.task)
                self.left_out["other annotations of a task"] += former is not None
                if former is None or (state.is_truth and not former.is_truth):
                    by_task[state.task] = state
        return {state.number for state in by_task.values()}


def _events(path: Path, reading: Reading = SURVEY) -> Iterator[tuple[int, str, dict[str, Any]]]:
    """Yield the events of a file in the order of its lines.

    If the last line has no line end and is not valid JSON, it is left out and the user is notified: the process was
    killed while it wrote the line, and Label Studio has not got a confirmation of the event. Other invalid lines are
    rejected.

    path (Path): The file.
    reading (Reading): Callbacks for progress, for the message about an incomplete line, and for invalid lines.
    YIELDS (tuple[int, str, dict]): Line number, origin (file and line number), and the event.
    """
    lines = (row for row in numbered_lines(path, reading.advance) if row[1].strip())
    for (number, line), following in pairwise(chain(lines, [(0, "")])):
        origin, problem = f"{path}:{number}", ""
        try:
            data = json.loads(line)
            problem = "nested too deeply" if nests_deeper(data) else _why_not(data)
        except (ValueError, RecursionError) as error:
            if not following[0] and not _ends_with_line_end(path):
                reading.notify(f"{origin}: the line is incomplete and left out, because its writer was interrupted.")
                return
            problem = f"not JSON ({error})"
        if problem:
            reading.reject(origin, f"not an event of Label Studio: {problem}", line[:60], f"Write {SHAPE}")
        else:
            yield number, origin, data


def _why_not(data: Any) -> str:
    """Return the reason why a JSON value is not a complete event; an empty string if it is one."""
    if not isinstance(data, dict) or not is_event(data):
        return "it has no `action` of an annotation"
    field = DELETED.get(data["action"], "annotations")
    items = data.get(field)
    if not isinstance(items, list) or not items or not all(isinstance(item, dict) for item in items):
        return f"`{field}` is not a list of objects"
    if not all(isinstance(item.get("id"), int) for item in items):
        return f"an object in `{field}` has no number in `id`"
    if data["action"] in DELETED or (isinstance(data.get("data"), dict) and isinstance(data.get("id"), int)):
        return ""
    return "`data` is not an object, or the task has no number in `id`"


def _ends_with_line_end(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(0, os.SEEK_END)
        file.seek(max(0, file.tell() - 1))
        return file.read(1) == b"\n"


def _time(value: object) -> datetime:
    """Parse a time in ISO 8601 format. If it is missing or invalid, return `FIRST`, the earliest possible time."""
    try:
        time = datetime.fromisoformat(str(value).replace("Z", "+00:00"))  # Python 3.10 does not parse Z
    except ValueError:
        return FIRST
    return time if time.tzinfo else time.replace(tzinfo=timezone.utc)


def _as_list(value: object) -> list[dict[str, Any]]:
    """Return the objects in a value that may be one object or a list. All other values are left out."""
    values = value if isinstance(value, list) else [value]
    return [each for each in values if isinstance(each, dict)]


def _id(data: dict[str, Any], kind: str) -> int:
    if type(data.get("id")) is not int:
        raise EventError(f"`{kind}` has no whole number in `id`")
    return int(data["id"])


def _dump(data: dict[str, Any]) -> str:
    try:
        return json.dumps(data, allow_nan=False)
    except ValueError:
        raise EventError("it has a number that is not finite, which is not JSON") from None
