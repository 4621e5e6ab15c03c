"""Serialize the annotated records of a chunk, and join all chunks to the output, for each output format."""

import json
import math
import shutil
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple, Protocol

from ..entities import Found, spans_of
from ..errors import Errors, OutputError
from .chunks import open_parquet, parquet
from .job import META, AnnotationJob
from .records import InputRecord, LoadedChunk

if TYPE_CHECKING:
    from spacy.tokens import Doc

GROUP_ROWS, GROUP_BYTES = 2**16, 2**26  # limits of a row group of the output
DOC_BIN_BYTES = 2**32  # the longest byte string of msgpack


class AnnotatedRecord(NamedTuple):
    """A record with its entities.

    record: The record.
    found: Its entities, with offsets in code points.
    doc: The annotated document, if the output is `.spacy`; else None.
    """

    record: InputRecord
    found: Sequence[Found]
    doc: "Doc | None" = None


class PartWriter(Protocol):
    """Protocol of the classes in `WRITERS`. Each of them serializes the annotated records of one chunk in one format.

    A worker creates an object for each chunk, passes all records to `add`, and writes `to_bytes()` to a file.

    job (AnnotationJob): Settings of the job, such as the names of fields in the output.
    loaded (LoadedChunk): The chunk that was read. It has the rows of a Parquet input; it is empty for a masked output.
    """

    def __init__(self, job: AnnotationJob, loaded: LoadedChunk) -> None: ...

    def add(self, annotated: AnnotatedRecord) -> None:
        """Add a record. The writer copies its document, so the caller need not keep the document in memory."""

    def to_bytes(self) -> bytes:
        """Serialize all records that were added, and return the content of the file. The worker calls it once."""


class JsonLinesWriter:
    """Writes JSON lines: all fields of a record, its entities, and overlapping entities if the pipeline finds them."""

    def __init__(self, job: AnnotationJob, loaded: LoadedChunk) -> None:
        self.job, self.loaded = job, loaded
        self.lines: list[bytes] = []

    def add(self, annotated: AnnotatedRecord) -> None:
        """Serialize a record as the next line, its entities in `job.entities_field` and `job.overlapping_field`."""
        fields = record_fields(annotated.record, self.loaded)
        found, text = annotated.found, annotated.record.text
        own = {self.job.entities_field: _entities(text, found)}
        if (spans := spans_of(found)) is not None:
            own[self.job.overlapping_field] = _entities(text, spans)
        self.lines.append(_json({**fields, **own}) + b"\n")

    def to_bytes(self) -> bytes:
        """Return the lines in UTF-8."""
        return b"".join(self.lines)


class TextLinesWriter:
    """Writes the texts of records, one per line. Only masked outputs have this format: the texts are masked already."""

    def __init__(self, job: AnnotationJob, loaded: LoadedChunk) -> None:
        self.lines: list[bytes] = []

    def add(self, annotated: AnnotatedRecord) -> None:
        """Append the text of a record as the next line."""
        self.lines.append(annotated.record.text.encode() + b"\n")

    def to_bytes(self) -> bytes:
        """Return the lines in UTF-8."""
        return b"".join(self.lines)


class ParquetWriter:
    """Writes Parquet: all columns of a Parquet input, then the column `job.entities_field`.

    For other inputs and masked outputs, the columns are `job.text_field`, `meta` (other fields as a JSON string) and
    `job.entities_field`. If the pipeline finds overlapping entities, the last column is `job.overlapping_field`.
    """

    def __init__(self, job: AnnotationJob, loaded: LoadedChunk) -> None:
        self.job, self.loaded = job, loaded
        self.records: list[InputRecord] = []
        self.entities: list[list[dict[str, Any]]] = []
        self.overlapping: list[list[dict[str, Any]]] = []

    def add(self, annotated: AnnotatedRecord) -> None:
        """Keep a record and its entities as the next row, which `to_bytes` serializes."""
        if (spans := spans_of(annotated.found)) is not None:
            self.overlapping.append(_entities(annotated.record.text, spans))
        self.records.append(annotated.record)
        self.entities.append(_entities(annotated.record.text, annotated.found))

    def to_bytes(self) -> bytes:
        """Return the content of a Parquet file with all records that were added."""
        import pyarrow as pa

        job = self.job
        if self.loaded.table is not None:
            table = self.loaded.table.take(pa.array([record.row for record in self.records], pa.int64()))
            table = table.append_column(job.entities_field, pa.array(self.entities, _entities_type()))
        else:
            rows = zip(self.records, self.entities, strict=True)
            columns = [
                {job.text_field: r.text, META: _meta(r, self.loaded, job), job.entities_field: ents} for r, ents in rows
            ]
            table = pa.Table.from_pylist(columns, schema=_schema(job))
        if self.overlapping:
            table = table.append_column(job.overlapping_field, pa.array(self.overlapping, _entities_type()))
        sink = pa.BufferOutputStream()
        parquet().write_table(table, sink)
        return bytes(sink.getvalue())


class DocBinWriter:
    """Writes `.spacy`: the documents that the pipeline annotated, with other fields as JSON in `user_data["meta"]`."""

    def __init__(self, job: AnnotationJob, loaded: LoadedChunk) -> None:
        from spacy.tokens import DocBin

        self.job, self.loaded = job, loaded
        self.bin = DocBin(store_user_data=True)

    def add(self, annotated: AnnotatedRecord) -> None:
        """Add the annotated document of a record, with its other fields."""
        assert annotated.doc is not None
        annotated.doc.user_data[META] = _meta(annotated.record, self.loaded, self.job)
        self.bin.add(annotated.doc)

    def to_bytes(self) -> bytes:
        """Return the content of a `.spacy` file with all documents that were added."""
        return self.bin.to_bytes()


WRITERS: dict[str, type[PartWriter]] = {
    "jsonl": JsonLinesWriter,
    "parquet": ParquetWriter,
    "spacy": DocBinWriter,
    "text": TextLinesWriter,
}


def concatenate(job: AnnotationJob, parts: Iterable[Path], file: IO[bytes]) -> None:
    """Write the files of all chunks (`parts`) to the open output `file`, in order. `job` is unused."""
    for part in parts:
        with part.open("rb") as opened:
            shutil.copyfileobj(opened, file)


def join_rows(job: AnnotationJob, parts: Iterable[Path], file: IO[bytes]) -> None:
    """Write the rows of all Parquet files in `parts`, one per chunk, as one Parquet file to the open output `file`.

    Files of small chunks share a row group: files are added to a row group until it has at least `GROUP_ROWS` rows or
    `GROUP_BYTES` bytes. Its columns are those of a Parquet input of `job`, or text and `meta`; then entities.
    """
    import pyarrow as pa

    waiting: list[Any] = []
    parts, schema = list(parts), _schema(job)
    # A chunk without records does not have this column.
    overlapping = any(job.overlapping_field in parquet().read_schema(part).names for part in parts)
    if overlapping:
        schema = schema.append(pa.field(job.overlapping_field, _entities_type()))
    with parquet().ParquetWriter(file, schema) as writer:
        for part in parts:
            table = parquet().read_table(part)
            if overlapping and job.overlapping_field not in table.schema.names:
                table = table.append_column(job.overlapping_field, pa.nulls(len(table), _entities_type()))
            waiting.append(table)
            if sum(map(len, waiting)) >= GROUP_ROWS or sum(table.nbytes for table in waiting) >= GROUP_BYTES:
                writer.write_table(pa.concat_tables(waiting).combine_chunks())
                waiting.clear()
        if waiting:
            writer.write_table(pa.concat_tables(waiting).combine_chunks())


def join_docs(job: AnnotationJob, parts: Iterable[Path], file: IO[bytes]) -> None:
    """Write the documents of all `.spacy` files in `parts`, one per chunk, as one `.spacy` file to the open `file`.

    All documents are in memory together. `job` is unused.
    """
    from spacy.tokens import DocBin

    whole = DocBin(store_user_data=True)
    for part in parts:
        whole.merge(DocBin(store_user_data=True).from_bytes(part.read_bytes()))
    file.write(whole.to_bytes())


JOIN: dict[str, Callable[[AnnotationJob, Iterable[Path], IO[bytes]], None]] = {
    "jsonl": concatenate,
    "parquet": join_rows,
    "spacy": join_docs,
    "text": concatenate,
}


def require_room(job: AnnotationJob, tokens: int) -> None:
    """Check that the output can hold all tokens. Only the format `.spacy` has a limit.

    job (AnnotationJob): The job, for its output format.
    tokens (int): Number of tokens of all documents so far.
    RAISES (OutputError): If there are more tokens than a `DocBin` can hold.
    """
    if job.writes == "spacy" and tokens > doc_bin_tokens():
        raise OutputError(Errors.ZT529.format(tokens=tokens, limit=doc_bin_tokens()))


@cache
def doc_bin_tokens() -> int:
    """Return the largest number of tokens that a `DocBin` can hold."""
    from spacy.tokens import DocBin

    return DOC_BIN_BYTES // (8 * len(DocBin().attrs))


def _schema(job: AnnotationJob) -> Any:
    """Return the Arrow schema of an output: columns of an unmasked Parquet input, or text and `meta`; then entities."""
    import pyarrow as pa

    if job.reads != "parquet" or job.masking is not None:
        return pa.schema({job.text_field: pa.string(), META: pa.string(), job.entities_field: _entities_type()})
    with open_parquet(job.source) as file:
        return file.schema_arrow.append(pa.field(job.entities_field, _entities_type()))


def _entities_type() -> Any:
    """Return the Arrow type of a column of entities: a list of structs with the keys of `_entities`."""
    import pyarrow as pa

    kinds = {"start": pa.int64(), "end": pa.int64(), "label": pa.string(), "text": pa.string(), "score": pa.float64()}
    return pa.list_(pa.struct({**kinds, "normalized": pa.string()}.items()))


def _entities(text: str, found: Sequence[Found]) -> list[dict[str, Any]]:
    """Return the entities of a text as dictionaries for JSON, with offsets in code points.

    The keys are start, end, label, text, score (None if there is none) and, if there is a normal form, normalized.
    """
    return [
        {
            "start": start,
            "end": end,
            "label": label,
            "text": text[start:end],
            "score": None if score is None else round(score, 6),
            **({} if normalized is None else {"normalized": normalized}),
        }
        for start, end, label, score, normalized in found
    ]


def record_fields(record: InputRecord, loaded: LoadedChunk) -> dict[str, Any]:
    """Return all fields of a record, including its text, by name; for a Parquet input, all columns of its row."""
    if record.fields is not None:
        return record.fields
    (row,) = loaded.table.slice(record.row, 1).to_pylist()
    return dict(row)


def _meta(record: InputRecord, loaded: LoadedChunk, job: AnnotationJob) -> str:
    fields = record_fields(record, loaded)
    return _json({name: value for name, value in fields.items() if name != job.text_field}).decode()


def _json(value: object) -> bytes:
    # Types that JSON lacks, such as the dates of Parquet, become strings; a lone surrogate stays escaped.
    try:
        return json.dumps(value, ensure_ascii=False, default=str, allow_nan=False).encode()
    except UnicodeEncodeError:
        return json.dumps(value, default=str, allow_nan=False).encode()
    except ValueError:  # NaN, which some Parquet columns use for a missing value
        return _json(_without_nan(value))


def _without_nan(value: object) -> object:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {key: _without_nan(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(part) for part in value]
    return value
