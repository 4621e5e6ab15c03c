"""Write the annotated records of a chunk, in each output format."""

import json
import math
from typing import Any, Protocol

from .annotators import Annotated
from .extras import parquet
from .job import META, Job
from .records import Loaded, Record


class Writer(Protocol):
    """Collects one chunk."""

    def __init__(self, job: Job, loaded: Loaded) -> None: ...

    def add(self, annotated: Annotated) -> None:
        """Take a record, which is not needed afterwards."""

    def to_bytes(self) -> bytes:
        """RETURNS (bytes): The part."""


def entities_of(annotated: Annotated) -> list[dict[str, Any]]:
    """RETURNS (list[dict]): Entities with offsets in code points, and scores where the pipeline gives any."""
    text = annotated.record.text
    return [
        {
            "start": start,
            "end": end,
            "label": label,
            "text": text[start:end],
            "score": None if score is None else round(score, 6),
        }
        for start, end, label, score in annotated.found
    ]


class JsonLines:
    """All fields as they were, and the entities behind them."""

    def __init__(self, job: Job, loaded: Loaded) -> None:
        self.job, self.loaded = job, loaded
        self.lines: list[bytes] = []

    def add(self, annotated: Annotated) -> None:
        """Take a record."""
        fields = _fields(annotated.record, self.loaded)
        self.lines.append(_json({**fields, self.job.entities_field: entities_of(annotated)}) + b"\n")

    def to_bytes(self) -> bytes:
        """RETURNS (bytes): Lines in UTF-8."""
        return b"".join(self.lines)


class Rows:
    """Of Parquet, all columns as they were; of JSON lines, the text, and the other fields as JSON in `meta`."""

    def __init__(self, job: Job, loaded: Loaded) -> None:
        self.job, self.loaded = job, loaded
        self.records: list[Record] = []
        self.entities: list[list[dict[str, Any]]] = []

    def add(self, annotated: Annotated) -> None:
        """Take a record."""
        self.records.append(annotated.record)
        self.entities.append(entities_of(annotated))

    def to_bytes(self) -> bytes:
        """RETURNS (bytes): A Parquet file."""
        import pyarrow as pa

        job = self.job
        if self.loaded.table is not None:
            table = self.loaded.table.take(pa.array([record.row for record in self.records], pa.int64()))
            table = table.append_column(job.entities_field, pa.array(self.entities, entities_type()))
        else:
            rows = zip(self.records, self.entities, strict=True)
            columns = [
                {job.text_field: r.text, META: _meta(r, self.loaded, job), job.entities_field: ents} for r, ents in rows
            ]
            table = pa.Table.from_pylist(columns, schema=plain_schema(job))
        sink = pa.BufferOutputStream()
        parquet().write_table(table, sink)
        return bytes(sink.getvalue())


class Docs:
    """spaCy's own format, with the scores in `doc.spans`, and other fields as JSON in `doc.user_data["meta"]`."""

    def __init__(self, job: Job, loaded: Loaded) -> None:
        from spacy.tokens import DocBin

        self.job, self.loaded = job, loaded
        self.bin = DocBin(store_user_data=True)

    def add(self, annotated: Annotated) -> None:
        """Take a record."""
        doc = annotated.doc()
        doc.user_data[META] = _meta(annotated.record, self.loaded, self.job)
        self.bin.add(doc)

    def to_bytes(self) -> bytes:
        """RETURNS (bytes): A `DocBin`."""
        return self.bin.to_bytes()


WRITERS: dict[str, type[Writer]] = {"jsonl": JsonLines, "parquet": Rows, "spacy": Docs}


def entities_type() -> Any:
    """RETURNS (pyarrow.DataType): Of a column of what `entities_of` gives."""
    import pyarrow as pa

    kinds = {"start": pa.int64(), "end": pa.int64(), "label": pa.string(), "text": pa.string(), "score": pa.float64()}
    return pa.list_(pa.struct(kinds.items()))


def plain_schema(job: Job) -> Any:
    """RETURNS (pyarrow.Schema): Of Parquet that was none before."""
    import pyarrow as pa

    return pa.schema({job.text_field: pa.string(), META: pa.string(), job.entities_field: entities_type()})


def _fields(record: Record, loaded: Loaded) -> dict[str, Any]:
    if record.fields is not None:
        return record.fields
    (row,) = loaded.table.slice(record.row, 1).to_pylist()
    return dict(row)


def _meta(record: Record, loaded: Loaded, job: Job) -> str:
    fields = _fields(record, loaded)
    return _json({name: value for name, value in fields.items() if name != job.text_field}).decode()


def _json(value: object) -> bytes:
    # What JSON lacks, such as the dates of Parquet, becomes a string; half of a UTF-16 pair stays escaped.
    try:
        return json.dumps(value, ensure_ascii=False, default=str, allow_nan=False).encode()
    except UnicodeEncodeError:
        return json.dumps(value, default=str, allow_nan=False).encode()
    except ValueError:  # NaN, which columns of Parquet have for "no value"
        return _json(_without_nan(value))


def _without_nan(value: object) -> object:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {key: _without_nan(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(part) for part in value]
    return value
