"""Hugging Face's token classification: `tokens` and `ner_tags`, as JSON lines or Parquet, tags as names or numbers."""

import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from ..errors import CorpusError, Errors
from ..install_hints import install_hint
from ..untrusted import parse_json, whole_number
from ..untrusted import reading as reading_untrusted
from ..untrusted.documents import inflation_limit
from .class_labels import TAGS, find_names, names_beside
from .records import SILENT, Reading, Record
from .tags import TAG, decode_tags, encode_tags, find_tokens, is_iob1, join_tokens
from .text_files import broken, json_objects

PARQUET_MAGIC = b"PAR1"
SHAPE = '{"tokens": ["臺", "北"], "ner_tags": ["B-GPE", "I-GPE"]}'
ROWS_AT_ONCE = 1024  # of Parquet
SURVEYED = 1000  # objects that tell whether the tags are IOB1


def read_hugging_face(path: Path, reading: Reading = SILENT) -> Iterator[Record]:
    """Read `tokens` and `ner_tags`; numbers need names, in the file itself (Parquet) or in a file beside it.

    Tokens are joined as Chinese is written, or found in `text` where there is one.

    path (Path): JSON lines, a JSON array, or Parquet.
    reading (Reading): Who is told.
    YIELDS (Record): One an object.
    RAISES (CorpusError): For what is no such object, numbers without names, or Parquet without pyarrow.
    """
    if is_parquet(path):
        names, rows = _parquet(path, reading)
    else:
        names, rows = None, json_objects(path, reading.advance)
    iob1, ahead = _survey(rows, names, path)
    if iob1:
        reading.notify(f"{path}: the tags are read as IOB1, in which entities begin with I-.")
    for origin, tokens, tags, data in ahead:
        text, spans = _place(tokens, data.get("text"), origin)
        entities, n_repaired = decode_tags(tags, spans)
        repairs = [f"{n_repaired} tags without a beginning"] if n_repaired and not iob1 else []
        yield Record(text, entities, origin, str(data.get("doc_id") or ""), repairs)


def is_parquet(path: Path) -> bool:
    """Tell Parquet by its first bytes."""
    with path.open("rb") as file:
        return file.read(4) == PARQUET_MAGIC


RowT = tuple[str, list[str], list[str], dict[str, Any]]


def _survey(
    rows: Iterator[tuple[str, dict[str, Any]]], names: list[str] | None, path: Path
) -> tuple[bool, Iterator[RowT]]:
    """Look at the first rows, and give them back in front of the others."""
    parsed = _parsed(rows, names, path)
    first = list(islice(parsed, SURVEYED))

    def again() -> Iterator[RowT]:
        yield from first
        first.clear()
        yield from parsed

    return is_iob1(tags for _, _, tags, _ in first), again()


def _parsed(rows: Iterator[tuple[str, dict[str, Any]]], names: list[str] | None, path: Path) -> Iterator[RowT]:
    for origin, data in rows:
        try:
            tokens, tags = list(data["tokens"]), list(data[TAGS])
            if len(tokens) != len(tags):
                raise ValueError(f"{len(tokens)} tokens, but {len(tags)} tags")
            "".join(tokens).encode()
            if any(isinstance(tag, int) for tag in tags):
                names = names or names_beside(path, origin)
                if not all(0 <= tag < len(names) for tag in tags):
                    raise ValueError(f"tags from {min(tags)} to {max(tags)}, but {len(names)} names")
                tags = [names[tag] for tag in tags]
            unknown = next((tag for tag in tags if not TAG.fullmatch(tag)), None)
            if unknown is not None:
                raise ValueError(f"{unknown!r} is no tag such as O or B-PER")
        except CorpusError:
            raise
        except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError) as error:
            raise broken(origin, f"not tokens and tags ({error})", str(data)[:60], f"Write {SHAPE}.") from None
        yield origin, tokens, tags, data


def _place(tokens: list[str], text: object, origin: str) -> tuple[str, list[tuple[int, int]]]:
    if not isinstance(text, str):
        return join_tokens(tokens)
    spans = find_tokens(tokens, text)
    if len(spans) < len(tokens):
        raise broken(origin, "the token is not next in `text`", tokens[len(spans)], "Correct `text`, or remove it.")
    return text, spans


def _parquet(path: Path, progress: Reading) -> tuple[list[str] | None, Iterator[tuple[str, dict[str, Any]]]]:
    try:
        from pyarrow import parquet
    except ImportError:
        raise CorpusError(Errors.ZT224.format(path=path, hint=install_hint("parquet"))) from None
    try:
        file = parquet.ParquetFile(path)
        with reading_untrusted(path):
            metadata = parse_json((file.schema_arrow.metadata or {}).get(b"huggingface", b"{}"))
            _require_plausible(file.metadata, path)
    except Exception as error:  # pyarrow's own kinds
        raise CorpusError(Errors.ZT225.format(path=path, reason=error)) from None

    def rows() -> Iterator[tuple[str, dict[str, Any]]]:
        number = 0
        columns = [name for name in ("tokens", TAGS, "text", "doc_id") if name in file.schema_arrow.names]
        size = path.stat().st_size / max(1, file.metadata.num_rows)
        batches = file.iter_batches(batch_size=ROWS_AT_ONCE, columns=columns)
        while True:
            try:
                batch = next(batches, None)
                found = batch.to_pylist() if batch is not None else []
            except Exception as error:  # pyarrow's own kinds
                raise CorpusError(Errors.ZT225.format(path=path, reason=error)) from None
            if batch is None:
                return
            for data in found:
                number += 1
                yield f"{path}:{number}", data
            progress.advance(size * batch.num_rows)

    return find_names(metadata), rows()


def _require_plausible(metadata: Any, path: Path) -> None:
    """Refuse a file whose columns would take far more memory than it has bytes.

    metadata (pyarrow.parquet.FileMetaData): Sizes before compression, and numbers of values before encoding: a run of
        equal values takes few bytes however long it is.
    """
    limit = inflation_limit(path.stat().st_size)
    for i in range(metadata.num_row_groups):
        group = metadata.row_group(i)
        for j in range(group.num_columns):
            column = group.column(j)
            for value in (column.total_uncompressed_size, column.num_values):
                whole_number(f"column {column.path_in_schema}", value, 0, limit)


def write_hugging_face(record: Record, scores: list[float]) -> str:
    """Write one record as a line of characters, white space included, and their tags."""
    spans = [(i, i + 1) for i in range(len(record.text))]
    data: dict[str, Any] = {"tokens": list(record.text), TAGS: encode_tags(record.entities, spans, "bio")}
    if record.doc_id:
        data["doc_id"] = record.doc_id
    if scores:
        data["scores"] = [round(score, 4) for score in scores]
    return json.dumps(data, ensure_ascii=False)
