"""Read `.spacy` files (spaCy's `DocBin`), and the annotations of their documents."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import spacy
from spacy.tokens import Doc, DocBin, Span
from spacy.vocab import Vocab

from ...entities import Entity
from ...errors import CorpusError, Errors
from ...untrusted.docbins import CheckedDocBin, spacy_files
from ..records import SILENT, Reading, Record

ORIGIN, DOC_ID, CONVERTED_BY = "origin", "doc_id", "converted_by"  # keys of doc.user_data
INSIDE, OUTSIDE, BEGIN = 1, 2, 3  # spaCy's ENT_IOB
CJK = "\u2e80"  # characters from here on (except Hangul and emoji) are written without spaces
RESERVED_KEYS = ("ner", "gazetteer")  # keys of `components.span_annotations`
SPACED = 0.9  # least share of CJK pairs with a space between them that shows a file of `spacy convert`


class Sentence(NamedTuple):
    """One document of a corpus in `.spacy` files, for the checks of the command `validate`.

    text: The text.
    entities: Entities with character offsets, sorted.
    outside: For each character, True if its gold tag is O; False inside an entity or without gold annotation.
    origin: File and line from which the document was converted. If they were not saved with the document, its first
        20 characters.
    """

    text: str
    entities: tuple[Entity, ...]
    outside: tuple[bool, ...]
    origin: str

    def surface(self, entity: Entity) -> str:
        """Return the text of an entity."""
        return self.text[entity.start : entity.end]


def read_docbin(path: Path) -> DocBin:
    """Read one `.spacy` file, and check its content.

    path (Path): The file.
    RETURNS (DocBin): The documents.
    RAISES (CorpusError): If the file is missing, damaged or not a `.spacy` file.
    """
    try:
        return CheckedDocBin(path).from_disk(path)
    except OSError as error:
        raise CorpusError(Errors.ZT210.format(path=path, reason=type(error).__name__)) from error


def require_key(key: str) -> None:
    """Check that a corpus may have its annotations under a key of `doc.spans`.

    key (str): The key. An empty string, for `doc.ents`, is always valid.
    RAISES (CorpusError): If components of this package use the key for other spans.
    """
    if key in RESERVED_KEYS:
        raise CorpusError(Errors.ZT802.format(value=key))


def read_sentences(folder: Path, split: str, *, spans_key: str = "") -> list[Sentence]:
    """Read one split of a converted corpus, including documents in which only some tokens have gold annotation.

    folder (Path): Folder with the `.spacy` files of a corpus.
    split (str): Name of the split, such as "train".
    spans_key (str): Key of the entities in `doc.spans`; empty for `doc.ents`.
    RETURNS (list[Sentence]): One per document, in file order.
    RAISES (CorpusError): If the file is missing, damaged or not a `.spacy` file.
    """
    path = folder / f"{split}.spacy"
    if not path.exists():
        raise CorpusError(Errors.ZT212.format(path=folder, split=split))
    vocab = spacy.blank("zh_tw").vocab
    return [_sentence(doc, spans_key) for file in spacy_files(path) for doc in read_docbin(file).get_docs(vocab)]


def _annotations(doc: Doc, spans_key: str) -> list[Span]:
    """Return the spans of `doc.spans[spans_key]`; those of `doc.ents` if the key is empty or absent."""
    return list(doc.spans[spans_key]) if spans_key in doc.spans else list(doc.ents)


def _sentence(doc: Doc, spans_key: str) -> Sentence:
    outside = [False] * len(doc.text)
    for token in doc:
        if token.ent_iob == OUTSIDE:
            outside[token.idx : token.idx + len(token)] = [True] * len(token)
    found = _annotations(doc, spans_key)
    entities = sorted(Entity(ent.start_char, ent.end_char, ent.label_) for ent in found)
    origin = str(doc.user_data.get(ORIGIN, repr(doc.text[:20])))
    return Sentence(doc.text, tuple(entities), tuple(outside), origin)


def read_spacy(path: Path, reading: Reading = SILENT) -> Iterator[Record]:
    """Yield the documents of a `.spacy` file, or of all `.spacy` files in a folder, as records.

    `spacy convert` writes a space after every Chinese character; these spaces are removed. A document is left out if
    it has no group `doc.spans[reading.spans_key]`, and any of its tokens has no gold annotation. The user is notified
    of the number of these documents.

    path (Path): The file or folder.
    reading (Reading): The key of the annotations in `doc.spans`, and callbacks for progress and messages.
    RAISES (CorpusError): If a file is missing, damaged or not a `.spacy` file.
    """
    n_unknown = n_spaced = 0
    for file in spacy_files(path):
        bin_ = read_docbin(file)
        vocab = Vocab()
        spaced = _is_spaced(bin_.get_docs(vocab))
        for number, doc in enumerate(bin_.get_docs(vocab), start=1):
            has_spans = reading.spans_key in doc.spans
            if len(doc) and not has_spans and not doc.has_annotation("ENT_IOB", require_complete=True):
                n_unknown += 1
                continue
            record = _record(doc, f"{file}:{number}", reading.spans_key, remove_blanks=spaced)
            n_spaced += len(record.repairs)
            yield record
        reading.advance(file.stat().st_size)
    if n_spaced:
        reading.notify(f"{path}: the space after each Chinese character was removed in {n_spaced} documents.")
    if n_unknown:
        reading.notify(f"{path}: {n_unknown} documents are left out, because some tokens have no gold annotation.")


def _is_spaced(docs: Iterable[Doc]) -> bool:
    """Return whether `spacy convert` has added a space after every Chinese character.

    True if more than 90 % of the pairs of neighbouring CJK characters have a space between them. False for documents
    that `SpacyWriter` wrote: their spaces are those of the original text.
    """
    n_pairs = n_spaced = 0
    for doc in docs:
        if ORIGIN in doc.user_data:
            return False
        for i in range(len(doc) - 1):
            if doc[i].text[-1] >= CJK and doc[i + 1].text[0] >= CJK:
                n_pairs += 1
                n_spaced += bool(doc[i].whitespace_)
    return n_spaced > SPACED * n_pairs


def _record(doc: Doc, origin: str, spans_key: str, *, remove_blanks: bool) -> Record:
    parts: list[str] = []
    starts: list[int] = []
    length = 0
    for i, token in enumerate(doc):
        after = token.whitespace_
        if remove_blanks and after:
            words = (token.text, doc[i + 1].text) if i + 1 < len(doc) else ("", "")
            # A space between Latin words is text; one between single letters is not.
            after = " " if max(words) < CJK and max(map(len, words)) > 1 else ""
        starts.append(length)
        parts.append(token.text + after)
        length += len(parts[-1])
    text = "".join(parts)
    entities = [
        Entity(starts[ent.start], starts[ent.end - 1] + len(doc[ent.end - 1]), ent.label_)
        for ent in _annotations(doc, spans_key)
        if ent.start < ent.end
    ]
    repairs = ["spaces between characters"] if len(text) < len(doc.text) else []
    known = {key: str(doc.user_data.get(key) or "") for key in (ORIGIN, DOC_ID, CONVERTED_BY)}
    return Record(text, entities, known[ORIGIN] or origin, known[DOC_ID], repairs, converted_by=known[CONVERTED_BY])
