"""Restore the original texts of a masked file from its map, record by record."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from ..atomic_writes import write_streamed
from ..errors import CorpusError, Errors, UsageError
from ..masking.maps import read_maps, unmask
from ..outputs import require_new
from .chunks import open_parquet, parquet, read_batches
from .job import BOM, WRITES_MASKED

BATCH_ROWS = 1000


def unmask_file(
    source: Path,
    target: Path,
    maps: Path,
    *,
    text_field: str = "text",
    entities_field: str = "entities",
    force: bool = False,
) -> int:
    """Restore the original texts of a file that `mask` has written.

    The entities are left out, because their offsets are those of the masked texts. The file is read in constant memory,
    and the output is written completely or not at all.

    source (Path): The masked .jsonl, .parquet or .txt file.
    target (Path): The output file, of the same format.
    maps (Path): The map that `mask` wrote with the file.
    text_field (str): Field or column of the text.
    entities_field (str): Field or column of the entities, which is removed.
    force (bool): Replace the target if it exists.
    RETURNS (int): Number of records.
    RAISES (CorpusError): If a record was changed after masking, or the map belongs to another file.
    RAISES (OutputError): If the target exists and `force` is False.
    RAISES (UsageError): If the formats of source and target differ.
    """
    kinds = [WRITES_MASKED.get(path.suffix.lower()) for path in (source, target)]
    if kinds[0] is None or kinds[0] != kinds[1]:
        choices = source.suffix if kinds[0] else ", ".join(WRITES_MASKED)
        raise UsageError(Errors.ZT881.format(command="unmask", path=target, source=source, choices=choices))
    require_new(target, force=force, inputs=[source, maps])
    restore = _Restorer(source, maps)

    def write(file: IO[bytes]) -> None:
        if kinds[0] == "parquet":
            _unmask_rows(source, file, restore, text_field, entities_field)
        else:
            lines = _unmask_text if kinds[0] == "text" else _unmask_json
            file.writelines(lines(source, restore, text_field, entities_field))
        restore.finish()

    write_streamed(target, write)
    return restore.count


class _Restorer:
    """Callable that restores masked texts one by one, each from the next record of the map.

    It is called with each masked text, in the order of the file, and its line number, and returns the original text.
    The call raises a CorpusError if the map has no more records, or its next record does not belong to the text.
    The attribute `count` is the number of restored texts.

    source (Path): The masked file, for error messages.
    maps (Path): The map that `mask` wrote with this file.
    """

    def __init__(self, source: Path, maps: Path) -> None:
        self.count = 0
        self._source, self._path = source, maps
        self._maps = read_maps(maps)

    def __call__(self, text: str, line: int) -> str:
        map = next(self._maps, None)
        if map is None:
            raise CorpusError(Errors.ZT879.format(path=self._path, more_or_fewer="fewer", source=self._source))
        self.count += 1
        return unmask(text, map, what=f"{self._source}, line {line}")

    def encodable(self, text: str, line: int) -> str:
        """Restore a text as a call of this object does, and check that it can be written as UTF-8.

        text (str): The masked text.
        line (int): Number of its line or row, for error messages.
        RETURNS (str): The original text.
        RAISES (CorpusError): If the original has a lone surrogate: a file of this format cannot have held it.
        """
        restored = self(text, line)
        try:
            restored.encode()
        except UnicodeEncodeError:
            raise CorpusError(Errors.ZT878.format(what=f"{self._source}, line {line}")) from None
        return restored

    def finish(self) -> None:
        """Raise a CorpusError if the map has more records than the file."""
        if next(self._maps, None) is not None:
            raise CorpusError(Errors.ZT879.format(path=self._path, more_or_fewer="more", source=self._source))


def _lines(source: Path) -> Iterator[tuple[int, bytes]]:
    with source.open("rb") as file:
        for number, line in enumerate(file, 1):
            yield number, line.removeprefix(BOM) if number == 1 else line


def _unmask_text(source: Path, restore: _Restorer, text_field: str, entities_field: str) -> Iterator[bytes]:
    for number, line in _lines(source):
        try:
            text = line.removesuffix(b"\n").removesuffix(b"\r").decode()
        except UnicodeDecodeError:
            raise CorpusError(Errors.ZT880.format(path=source, line=number, problem="not UTF-8")) from None
        yield restore.encodable(text, number).encode() + b"\n"


def _unmask_json(source: Path, restore: _Restorer, text_field: str, entities_field: str) -> Iterator[bytes]:
    for number, line in _lines(source):
        if not line.strip():
            continue
        try:
            fields: Any = json.loads(line)
        except (ValueError, RecursionError):
            raise CorpusError(Errors.ZT880.format(path=source, line=number, problem="not valid JSON")) from None
        if not isinstance(fields, dict) or not isinstance(fields.get(text_field), str):
            problem = f"no text in the field {text_field!r}"
            raise CorpusError(Errors.ZT880.format(path=source, line=number, problem=problem))
        fields[text_field] = restore(fields[text_field], number)
        fields.pop(entities_field, None)
        try:
            yield json.dumps(fields, ensure_ascii=False).encode() + b"\n"
        except UnicodeEncodeError:  # a lone surrogate in another field stays escaped
            yield json.dumps(fields).encode() + b"\n"


def _unmask_rows(source: Path, file: IO[bytes], restore: _Restorer, text_field: str, entities_field: str) -> None:
    import pyarrow as pa

    with open_parquet(source) as opened:
        names = [name for name in opened.schema_arrow.names if name != entities_field]
        if len({*names}) < len(names):
            raise CorpusError(Errors.ZT880.format(path=source, line=1, problem="two columns of the same name"))
        schema = pa.schema([opened.schema_arrow.field(name) for name in names])
        kind = schema.field(text_field).type if text_field in names else pa.null()
        if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
            problem = f"no column {text_field!r} of strings"
            raise CorpusError(Errors.ZT880.format(path=source, line=1, problem=problem))
        with parquet().ParquetWriter(file, schema) as writer:
            for batch in read_batches(opened, source, batch_size=BATCH_ROWS, columns=names):
                table = pa.Table.from_batches([batch]).select(names)
                texts = [
                    restore.encodable(text or "", restore.count + 1) for text in table.column(text_field).to_pylist()
                ]
                column = pa.array(texts, schema.field(text_field).type)
                writer.write_table(table.set_column(names.index(text_field), schema.field(text_field), column))
