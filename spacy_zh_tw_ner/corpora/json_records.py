"""Read records from JSON objects and Parquet rows; an object that is not one is rejected with file and line."""

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

from ..errors import CorpusError, Errors
from .class_labels import LabelNames
from .offsets import RawRecord
from .record_fields import NotUsable, find_spans, find_text, find_tokens_and_tags, text_or_nothing
from .records import Reading
from .rows import open_rows

CLUENER = "CLUENER"
ParseT: TypeAlias = Callable[[dict[str, Any], str], Iterator[RawRecord]]


def read_raw(path: Path, reading: Reading, parse: ParseT, *, name: str, shape: str) -> Iterator[RawRecord]:
    """Read the objects of a file by a format's own rules.

    path (Path): JSON lines, one array, or Parquet.
    reading (Reading): Receives rejects, with file and line.
    parse (Callable): Object and origin → records, none where the object holds no annotation.
    name (str): The format, for messages.
    shape (str): What an object of it looks like.
    YIELDS (RawRecord): Texts are strings, labels strings that are not empty, offsets whole numbers.
    RAISES (CorpusError): For what is no JSON object, and for lone surrogates, with file and line.
    """
    for origin, data in open_rows(path, reading.advance).objects:
        try:
            for raw in parse(data, origin):
                _check_unicode(raw)
                yield raw
        except CorpusError:
            raise
        except NotUsable as error:
            reading.reject(origin, f"not a {name} object: {error}", str(data)[:60], f"Write {shape}")
        except UnicodeError as error:
            problem = f"not a {name} object ({error})"
            raise CorpusError(
                Errors.ZT201.format(origin=origin, problem=problem, seen=ascii(data)[:60], remedy=f"Write {shape}")
            ) from None
        except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError) as error:
            reading.reject(origin, f"not a {name} object ({error!r})", str(data)[:60], f"Write {shape}")


def read_spans(path: Path, reading: Reading, *, name: str, shape: str) -> Iterator[RawRecord]:
    """Read objects with a text and spans, in fields of any of the usual names.

    path (Path): JSON lines, one array, or Parquet.
    reading (Reading): Receives rejects, and how many objects are left out and why.
    name (str): The format, for messages.
    shape (str): What an object of it looks like.
    YIELDS (RawRecord): One an object; what an annotator has rejected or skipped in Prodigy is left out.
    RAISES (CorpusError): As `read_raw`, and for numbers that no file names.
    """
    left_out: Counter[str] = Counter()
    first: dict[str, str] = {}
    names = LabelNames(path, open_rows(path).features)

    def parse(data: dict[str, Any], origin: str) -> Iterator[RawRecord]:
        if data.get("answer", "accept") not in ("accept", None):
            left_out['objects whose `answer` is not "accept"'] += 1
            return
        text = find_text(data, reading.fields)
        text.encode()  # a lone surrogate (valid in JSON) raises here
        spans = find_spans(data, lambda number: names.label(number, origin))
        if not spans.annotated and find_tokens_and_tags(data, reading.fields) is not None:
            raise NotUsable("it has tags for its tokens, unlike the objects before it; convert such files apart")
        if spans.layouts - {"object" if name == CLUENER else "list"}:
            raise NotUsable("its spans are laid out unlike those before it; convert such files apart")
        for field in ("relations",):
            if isinstance(data.get(field), list) and data[field]:
                left_out[field] += len(data[field])
                first.setdefault(field, origin)
        yield RawRecord(text, spans.usable, origin, _doc_id(data), spans.rejects)

    yield from read_raw(path, reading, parse, name=name, shape=shape)
    for what, n in left_out.items():
        where = f" (the first: {first[what]}): only entities are read" if what in first else ""
        reading.notify(f"{path}: {n} {what} are left out{where}.")


def _doc_id(data: dict[str, Any]) -> str:
    meta = data.get("meta")
    return text_or_nothing(data.get("doc_id")) or (
        text_or_nothing(meta.get("doc_id")) if isinstance(meta, dict) else ""
    )


def _check_unicode(raw: RawRecord) -> None:
    raw.text.encode()
    for span in raw.spans:
        span.label.encode()
