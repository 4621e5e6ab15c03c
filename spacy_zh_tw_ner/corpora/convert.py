"""Annotated files → `.spacy`, with every annotation kept, mended, or rejected and reported."""

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile

from spacy.language import Language
from spacy.tokens import Doc, DocBin, Span

from ..errors import CorpusError, Errors
from .checks import Tally, check_record
from .formats import FORMATS, guess_format
from .records import Record
from .script import record_converter

ORIGIN, DOC_ID = "origin", "doc_id"


def read_records(paths: Iterable[Path], tally: Tally, *, format: str = "auto", script: str | None = None) -> Iterator[Record]:
    """Read files of any known format.

    paths (Iterable[Path]): The files.
    tally (Tally): Counts and rejects, added to.
    format (str): A key of FORMATS, or "auto".
    script (Optional[str]): OpenCC configuration to convert the texts with.
    YIELDS (Record): Checked records.
    RAISES (CorpusError): For a file that is not there or cannot be read.
    """
    convert = record_converter(script) if script is not None else None
    for path in paths:
        if not path.is_file():
            raise CorpusError(Errors.ZT202.format(path=path, remedy="Check the path."))
        for record in FORMATS[guess_format(path) if format == "auto" else format](path):
            checked = check_record(record, tally)
            yield convert(checked) if convert is not None else checked


def make_doc(nlp: Language, record: Record) -> Doc:
    """Tokenize a record and set its entities; every token that is in none is known to be outside."""
    doc = nlp.make_doc(record.text)
    spans: list[Span] = []
    for start, end, label in record.entities:
        span = doc.char_span(start, end, label=label)
        if span is None:
            problem, remedy = "an entity ends inside a token", "Use the CharTokenizer without `group`."
            raise CorpusError(Errors.ZT201.format(origin=record.origin, problem=problem, seen=record.text[start:end], remedy=remedy))
        spans.append(span)
    doc.set_ents(spans, default="outside")
    doc.user_data[ORIGIN] = record.origin
    doc.user_data[DOC_ID] = record.doc_id
    return doc


def write_docbin(nlp: Language, records: Iterable[Record], target: Path) -> None:
    """Write records as one `.spacy` file, whole or not at all."""
    bin_ = DocBin(store_user_data=True)
    for record in records:
        bin_.add(make_doc(nlp, record))
    with replacing(target) as temporary:
        temporary.write_bytes(bin_.to_bytes())


def write_rejects(tally: Tally, target: Path) -> None:
    """Write rejected annotations as JSON lines; an older report goes where there is nothing to report."""
    if not tally.rejects:
        target.unlink(missing_ok=True)
        return
    with replacing(target) as temporary:
        temporary.write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in tally.rejects), encoding="utf-8")


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """Give a temporary path beside the target, which takes the target's place when all went well."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with NamedTemporaryFile(dir=target.parent, prefix=f".{target.name}.", delete=False) as file:
        temporary = Path(file.name)
    try:
        yield temporary
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
