"""CLUENER's JSON lines: label → surface → pairs of first and last character, the last one *included*."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .json_records import read_raw
from .offsets import CONVENTIONS, RawRecord, RawSpan, resolve_offsets
from .records import SILENT, Reading, Record


def read_cluener(path: Path, reading: Reading = SILENT) -> Iterator[Record]:
    """Read a file in CLUENER's format.

    path (Path): The file.
    reading (Reading): Who is told.
    YIELDS (Record): One a line.
    RAISES (CorpusError): For a line that is no such object.
    """
    return resolve_offsets(_read, path, reading, default=CONVENTIONS["codepoint-inclusive"])


def _read(path: Path, reading: Reading) -> Iterator[RawRecord]:
    return read_raw(
        path, reading, _parse, name="CLUENER", shape='{"text": …, "label": {"name": {"葉老桂": [[9, 11]]}}}'
    )


def _parse(data: dict[str, Any], origin: str) -> Iterator[RawRecord]:
    labels: dict[str, Any] = data.get("label") or {}
    spans = [
        RawSpan(first, last, label, surface)
        for label, surfaces in labels.items()
        for surface, places in surfaces.items()
        for first, last in places
    ]
    yield RawRecord(data["text"], spans, origin)
