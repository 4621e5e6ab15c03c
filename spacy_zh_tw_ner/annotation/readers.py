"""Read the records of a chunk; what cannot be read is rejected with line and reason."""

import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ..errors import Errors
from ..untrusted import reading
from .chunks import Chunk, open_parquet
from .job import Job
from .records import SEEN, Loaded, Record, Reject, Unusable

BOM = b"\xef\xbb\xbf"


class Reader:
    """Reads chunks of one file, from the front to the back at best.

    job (Job): Says which file.
    """

    def __init__(self, job: Job) -> None:
        self.job = job
        self._rows: Iterator[tuple[int, Any]] = iter(())
        self._next = (-1, 0)  # row group and row that `_rows` gives next

    def __call__(self, chunk: Chunk) -> Loaded:
        """Read a chunk.

        RETURNS (Loaded): Its records in order, and its rejects.
        """
        if self.job.reads == "parquet":
            return self._load_rows(chunk)
        with self.job.source.open("rb") as file:
            file.seek(chunk.start)
            lines = file.read(chunk.stop - chunk.start).split(b"\n")
        if not lines[-1]:
            lines.pop()
        if chunk.start == 0:
            lines[0] = lines[0].removeprefix(BOM)
        read = self._json_record if self.job.reads == "jsonl" else self._text_record
        loaded = Loaded([], [])
        for line, data in enumerate(lines, chunk.line):
            if self.job.reads == "jsonl" and not data.strip():
                continue  # no record, and nothing lost
            _try(lambda: read(line, data), loaded, line, data.decode("utf-8", "replace"))  # noqa: B023  (called at once)
        return loaded

    def _text_record(self, line: int, data: bytes) -> Record:
        text = _decoded(data.removesuffix(b"\r"))
        return Record(line, text, {"line": line, self.job.text_field: text})

    def _json_record(self, line: int, data: bytes) -> Record:
        try:
            fields = json.loads(_decoded(data), parse_constant=_refuse_constant, parse_float=_finite)
        except Unusable:
            raise
        except RecursionError:
            raise Unusable("not valid JSON: nested too deeply") from None
        except json.JSONDecodeError as error:
            raise Unusable(f"not valid JSON: {error.msg} at column {error.colno}") from None
        except ValueError as error:  # a whole number of thousands of digits
            raise Unusable(f"a number that cannot be read: {error}") from None
        if not isinstance(fields, dict):
            raise Unusable(f"not a JSON object, but {_kind(fields)}")
        if self.job.text_field not in fields:
            raise Unusable(f"has no field {self.job.text_field!r}")
        if self.job.entities_field in fields:
            raise Unusable(f"has a field {self.job.entities_field!r} already; name another with --entities-field")
        return Record(line, self._text(fields[self.job.text_field]), fields)

    def _text(self, value: object) -> str:
        if not isinstance(value, str):
            raise Unusable(f"{self.job.text_field!r} is {_kind(value)}, not a string")
        return value

    def _load_rows(self, chunk: Chunk) -> Loaded:
        table = self._table(chunk)
        loaded = Loaded([], [], table)
        for row, scalar in enumerate(table.column(self.job.text_field)):
            line = chunk.line + row
            _try(lambda: Record(line, self._text(_value(scalar)), row=row), loaded, line, "")  # noqa: B023
        return loaded

    def _table(self, chunk: Chunk) -> Any:
        """Rows of a chunk. A group is decoded from its front, so one pass serves all chunks of it that follow."""
        if self._next[0] != chunk.group or self._next[1] > chunk.start:
            self._rows, self._next = self._group(chunk.group), (chunk.group, 0)
        for start, table in self._rows:
            self._next = (chunk.group, start + len(table))
            if start == chunk.start:
                return table
        raise ValueError(Errors.ZT526.format(path=self.job.source))

    def _group(self, group: int) -> Iterator[tuple[int, Any]]:
        """Tables of `chunk_size` rows, and the last one of what is left; Arrow promises no more than "at most"."""
        import pyarrow as pa

        size, start, left = self.job.chunk_size, 0, None
        with open_parquet(self.job.source) as file:
            batches = file.iter_batches(batch_size=size, row_groups=[group])
            while (batch := _next(batches, self.job.source)) is not None:
                table = pa.Table.from_batches([batch])
                left = table if left is None else pa.concat_tables([left, table])
                while len(left) >= size:
                    yield start, left.slice(0, size)
                    start, left = start + size, left.slice(size)
        if left is not None and len(left):
            yield start, left


def _next(batches: Iterator[Any], path: Path) -> Any:
    """Return the next batch of rows, or None.

    RAISES (UnreadableFileError): For pages that are damaged.
    """
    with reading(path, Errors.ZT523):
        return next(batches, None)


def _try(read: Callable[[], Record], loaded: Loaded, line: int, seen: str) -> None:
    try:
        loaded.records.append(read())
    except Unusable as error:
        loaded.rejects.append(Reject(line, str(error), seen[:SEEN]))


def _refuse_constant(name: str) -> float:
    raise Unusable(f"not valid JSON: {name} is no number of JSON")


def _finite(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise Unusable(f"a number that cannot be read: {digits[:20]} is too large")
    return number


def _decoded(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise Unusable(f"not UTF-8: {error.reason} at byte {error.start}") from None


def _value(scalar: Any) -> object:
    try:
        return scalar.as_py()
    except UnicodeDecodeError as error:
        raise Unusable(f"not UTF-8: {error.reason} at byte {error.start}") from None


def _kind(value: object) -> str:
    names = {type(None): "null", bool: "a truth value", int: "a number", float: "a number", list: "a list"}
    return names.get(type(value), "an object" if isinstance(value, dict) else "a string")
