"""Read and write JSON with spans (CLUENER, doccano, spaCy, Prodigy). Other JSON formats use its helper functions."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

from ...errors import CorpusError
from ..class_labels import LabelNames
from ..offsets import CODEPOINT, CODEPOINT_INCLUSIVE, Convention, RawRecord, resolve_offsets
from ..parquet import open_rows
from ..record_fields import NotUsable, find_spans, find_text, find_tokens_and_tags, text_or_nothing
from ..records import SILENT, Reading, Record, broken

ParseT: TypeAlias = Callable[[dict[str, Any], str], Iterator[RawRecord]]

SPAN_FIELDS = ("spans", "entities", "ents")
ANNOTATOR_FIELDS = ("annotator", "user", "username", "_annotator_id")  # the last one is Prodigy's
CLUENER = "CLUENER"
SHAPES = {
    CLUENER: '{"text": …, "label": {"name": {"葉老桂": [[9, 11]]}}}',
    "doccano": '{"text": …, "label": [[0, 3, "GPE"]]} or {"text": …, "entities": [{"start_offset": 0, …}]}',
    "spaCy": (
        '{"text": …, "spans": [{"start": 0, "end": 3, "label": "GPE"}]} or {"text": …, "entities": [[0, 3, "GPE"]]}'
    ),
}


def read_cluener(path: Path, reading: Reading = SILENT) -> Iterator[Record]:
    """Yield the records of a file of CLUENER's JSON lines.

    The spans of a line are an object {label: {entity text: [[first, last], …]}}. `first` and `last` are the indices of
    the first and the last character of the entity.

    path (Path): The file.
    reading (Reading): Settings of the reader, and functions that receive messages and rejected records.
    YIELDS (Record): Records, with offsets in code points. Objects that cannot be parsed are rejected, and left out.
    RAISES (CorpusError): If the file cannot be read, or a value in it is not a JSON object.
    """
    return _read_spans(path, reading, CLUENER, CODEPOINT_INCLUSIVE)


def read_doccano(path: Path, reading: Reading = SILENT) -> Iterator[Record]:
    """Yield the records of a file of doccano's JSON lines.

    Spans are lists of [start, end, label] in `label` or `labels`, or objects in `entities`. The unit of offsets is a
    setting of the doccano project. The export does not name the unit, so it is detected.

    path (Path): The file.
    reading (Reading): Settings of the reader, and functions that receive messages and rejected records.
    YIELDS (Record): Records, with offsets in code points. Objects that cannot be parsed are rejected, and left out.
    RAISES (CorpusError): If the file cannot be read, or a value in it is not a JSON object.
    """
    return _read_spans(path, reading, "doccano")


def read_spacy_json(path: Path, reading: Reading = SILENT) -> Iterator[Record]:
    """Yield the records of a file of JSON lines of spaCy or Prodigy.

    Each line has a text, and character spans in `spans`, `entities` or `ents`. Objects that were rejected
    or ignored in Prodigy are left out, and the user is notified of their number.

    path (Path): The file.
    reading (Reading): Settings of the reader, and functions that receive messages and rejected records.
    YIELDS (Record): Records, with offsets in code points. Objects that cannot be parsed are rejected, and left out.
    RAISES (CorpusError): If the file cannot be read, or a value in it is not a JSON object.
    """
    return _read_spans(path, reading, "spaCy")


def write_doccano(record: Record, scores: list[float]) -> str:
    """Return one record as a JSON line for doccano.

    Its keys are "text" and "label" (a list of [start, end, label]), "doc_id" if the record has one, and "scores" if the
    list is not empty. doccano imports the last two as metadata.

    record (Record): The record.
    scores (list[float]): One score per entity, or an empty list.
    """
    data = {"text": record.text, "label": [list(entity) for entity in record.entities]}
    return json_line(data, record, scores)


def json_line(data: dict[str, Any], record: Record, scores: list[float]) -> str:
    """Return a JSON object as one line, with two more keys.

    They are "doc_id", if the record has a document id, and "scores", if the list of scores is not empty.

    data (dict): The object, which is not changed.
    record (Record): The record, for its document id.
    scores (list[float]): One score per entity, or an empty list.
    """
    document = {"doc_id": record.doc_id} if record.doc_id else {}
    rounded = {"scores": [round(score, 4) for score in scores]} if scores else {}
    return json.dumps({**data, **document, **rounded}, ensure_ascii=False)


def write_spacy_json(record: Record, scores: list[float]) -> str:
    """Return one record as a JSON line for spaCy or Prodigy.

    Its keys are "text", "spans" (objects with start, end, label, text and, if there are scores, score) and "meta" (with
    origin and doc_id).

    record (Record): The record.
    scores (list[float]): One score per entity, or an empty list.
    """
    spans: list[dict[str, Any]] = [
        {"start": start, "end": end, "label": label, "text": record.text[start:end]}
        for start, end, label in record.entities
    ]
    for span, score in zip(spans, scores, strict=False):
        span["score"] = round(score, 4)
    meta = {key: value for key, value in (("origin", record.origin), ("doc_id", record.doc_id)) if value}
    return json.dumps({"text": record.text, "spans": spans, "meta": meta}, ensure_ascii=False)


def _read_spans(path: Path, reading: Reading, name: str, default: Convention = CODEPOINT) -> Iterator[Record]:
    return resolve_offsets(lambda path, reading: _read_raw_spans(path, reading, name), path, reading, default=default)


def _read_raw_spans(path: Path, reading: Reading, name: str) -> Iterator[RawRecord]:
    """Yield the records of a file of JSON objects with a text and spans.

    Objects that cannot be parsed are rejected. Relations between spans, and objects whose `answer` is not "accept", are
    left out, and the user is notified of their number.

    path (Path): The file.
    reading (Reading): Settings of the reader, and functions that receive messages and rejected records.
    name (str): The format: "CLUENER", "doccano" or "spaCy".
    YIELDS (RawRecord): Records whose offsets are not converted: they are in the unit of the file.
    """
    left_out: Counter[str] = Counter()
    first_relation = ""
    names = LabelNames(path, open_rows(path).features)

    def parse(data: dict[str, Any], origin: str) -> Iterator[RawRecord]:
        nonlocal first_relation
        if data.get("answer", "accept") not in ("accept", None):
            left_out['objects whose `answer` is not "accept"'] += 1
            return
        text = find_text(data, reading.fields)
        text.encode()  # raises for a lone surrogate, which is valid in JSON
        spans = find_spans(data, lambda number: names.label(number, origin))
        if not spans.annotated and find_tokens_and_tags(data, reading.fields) is not None:
            raise NotUsable("it has tokens and tags, unlike the objects before it; split the file by layout")
        if spans.layouts - {"object" if name == CLUENER else "list"}:
            raise NotUsable("its spans have another layout than those before it; split the file by layout")
        if isinstance(data.get("relations"), list) and data["relations"]:
            left_out["relations"] += len(data["relations"])
            first_relation = first_relation or origin
        annotator = next(filter(None, (text_or_nothing(data.get(key)) for key in ANNOTATOR_FIELDS)), "")
        task = text_or_nothing(data.get("id"))
        yield RawRecord(text, spans.usable, origin, _doc_id(data), spans.rejects, annotator, task)

    yield from read_raw(path, reading, parse, name=name, shape=SHAPES[name])
    for kind, n in left_out.items():
        where = f" (the first: {first_relation}), because only entities are read" if kind == "relations" else ""
        reading.notify(f"{path}: {n} {kind} are left out{where}.")


def _doc_id(data: dict[str, Any]) -> str:
    meta = data.get("meta")
    of_meta = meta.get("doc_id") if isinstance(meta, dict) else None
    return text_or_nothing(data.get("doc_id")) or text_or_nothing(of_meta)


def read_raw(
    path: Path,
    reading: Reading,
    parse: ParseT,
    *,
    name: str,
    shape: str,
    objects: Iterable[tuple[str, dict[str, Any]]] | None = None,
) -> Iterator[RawRecord]:
    """Read the objects of a file with the parser of one format. Objects that it cannot parse are rejected.

    path (Path): A file of JSON lines, one JSON array, or Parquet.
    reading (Reading): `reject` receives the rejected objects.
    parse (Callable[[dict, str], Iterator[RawRecord]]): Parser of the format: takes an object and its origin (file and
        line), and yields the records of the object. It yields no record if the object is to be left out. If it raises
        an error such as ValueError, LookupError or TypeError, the object is rejected.
    name (str): Name of the format, for messages.
    shape (str): An example of its objects, for messages.
    objects (Optional[Iterable[tuple[str, dict]]]): Origins and objects to parse instead of those of the file.
    YIELDS (RawRecord): Records whose texts and labels are strings, and whose offsets are whole numbers.
    RAISES (CorpusError): If a value is not a JSON object, or has a lone surrogate.
    """
    if objects is None:
        objects = open_rows(path, reading.advance, reading.fields).objects
    for origin, data in objects:
        try:
            for raw in parse(data, origin):
                "".join(
                    [raw.text, raw.annotator, raw.task, *(span.label for span in raw.spans)]
                ).encode()  # raises for a lone surrogate
                yield raw
        except CorpusError:
            raise
        except UnicodeError as error:
            problem = f"not a {name} object ({error})"
            raise broken(origin, problem, ascii(data)[:60], f"Write {shape}") from None
        except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError) as error:
            reason = f": {error}" if isinstance(error, NotUsable) else f" ({error!r})"
            reading.reject(origin, f"not a {name} object{reason}", str(data)[:60], f"Write {shape}")
