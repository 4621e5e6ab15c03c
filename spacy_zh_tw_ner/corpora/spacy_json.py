"""Read and write spaCy's and Prodigy's JSON lines: a text, and `spans`, `entities` or `ents` by character."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .json_records import read_spans
from .offsets import RawRecord, resolve_offsets
from .records import SILENT, Reading, Record

SPAN_FIELDS = ("spans", "entities", "ents")
SHAPE = '{"text": …, "spans": [{"start": 0, "end": 3, "label": "GPE"}]} or {"text": …, "entities": [[0, 3, "GPE"]]}'


def read_spacy_json(path: Path, reading: Reading = SILENT) -> Iterator[Record]:
    """Read spaCy's or Prodigy's JSON lines, or an array of such objects.

    path (Path): The file.
    reading (Reading): The unit of offsets; receives messages and rejects.
    YIELDS (Record): One an object; what an annotator has rejected or skipped in Prodigy is left out and counted.
    RAISES (CorpusError): For a line that is no JSON object, or whatever `reading.reject` raises.
    """
    return resolve_offsets(_read, path, reading)


def _read(path: Path, reading: Reading) -> Iterator[RawRecord]:
    return read_spans(path, reading, name="spaCy", shape=SHAPE)


def write_spacy_json(record: Record, scores: list[float]) -> str:
    """Write one record as a line for spaCy or Prodigy, each span with its text."""
    spans: list[dict[str, Any]] = [
        {"start": start, "end": end, "label": label, "text": record.text[start:end]}
        for start, end, label in record.entities
    ]
    for span, score in zip(spans, scores, strict=False):
        span["score"] = round(score, 4)
    meta = {"origin": record.origin, "doc_id": record.doc_id}
    return json.dumps(
        {"text": record.text, "spans": spans, "meta": {k: v for k, v in meta.items() if v}}, ensure_ascii=False
    )
