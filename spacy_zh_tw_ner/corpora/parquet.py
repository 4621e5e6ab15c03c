"""Open files of JSON objects or Parquet rows as one kind of input: an iterator of dictionaries."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import CorpusError, Errors, MissingExtraError
from ..extras import install_hint
from ..untrusted import parse_json, whole_number
from ..untrusted import reading as reading_untrusted
from ..untrusted.documents import inflation_limit
from .record_fields import TEXT_FIELDS, TOKENS_FIELDS
from .records import USUAL_FIELDS, FieldNames, ignore
from .text_files import json_objects

PARQUET_MAGIC = b"PAR1"
BATCH = 1024  # rows decoded at a time


class Rows(NamedTuple):
    """Content of a data file.

    features: Types and label names of the columns, as Hugging Face `datasets` writes them into the metadata of a
        Parquet file: parsed JSON. None if the file has none.
    objects: One pair per object or row: its origin (file and line or row), and its fields as a dictionary.
    """

    features: Any
    objects: Iterator[tuple[str, dict[str, Any]]]


def is_parquet(path: Path) -> bool:
    """Return whether a file begins with the magic bytes of Parquet."""
    with path.open("rb") as file:
        return file.read(4) == PARQUET_MAGIC


def open_rows(path: Path, advance: Callable[[float], object] = ignore, fields: FieldNames = USUAL_FIELDS) -> Rows:
    """Open a file of JSON objects or Parquet rows.

    path (Path): A file of JSON lines, one JSON array, or Parquet.
    advance (Callable[[float], object]): Receives the number of bytes read since the last call.
    fields (FieldNames): Names of fields that the user gave. Values in the fields of the text and of the tokens are
        never parsed as JSON, even if they look like JSON.
    RETURNS (Rows): `features`, the types and label names of the columns, or None if the file does not have them; and
        `objects`, an iterator that reads the objects or rows in constant memory. The caller has nothing to close. The
        iterator raises a CorpusError if the file is damaged further on, or has a value that is not a JSON object.
    RAISES (CorpusError): If the metadata of a Parquet file cannot be read.
    RAISES (MissingExtraError): If the file is Parquet and pyarrow is not installed.
    """
    if not is_parquet(path):
        return Rows(None, json_objects(path, advance))
    try:
        from pyarrow import parquet, types
    except ImportError:
        raise MissingExtraError(Errors.ZT224.format(path=path, hint=install_hint("parquet"))) from None
    try:
        file = parquet.ParquetFile(path)
        with reading_untrusted(path):
            features = parse_json((file.schema_arrow.metadata or {}).get(b"huggingface", b"null"))
            _require_plausible(file.metadata, path)
    except Exception as error:  # pyarrow has its own exception types
        raise CorpusError(Errors.ZT225.format(path=path, reason=error)) from None
    # Binary columns, such as images and audio, are not decoded.
    binary = (types.is_binary, types.is_large_binary, types.is_fixed_size_binary)
    columns = [field.name for field in file.schema_arrow if not any(is_kind(field.type) for is_kind in binary)]
    return Rows(features, _parquet_objects(path, file, columns, advance, fields))


def _parquet_objects(
    path: Path, file: Any, columns: list[str], advance: Callable[[float], object], fields: FieldNames
) -> Iterator[tuple[str, dict[str, Any]]]:
    number, as_written = 0, {*TEXT_FIELDS, *TOKENS_FIELDS, fields.text, fields.tokens}
    size = path.stat().st_size / max(1, file.metadata.num_rows)
    batches = file.iter_batches(batch_size=BATCH, columns=columns)
    while True:
        try:
            batch = next(batches, None)
            found = batch.to_pylist() if batch is not None else []
        except Exception as error:  # pyarrow has its own exception types
            raise CorpusError(Errors.ZT225.format(path=path, reason=error)) from None
        if batch is None:
            return
        for data in found:
            number += 1
            parsed = {name: value if name in as_written else _parse_lists(value) for name, value in data.items()}
            yield f"{path}:{number}", parsed
        advance(size * batch.num_rows)


def _parse_lists(value: Any) -> Any:
    """Parse a value that holds a list as JSON.

    Some data sets store spans as JSON, because all elements of a Parquet list must have the same type.

    value (Any): The value of one column in one row.
    RETURNS (Any): The parsed list, if `value` is a string with a JSON list, or a list of strings that are each a JSON
        list or object. Otherwise `value` itself.
    """
    if isinstance(value, list) and value and all(isinstance(item, str) and item[:1] in ("[", "{") for item in value):
        parsed = [_parse(item) for item in value]
        return value if None in parsed else parsed
    if isinstance(value, str) and value.startswith(("[[", "[{", "[]")):
        parsed_value = _parse(value)
        return value if parsed_value is None else parsed_value
    return value


def _parse(value: str) -> Any:
    try:
        return parse_json(value)
    except ValueError:
        return None


def _require_plausible(metadata: Any, path: Path) -> None:
    """Check that the decoded columns do not need far more memory than the size of the file (decompression bomb).

    Numbers of values are checked as well as sizes: run-length encoding stores any number of equal values in few bytes.

    metadata (pyarrow.parquet.FileMetaData): Uncompressed size and number of values of each column.
    path (Path): The file.
    RAISES (ValueError): If the size in bytes or the number of values of a column is greater than the limit for
        decompressed data that `inflation_limit` computes from the size of the file.
    """
    limit = inflation_limit(path.stat().st_size)
    for i in range(metadata.num_row_groups):
        group = metadata.row_group(i)
        for column in map(group.column, range(group.num_columns)):
            for value in (column.total_uncompressed_size, column.num_values):
                whole_number(f"column {column.path_in_schema}", value, 0, limit)
