"""Convert records to annotated documents and to inline markup, for tests that need gold annotations."""

import re

from spacy.language import Language
from spacy.tokens import Doc

from spacy_zh_tw_ner.corpora.records import Record
from spacy_zh_tw_ner.entities import Entity


def make_doc(nlp: Language, record: Record) -> Doc:
    """Tokenize a record and set its entities; all other tokens are annotated as outside of entities."""
    doc = nlp.make_doc(record.text)
    spans = [doc.char_span(start, end, label=label) for start, end, label in record.entities]
    assert None not in spans, "an entity ends inside a token"
    doc.set_ents(spans, default="outside")
    doc.user_data.update({"origin": record.origin, "doc_id": record.doc_id})
    return doc


def write_markup(text: str, entities: list[Entity]) -> str:
    """Write one sentence in the inline markup: the inverse of `parse_line`."""
    parts, position = [], 0
    for start, end, label in sorted(entities):
        parts += [_escape(text[position:start]), "[", _escape(text[start:end]), f"]({label})"]
        position = end
    line = "".join([*parts, _escape(text[position:])])
    return "\\" + line if line.startswith("#") else line


def _escape(text: str) -> str:
    return re.sub(r"[\[\]\\]", r"\\\g<0>", text).replace("\n", r"\n")
