"""Parts, in order → the whole output, in each format."""

import shutil
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import IO, Any

from ..errors import Errors
from .chunks import open_parquet
from .extras import parquet
from .job import Job
from .writers import entities_type, plain_schema

GROUP_ROWS, GROUP_BYTES = 2**16, 2**26  # of a row group of the output
DOC_BIN_BYTES = 2**32  # msgpack stores no longer run of bytes


def concatenate(job: Job, parts: Iterable[Path], file: IO[bytes]) -> None:
    """Write files, one behind the other."""
    for part in parts:
        with part.open("rb") as opened:
            shutil.copyfileobj(opened, file)


def join_rows(job: Job, parts: Iterable[Path], file: IO[bytes]) -> None:
    """Write Parquet with row groups of a usual size."""
    import pyarrow as pa

    waiting: list[Any] = []
    with parquet().ParquetWriter(file, _schema(job)) as writer:
        for part in parts:
            waiting.append(parquet().read_table(part))
            if sum(map(len, waiting)) >= GROUP_ROWS or sum(table.nbytes for table in waiting) >= GROUP_BYTES:
                writer.write_table(pa.concat_tables(waiting).combine_chunks())
                waiting.clear()
        if waiting:
            writer.write_table(pa.concat_tables(waiting).combine_chunks())


def join_docs(job: Job, parts: Iterable[Path], file: IO[bytes]) -> None:
    """Write one `DocBin`. The format makes us hold it in memory."""
    from spacy.tokens import DocBin

    whole = DocBin(store_user_data=True)
    for part in parts:
        whole.merge(DocBin(store_user_data=True).from_bytes(part.read_bytes()))
    file.write(whole.to_bytes())


ASSEMBLERS: dict[str, Callable[[Job, Iterable[Path], IO[bytes]], None]] = {
    "jsonl": concatenate,
    "parquet": join_rows,
    "spacy": join_docs,
}


def require_room(job: Job, tokens: int) -> None:
    """RAISES (ValueError): For more tokens than the format of the output can hold."""
    if job.writes == "spacy" and tokens > doc_bin_tokens():
        raise ValueError(Errors.ZT529.format(tokens=tokens, limit=doc_bin_tokens()))


@cache
def doc_bin_tokens() -> int:
    """RETURNS (int): How many tokens a `DocBin` can hold."""
    from spacy.tokens import DocBin

    return DOC_BIN_BYTES // (8 * len(DocBin().attrs))


def _schema(job: Job) -> Any:
    import pyarrow as pa

    if job.reads != "parquet":
        return plain_schema(job)
    with open_parquet(job.source) as file:
        return file.schema_arrow.append(pa.field(job.entities_field, entities_type()))
