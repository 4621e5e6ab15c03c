"""Convert records to Docs, and read `.spacy` files as records."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from spacy.language import Language
from spacy.tokens import Doc, DocBin, Span
from spacy.vocab import Vocab

from ..entities import Entity
from ..errors import CorpusError, Errors
from ..untrusted.docbins import CheckedDocBin, spacy_files
from .records import SILENT, Reading, Record, broken

ORIGIN, DOC_ID, CONVERTED_BY = "origin", "doc_id", "converted_by"  # keys of doc.user_data
CJK = "\u2e80"  # from here on, writing has no blanks between words, Hangul and emoji apart
SPACED = 0.9  # share of pairs of such characters with a blank between them that shows where a file comes from


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
            raise broken(record.origin, problem, record.text[start:end], remedy)
        spans.append(span)
    doc.set_ents(spans, default="outside")
    doc.user_data.update(user_data(record))
    return doc


def user_data(record: Record) -> dict[str, str]:
    """What is kept of a record beside its text and entities."""
    kept = {ORIGIN: record.origin, DOC_ID: record.doc_id}
    return kept | {CONVERTED_BY: record.converted_by} if record.converted_by else kept


def read_docbin(path: Path) -> DocBin:
    """Read one `.spacy` file.

    path (Path): The file.
    RETURNS (DocBin): What it holds.
    RAISES (CorpusError): For anything else.
    """
    try:
        return CheckedDocBin(path).from_disk(path)
    except OSError as error:
        raise CorpusError(Errors.ZT210.format(path=path, reason=type(error).__name__)) from error


def read_spacy(path: Path, reading: Reading = SILENT) -> Iterator[Record]:
    """Read a `.spacy` file, or the parts in a folder.

    `spacy convert` puts a blank behind every Chinese character; it is taken out again.

    path (Path): The file or folder.
    reading (Reading): Who is told of documents that nobody has annotated, and of such blanks.
    YIELDS (Record): One a document.
    RAISES (CorpusError): For anything else.
    """
    n_unknown = n_spaced = 0
    for file in spacy_files(path):
        bin_ = read_docbin(file)
        vocab = Vocab()
        spaced = _is_spaced(bin_.get_docs(vocab))
        for number, doc in enumerate(bin_.get_docs(vocab), start=1):
            if len(doc) and not doc.has_annotation("ENT_IOB", require_complete=True):
                n_unknown += 1
                continue
            record = _record(doc, f"{file}:{number}", closed_up=spaced)
            n_spaced += len(record.repairs)
            yield record
        reading.advance(file.stat().st_size)
    if n_spaced:
        reading.notify(f"{path}: in {n_spaced} documents a blank behind each Chinese character was taken out.")
    if n_unknown:
        reading.notify(f"{path}: {n_unknown} documents with tokens that nobody has annotated are left out.")


def _is_spaced(docs: Iterable[Doc]) -> bool:
    """Does (nearly) every Chinese character have a blank behind it, in documents that are not our own?"""
    n_pairs = n_spaced = 0
    for doc in docs:
        if ORIGIN in doc.user_data:
            return False
        for i in range(len(doc) - 1):
            if doc[i].text[-1] >= CJK and doc[i + 1].text[0] >= CJK:
                n_pairs += 1
                n_spaced += bool(doc[i].whitespace_)
    return n_spaced > SPACED * n_pairs


def _record(doc: Doc, origin: str, *, closed_up: bool) -> Record:
    parts: list[str] = []
    starts: list[int] = []
    length = 0
    for i, token in enumerate(doc):
        after = token.whitespace_
        if closed_up and after:
            words = (token.text, doc[i + 1].text) if i + 1 < len(doc) else ("", "")
            # Between words of Latin letters a blank is a blank; between single letters it is not.
            after = " " if max(words) < CJK and max(map(len, words)) > 1 else ""
        starts.append(length)
        parts.append(token.text + after)
        length += len(parts[-1])
    text = "".join(parts)
    entities = [Entity(starts[ent.start], starts[ent.end - 1] + len(doc[ent.end - 1]), ent.label_) for ent in doc.ents]
    repairs = ["blanks between characters"] if len(text) < len(doc.text) else []
    known = {key: str(doc.user_data.get(key) or "") for key in (ORIGIN, DOC_ID, CONVERTED_BY)}
    return Record(text, entities, known[ORIGIN] or origin, known[DOC_ID], repairs, converted_by=known[CONVERTED_BY])
