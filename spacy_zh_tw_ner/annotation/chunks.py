"""The input, cut where workers can begin to read. A chunk says where it lies; nobody ships its text about."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import Errors
from .extras import parquet
from .job import Job

if TYPE_CHECKING:
    from pyarrow.parquet import ParquetFile

MAX_BYTES = 2**20  # of the lines of a chunk, so that long documents are few in it


@dataclass(frozen=True)
class Chunk:
    """Some records that follow each other.

    index: Number of the chunk.
    group: Of a Parquet file, the row group; 0 of others.
    start, stop: Of a Parquet file, rows of the group; of others, bytes of the file.
    line: Number of its first line or row in the file, from 1.
    count: Lines or rows.
    """

    index: int
    group: int
    start: int
    stop: int
    line: int
    count: int


def find_chunks(job: Job) -> tuple[list[Chunk], str]:
    """Cut the input, and take its fingerprint on the way.

    RETURNS (tuple[list[Chunk], str]): The chunks, and the SHA-256 of the file.
    RAISES (ValueError): For a Parquet file that lacks what the job needs.
    """
    if job.reads == "parquet":
        return list(_row_chunks(job)), _digest(job.source)
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


def open_parquet(path: Path) -> "ParquetFile":
    """RAISES (ValueError): For another file."""
    pq = parquet()
    import pyarrow as pa

    try:
        return pq.ParquetFile(path)
    except (pa.ArrowException, OSError) as error:
        raise ValueError(Errors.ZT523.format(path=path, reason=str(error).partition(".")[0])) from error


def _row_chunks(job: Job) -> Iterator[Chunk]:
    import pyarrow as pa

    with open_parquet(job.source) as file:
        columns = {field.name: field.type for field in file.schema_arrow}
        kind = columns.get(job.text_field)
        if kind is None or not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
            said = ", ".join(f"{name} ({kind})" for name, kind in columns.items())
            raise ValueError(Errors.ZT524.format(path=job.source, field=job.text_field, columns=said))
        if job.entities_field in columns:
            raise ValueError(Errors.ZT525.format(path=job.source, field=job.entities_field))
        index, line = 0, 1
        for group in range(file.num_row_groups):
            rows = file.metadata.row_group(group).num_rows
            for start in range(0, rows, job.chunk_size):
                stop = min(rows, start + job.chunk_size)
                yield Chunk(index, group, start, stop, line, stop - start)
                index, line = index + 1, line + stop - start


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(2**20):
            digest.update(block)
    return digest.hexdigest()
