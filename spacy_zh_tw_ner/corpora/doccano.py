"""Read and write doccano's JSON lines: [start, end, name] in `label` or `labels`, or `entities` with `start_offset`."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .json_records import read_spans
from .offsets import RawRecord, resolve_offsets
from .records import SILENT, Reading, Record

SHAPE = '{"text": …, "label": [[0, 3, "GPE"]]} or {"text": …, "entities": [{"start_offset": 0, …}]}'


def read_doccano(path: Path, reading: Reading = SILENT) -> Iterator[Record]:
    """Read what doccano exports.

    path (Path): The file.
    reading (Reading): The unit of offsets, which doccano lets its users choose; receives messages and rejects.
    YIELDS (Record): One an object.
    RAISES (CorpusError): For a line that is no JSON object, or whatever `reading.reject` raises.
    """
    return resolve_offsets(_read, path, reading)


def _read(path: Path, reading: Reading) -> Iterator[RawRecord]:
    return read_spans(path, reading, name="doccano", shape=SHAPE)


def write_doccano(record: Record, scores: list[float]) -> str:
    """Write one record as a line that doccano imports; what is not text or label becomes its metadata."""
    data: dict[str, Any] = {"text": record.text, "label": [list(entity) for entity in record.entities]}
    if record.doc_id:
        data["doc_id"] = record.doc_id
    if scores:
        data["scores"] = [round(score, 4) for score in scores]
    return json.dumps(data, ensure_ascii=False)
