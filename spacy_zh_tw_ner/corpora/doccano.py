"""doccano's JSON lines: `label` or `labels` with [start, end, name], or `entities` with `start_offset`s."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .json_records import read_raw
from .offsets import RawRecord, RawSpan, resolve_offsets
from .records import SILENT, Reading, Record

SHAPE = '{"text": …, "label": [[0, 3, "GPE"]]} or {"text": …, "entities": [{"start_offset": 0, …}]}'


def read_doccano(path: Path, reading: Reading = SILENT) -> Iterator[Record]:
    """Read what doccano exports.

    path (Path): The file.
    reading (Reading): The unit of offsets, which doccano lets its users choose; and who is told.
    YIELDS (Record): One an object.
    RAISES (CorpusError): For a line that is no such object.
    """
    return resolve_offsets(_read, path, reading)


def _read(path: Path, reading: Reading) -> Iterator[RawRecord]:
    return read_raw(path, reading, _parse, name="doccano", shape=SHAPE)


def _parse(data: dict[str, Any], origin: str) -> Iterator[RawRecord]:
    if "entities" in data:
        spans = [RawSpan(e["start_offset"], e["end_offset"], e["label"]) for e in data["entities"]]
    else:
        spans = [RawSpan(start, end, label) for start, end, label in data.get("label", data.get("labels", []))]
    yield RawRecord(data["text"], spans, origin, str(data.get("doc_id", "")))


def write_doccano(record: Record, scores: list[float]) -> str:
    """Write one record as a line that doccano imports; what is not text or label becomes its metadata."""
    data: dict[str, Any] = {"text": record.text, "label": [list(entity) for entity in record.entities]}
    if record.doc_id:
        data["doc_id"] = record.doc_id
    if scores:
        data["scores"] = [round(score, 4) for score in scores]
    return json.dumps(data, ensure_ascii=False)
