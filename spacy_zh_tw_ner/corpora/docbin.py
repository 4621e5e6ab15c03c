"""Records → Docs → files, written whole or not at all."""

import json
from collections.abc import Iterable
from pathlib import Path

from spacy.language import Language
from spacy.tokens import Doc, DocBin, Span

from ..errors import CorpusError, Errors
from ..files import write_whole
from .records import Record

ORIGIN, DOC_ID, CONVERTED_BY = "origin", "doc_id", "converted_by"  # keys of doc.user_data


def make_docbin(nlp: Language, records: Iterable[Record]) -> DocBin:
    """Put records in spaCy's binary format, with their origins."""
    return DocBin(docs=(make_doc(nlp, record) for record in records), store_user_data=True)


def make_doc(nlp: Language, record: Record) -> Doc:
    """Tokenize a record and set its entities; every token that is in none is known to be outside.

    nlp (Language): Its tokenizer is used.
    record (Record): A checked record.
    RETURNS (Doc): With file, line, document and what converted its script in `user_data`.
    RAISES (CorpusError): For an entity that ends inside a token.
    """
    doc = nlp.make_doc(record.text)
    spans: list[Span] = []
    for start, end, label in record.entities:
        span = doc.char_span(start, end, label=label)
        if span is None:
            problem, remedy = "an entity ends inside a token", "Use the CharTokenizer without `group`."
            raise CorpusError(
                Errors.ZT201.format(origin=record.origin, problem=problem, seen=record.text[start:end], remedy=remedy)
            )
        spans.append(span)
    doc.set_ents(spans, default="outside")
    doc.user_data[ORIGIN] = record.origin
    doc.user_data[DOC_ID] = record.doc_id
    if record.converted_by:
        doc.user_data[CONVERTED_BY] = record.converted_by
    return doc


def write_json_lines(rows: list[dict[str, object]], target: Path) -> None:
    """Write objects as JSON lines; where there is nothing to write, an older file goes."""
    if rows:
        write_whole(target, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode())
    else:
        target.unlink(missing_ok=True)
