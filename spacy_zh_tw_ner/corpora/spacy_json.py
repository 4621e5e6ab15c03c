"""spaCy's and Prodigy's JSON lines: a text, and `spans`, `entities` or `ents` by character."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .json_records import read_raw
from .offsets import RawRecord, RawSpan, resolve_offsets
from .records import SILENT, Reading, Record

SPAN_KEYS = ("spans", "entities", "ents")
SHAPE = '{"text": …, "spans": [{"start": 0, "end": 3, "label": "GPE"}]} or {"text": …, "entities": [[0, 3, "GPE"]]}'


def read_spacy_json(path: Path, reading: Reading = SILENT) -> Iterator[Record]:
    """Read spaCy's or Prodigy's JSON lines, or an array of such objects.

    path (Path): The file.
    reading (Reading): The unit of offsets, and who is told.
    YIELDS (Record): One an object; what an annotator has rejected or skipped in Prodigy is left out, and told.
    RAISES (CorpusError): For a line that is no such object.
    """
    return resolve_offsets(_read, path, reading)


def _read(path: Path, reading: Reading) -> Iterator[RawRecord]:
    n_refused = 0

    def parse(data: dict[str, Any], origin: str) -> Iterator[RawRecord]:
        nonlocal n_refused
        if data.get("answer", "accept") != "accept":
            n_refused += 1
            return
        meta = data.get("meta")
        doc_id = str(meta.get("doc_id", "")) if isinstance(meta, dict) else ""
        key = next((key for key in SPAN_KEYS if key in data), "spans")
        yield RawRecord(data["text"], [_span(span) for span in data.get(key) or []], origin, doc_id)

    yield from read_raw(path, reading, parse, name="spaCy", shape=SHAPE)
    if n_refused:
        reading.notify(f'{path}: {n_refused} objects whose `answer` is not "accept" are left out.')


def _span(span: Any) -> RawSpan:
    if isinstance(span, dict):
        surface = span.get("text")
        return RawSpan(span["start"], span["end"], span["label"], surface if isinstance(surface, str) else None)
    start, end, label = span
    return RawSpan(start, end, label)


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
