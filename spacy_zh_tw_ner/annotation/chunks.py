"""Divide the input of a job into chunks. A chunk is a range of bytes or rows, which a worker reads from the file."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from ..errors import CorpusError, Errors, UnreadableFileError
from ..extras import import_extra
from ..untrusted import sha256_of
from .job import AnnotationJob

if TYPE_CHECKING:
    from pyarrow import RecordBatch
    from pyarrow.parquet import ParquetFile

MAX_BYTES = 2**20  # limit of a chunk, so that it holds only a few long documents


@dataclass(frozen=True)
class Chunk:
    """A range of consecutive records of the input.

    index: Number of the chunk, from 0.
    group: Row group of a Parquet file; 0 for other formats.
    start, stop: Range of rows in the row group of a Parquet file; range of bytes in the file for other formats. `stop`
        is exclusive.
    line: Number in the file, from 1, of the first line of the chunk or, for Parquet, of its first row.
    count: Number of lines or, for Parquet, of rows in the chunk.
    """

    index: int
    group: int
    start: int
    stop: int
    line: int
    count: int


def find_chunks(job: AnnotationJob) -> tuple[list[Chunk], str]:
    """Divide the input into chunks, and compute its SHA-256.

    A chunk has at most `job.chunk_size` records. Except in Parquet, it also has at most MAX_BYTES bytes, unless it is a
    single longer line.

    job (AnnotationJob): The job.
    RETURNS (tuple[list[Chunk], str]): The chunks in file order, and the SHA-256 of the file in hexadecimal.
    RAISES (CorpusError): If a Parquet file lacks the text column, or has the entities column already.
    """
    if job.reads == "parquet":
        return list(_row_chunks(job)), sha256_of(job.source)
    digest = hashlib.sha256()
    chunks: list[Chunk] = []
    start, stop, line, count = 0, 0, 1, 0
    with job.source.open("rb") as file:
        for row in file:
            digest.update(row)
            if count and (count == job.chunk_size or stop - start + len(row) > MAX_BYTES):
                chunks.append(Chunk(len(chunks), 0, start, stop, line, count))
                start, line, count = stop, line + count, 0
            stop, count = stop + len(row), count + 1
    if count:
        chunks.append(Chunk(len(chunks), 0, start, stop, line, count))
    return chunks, digest.hexdigest()


def parquet() -> ModuleType:
    """Return the module `pyarrow.parquet`.

    RAISES (MissingExtraError): If pyarrow is not installed.
    """
    return import_extra("pyarrow.parquet", "parquet", needed_by="Parquet")


def open_parquet(path: Path) -> "ParquetFile":
    """Open a Parquet file.

    RETURNS (ParquetFile): The open file. The caller closes it, for example with a `with` block.
    RAISES (UnreadableFileError): If the file is not Parquet, or is damaged.
    RAISES (MissingExtraError): If pyarrow is not installed.
    """
    pq = parquet()
    import pyarrow as pa

    try:
        return pq.ParquetFile(path)
    except (pa.ArrowException, OSError) as error:
        raise UnreadableFileError(Errors.ZT523.format(path=path, reason=str(error).partition(".")[0])) from error


def read_batches(file: "ParquetFile", path: Path, **options: Any) -> "Iterator[RecordBatch]":
    """Yield the rows of a Parquet file in batches.

    file (ParquetFile): The opened file, which stays open.
    path (Path): Its path, for the error message.
    options (Any): Arguments of `ParquetFile.iter_batches`.
    YIELDS (RecordBatch): The rows of a batch, in file order.
    RAISES (UnreadableFileError): If a page of the file is damaged.
    """
    try:
        yield from file.iter_batches(**options)
    except Exception as error:  # for damaged pages, pyarrow raises OSErrors and exceptions of its own
        raise UnreadableFileError(Errors.ZT523.format(path=path, reason=str(error).partition(".")[0])) from error


def _row_chunks(job: AnnotationJob) -> Iterator[Chunk]:
    import pyarrow as pa

    with open_parquet(job.source) as file:
        columns = {field.name: field.type for field in file.schema_arrow}
        kind = columns.get(job.text_field)
        if kind is None or not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
            seen = ", ".join(f"{name} ({kind})" for name, kind in columns.items())
            raise CorpusError(Errors.ZT524.format(path=job.source, field=job.text_field, columns=seen))
        for name in (job.entities_field, job.overlapping_field):
            if name in columns:
                raise CorpusError(Errors.ZT525.format(path=job.source, field=name))
        index, line = 0, 1
        for group in range(file.num_row_groups):
            rows = file.metadata.row_group(group).num_rows
            for start in range(0, rows, job.chunk_size):
                stop = min(rows, start + job.chunk_size)
                yield Chunk(index, group, start, stop, line, stop - start)
                index, line = index + 1, line + stop - start
