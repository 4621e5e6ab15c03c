"""Read CLUENER's JSON lines: label → surface → pairs of first and last character, the last one *included*."""

from collections.abc import Iterator
from pathlib import Path

from .json_records import CLUENER, read_spans
from .offsets import CONVENTIONS, RawRecord, resolve_offsets
from .records import SILENT, Reading, Record


def read_cluener(path: Path, reading: Reading = SILENT) -> Iterator[Record]:
    """Read a file in CLUENER's format.

    path (Path): The file.
    reading (Reading): Receives messages and rejects.
    YIELDS (Record): One a line.
    RAISES (CorpusError): For a line that is no JSON object, or whatever `reading.reject` raises.
    """
    return resolve_offsets(_read, path, reading, default=CONVENTIONS["codepoint-inclusive"])


def _read(path: Path, reading: Reading) -> Iterator[RawRecord]:
    return read_spans(path, reading, name=CLUENER, shape='{"text": …, "label": {"name": {"葉老桂": [[9, 11]]}}}')
