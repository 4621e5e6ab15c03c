"""Read the records of a chunk, one part of the input of `annotate`; reject unreadable ones with line and reason."""

import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from ..errors import CorpusError, Errors
from .chunks import Chunk, open_parquet, read_batches
from .job import BOM, AnnotationJob

SEEN = 80  # most characters of a rejected record that are quoted


@dataclass(frozen=True)
class InputRecord:
    """A record of the input of `annotate`: one line of a text or JSONL file, or one row of a Parquet file.

    line: Number of the record's line in the file or, for Parquet, of its row; from 1.
    text: The text to annotate.
    fields: All fields of the record, including the text; None for a Parquet input.
    row: For a Parquet input: index of the row in `LoadedChunk.table` that has all fields of the record. Otherwise 0.
    """

    line: int
    text: str
    fields: dict[str, Any] | None = None
    row: int = 0


@dataclass(frozen=True)
class RejectedRecord:
    """A record that cannot be annotated.

    line: Number of the line or row in the file, from 1.
    reason: The reason, for the list of rejects.
    seen: The first SEEN characters of the record; empty for a Parquet row whose text is not a string.
    """

    line: int
    reason: str
    seen: str

    def to_json(self, file: str) -> dict[str, Any]:
        """Return the entry of this record in the list of rejects: an object for `json.dumps`.

        file (str): Name of the input.
        RETURNS (dict[str, Any]): The keys "file", "line", "reason" and "seen" → their values.
        """
        return {"file": file, "line": self.line, "reason": self.reason, "seen": self.seen}


class UnusableRecordError(ValueError):
    """Error for a record that cannot be annotated; the message is the reason."""


@dataclass(frozen=True)
class LoadedChunk:
    """Records that were read from one chunk, a range of consecutive lines or rows of the input.

    table (pyarrow.Table | None): All rows and columns of the chunk, if the input is Parquet.
    records (list[InputRecord]): The readable records, in file order.
    rejects (list[RejectedRecord]): The records that cannot be read.
    """

    table: Any = None
    records: list[InputRecord] = field(default_factory=list)
    rejects: list[RejectedRecord] = field(default_factory=list)

    def add(self, read: Callable[[], InputRecord], line: int, seen: str) -> None:
        """Call a function that reads a record. Add the record to `records` or, if it cannot be read, to `rejects`.

        read (Callable[[], InputRecord]): Function that returns the record, or raises an UnusableRecordError.
        line (int): Number of the line or row, for the reject.
        seen (str): The whole record, for the reject, which quotes its first SEEN characters.
        """
        try:
            self.records.append(read())
        except UnusableRecordError as error:
            self.rejects.append(RejectedRecord(line, str(error), seen[:SEEN]))

    def readable(self, check: Callable[[str], None]) -> list[InputRecord]:
        """Return the records whose texts pass a check, and add the others to `rejects`. `records` is not changed.

        check (Callable[[str], None]): Function that raises a ValueError for a text that cannot be processed.
        """
        kept = []
        for record in self.records:
            try:
                check(record.text)
                kept.append(record)
            except ValueError as error:
                reason = " ".join(str(error).split())
                self.rejects.append(RejectedRecord(record.line, reason, record.text[:SEEN]))
        return kept


class ChunkReader:
    """Reads the records of any chunk of one input file. A chunk is a range of consecutive lines or rows.

    Chunks may be read in any order. In Parquet, file order is the fastest: each row group is then decoded only once.

    job (AnnotationJob): Has the path of the input, its format, and the names of its fields.
    """

    def __init__(self, job: AnnotationJob) -> None:
        self.job = job
        self._rows: Iterator[tuple[int, Any]] = iter(())
        self._next = (-1, 0)  # row group, and its row at which the next table of `_rows` starts

    def __call__(self, chunk: Chunk) -> LoadedChunk:
        """Read the records of one chunk from the file.

        chunk (Chunk): The range of the file to read.
        RETURNS (LoadedChunk): The records, and the lines or rows that cannot be read as records.
        RAISES (CorpusError): If the file has changed, so that a Parquet chunk is no longer in it.
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
        loaded = LoadedChunk()
        for line, data in enumerate(lines, chunk.line):
            if self.job.reads == "jsonl" and not data.strip():
                continue  # an empty line is not a record
            loaded.add(lambda: read(line, data), line, data.decode("utf-8", "replace"))  # noqa: B023  (called at once)
        return loaded

    def _text_record(self, line: int, data: bytes) -> InputRecord:
        text = _decode(data.removesuffix(b"\r"))
        return InputRecord(line, text, {"line": line, self.job.text_field: text})

    def _json_record(self, line: int, data: bytes) -> InputRecord:
        try:
            fields = json.loads(_decode(data), parse_constant=_refuse_constant, parse_float=_finite)
        except UnusableRecordError:
            raise
        except RecursionError:
            raise UnusableRecordError("not valid JSON: nested too deeply") from None
        except json.JSONDecodeError as error:
            raise UnusableRecordError(f"not valid JSON: {error.msg} at column {error.colno}") from None
        except ValueError as error:  # an integer with thousands of digits
            raise UnusableRecordError(f"a number with too many digits: {error}") from None
        if not isinstance(fields, dict):
            raise UnusableRecordError(f"not a JSON object, but {_type_name(fields)}")
        if self.job.text_field not in fields:
            raise UnusableRecordError(f"has no field {self.job.text_field!r}")
        for name in (self.job.entities_field, self.job.overlapping_field):
            if name in fields:
                problem = f"has a field {name!r} already; choose another name with --entities-field"
                raise UnusableRecordError(problem)
        return InputRecord(line, self._text(fields[self.job.text_field]), fields)

    def _text(self, value: object) -> str:
        if not isinstance(value, str):
            raise UnusableRecordError(f"{self.job.text_field!r} is {_type_name(value)}, not a string")
        return value

    def _load_rows(self, chunk: Chunk) -> LoadedChunk:
        loaded = LoadedChunk(self._table(chunk))
        for row, scalar in enumerate(loaded.table.column(self.job.text_field)):
            line = chunk.line + row
            loaded.add(lambda: InputRecord(line, self._text(_value(scalar)), row=row), line, "")  # noqa: B023
        return loaded

    def _table(self, chunk: Chunk) -> Any:
        """Return the rows of a chunk of a Parquet file as a `pyarrow.Table`.

        Each row group is decoded only once if chunks are requested in file order.

        RAISES (CorpusError): If the file has changed, so that the chunk is no longer in it.
        """
        if self._next[0] != chunk.group or self._next[1] > chunk.start:
            self._rows, self._next = self._group(chunk.group), (chunk.group, 0)
        for start, table in self._rows:
            self._next = (chunk.group, start + len(table))
            if start == chunk.start:
                return table
        raise CorpusError(Errors.ZT526.format(path=self.job.source))

    def _group(self, group: int) -> Iterator[tuple[int, Any]]:
        """Yield the rows of a row group in tables of `job.chunk_size` rows; the last table may have fewer.

        pyarrow may return batches with fewer rows, so they are joined.

        group (int): Index of the row group in the Parquet file.
        YIELDS (tuple[int, pyarrow.Table]): Index of the table's first row in the row group, and the table.
        """
        import pyarrow as pa

        size, start, left = self.job.chunk_size, 0, None
        with open_parquet(self.job.source) as file:
            for batch in read_batches(file, self.job.source, batch_size=size, row_groups=[group]):
                table = pa.Table.from_batches([batch])
                left = table if left is None else pa.concat_tables([left, table])
                while len(left) >= size:
                    yield start, left.slice(0, size)
                    start, left = start + size, left.slice(size)
        if left is not None and len(left):
            yield start, left


def _refuse_constant(name: str) -> float:
    raise UnusableRecordError(f"not valid JSON: {name} is not a JSON number")


def _finite(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise UnusableRecordError(f"a number out of range: {digits[:20]}")
    return number


def _decode(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise UnusableRecordError(f"not UTF-8: {error.reason} at byte {error.start}") from None


def _value(scalar: Any) -> object:
    try:
        return scalar.as_py()
    except UnicodeDecodeError as error:
        raise UnusableRecordError(f"not UTF-8: {error.reason} at byte {error.start}") from None


def _type_name(value: object) -> str:
    names = {type(None): "null", bool: "true or false", int: "a number", float: "a number", list: "a list"}
    return names.get(type(value), "an object" if isinstance(value, dict) else "a string")
