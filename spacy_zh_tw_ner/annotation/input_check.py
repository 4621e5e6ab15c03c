"""Check the beginning of an input for mistakes that would reject all records, before a job starts."""

import json
from typing import Any

from ..errors import Errors
from .job import Job

START = 2**20  # bytes
BOM = b"\xef\xbb\xbf"
# File types by their first bytes
SIGNATURES = {
    b"\xff\xfe": "UTF-16 text",
    b"\xfe\xff": "UTF-16 text",
    b"\x1f\x8b": "compressed by gzip",
    b"PK\x03\x04": "a ZIP archive",
    b"\xfd7zXZ": "compressed by xz",
    b"BZh": "compressed by bzip2",
    b"(\xb5/\xfd": "compressed by Zstandard",
    b"PAR1": "Parquet",
}


def require_readable(job: Job) -> None:
    """Check that JSON lines or text can be records.

    RAISES (ValueError): For another kind of file, for one JSON array, and if no record has the field of the text.
    """
    if job.reads == "parquet":
        return  # pyarrow reports errors of Parquet
    with job.source.open("rb") as file:
        start = file.read(START)
        is_all = not file.read(1)
    for signature, seen in SIGNATURES.items():
        if start.startswith(signature):
            raise ValueError(Errors.ZT688.format(path=job.source, seen=seen))
    if job.reads == "jsonl":
        _require_objects(job, start.removeprefix(BOM), is_all)


def _require_objects(job: Job, start: bytes, is_all: bool) -> None:
    lines = start.split(b"\n")
    if not is_all:
        lines.pop()  # the last one may be cut off
    lines = [line for line in lines if line.strip()]
    if start.lstrip().startswith(b"[") and (len(lines) < 2 or not isinstance(_parse(lines[0]), list)):
        raise ValueError(Errors.ZT689.format(path=job.source))
    records = [record for record in map(_parse, lines) if isinstance(record, dict)]
    if records and not any(job.text_field in record for record in records):
        fields = list(dict.fromkeys(name for record in records for name in record))
        seen = ", ".join(fields[:10]) or "none"
        raise ValueError(Errors.ZT690.format(path=job.source, n=len(records), field=job.text_field, fields=seen))


def _parse(line: bytes) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None
