"""Read `.spacy` files (spaCy's `DocBin`), and write them in constant memory.

A DocBin is one zlib stream of one msgpack object. So it can only be read as a whole, and a byte string in msgpack is
limited to 4 GiB, about 170 million tokens. A corpus of more than `SHARD` characters is therefore written as a folder
`NAME.spacy` of several files (shards), which spaCy's `Corpus` reads one after the other.
"""

import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
import spacy
from spacy.tokens import Doc, DocBin
from spacy.vocab import Vocab
from srsly.msgpack import Packer

from ...atomic_writes import put_in_place, staged
from ...entities import Entity
from ...errors import CorpusError, Errors
from ...tag_scheme import BoolsT
from ...tokenization.char_tokenizer import CharTokenizer
from ...untrusted.docbins import CheckedDocBin, spacy_files
from ..records import SILENT, Reading, Record, broken

KeysT: TypeAlias = npt.NDArray[np.uint64]

ORIGIN, DOC_ID, CONVERTED_BY = "origin", "doc_id", "converted_by"  # keys of doc.user_data
INSIDE, OUTSIDE, BEGIN = 1, 2, 3  # spaCy's ENT_IOB
SHARD = 1_000_000  # characters per file; packing them takes 150 MiB of memory
CJK = "\u2e80"  # characters from here on (except Hangul and emoji) are written without spaces
SPACED = 0.9  # least share of CJK pairs with a space between them that shows a file of `spacy convert`


class Sentence(NamedTuple):
    """One document of a converted corpus, as `validate` reads it.

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
    """Read one `.spacy` file, with checks of its content.

    path (Path): The file.
    RETURNS (DocBin): The documents.
    RAISES (CorpusError): If the file is missing, damaged or not a `.spacy` file.
    """
    try:
        return CheckedDocBin(path).from_disk(path)
    except OSError as error:
        raise CorpusError(Errors.ZT210.format(path=path, reason=type(error).__name__)) from error


def read_sentences(folder: Path, split: str) -> list[Sentence]:
    """Read one split of a converted corpus, including documents in which only some tokens have gold annotation.

    folder (Path): Folder with the `.spacy` files of a corpus.
    split (str): Name of the split, such as "train".
    RETURNS (list[Sentence]): One per document, in file order.
    RAISES (CorpusError): If the file is missing, damaged or not a `.spacy` file.
    """
    path = folder / f"{split}.spacy"
    if not path.exists():
        raise CorpusError(Errors.ZT212.format(path=folder, split=split))
    vocab = spacy.blank("zh_tw").vocab
    return [_sentence(doc) for file in spacy_files(path) for doc in read_docbin(file).get_docs(vocab)]


def _sentence(doc: Doc) -> Sentence:
    outside = [False] * len(doc.text)
    for token in doc:
        if token.ent_iob == OUTSIDE:
            outside[token.idx : token.idx + len(token)] = [True] * len(token)
    entities = sorted(Entity(ent.start_char, ent.end_char, ent.label_) for ent in doc.ents)
    origin = str(doc.user_data.get(ORIGIN, repr(doc.text[:20])))
    return Sentence(doc.text, tuple(entities), tuple(outside), origin)


def read_spacy(path: Path, reading: Reading = SILENT) -> Iterator[Record]:
    """Yield the records of a `.spacy` file, or of a folder of several; see `ReaderT`.

    `spacy convert` writes a space after every Chinese character; these spaces are removed. A document is left out if
    any of its tokens has no gold annotation, and the user is notified of the number of these documents.

    path (Path): The file or folder.
    reading (Reading): Settings and callbacks.
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
            record = _record(doc, f"{file}:{number}", remove_blanks=spaced)
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


def _record(doc: Doc, origin: str, *, remove_blanks: bool) -> Record:
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
    entities = [Entity(starts[ent.start], starts[ent.end - 1] + len(doc[ent.end - 1]), ent.label_) for ent in doc.ents]
    repairs = ["spaces between characters"] if len(text) < len(doc.text) else []
    known = {key: str(doc.user_data.get(key) or "") for key in (ORIGIN, DOC_ID, CONVERTED_BY)}
    return Record(text, entities, known[ORIGIN] or origin, known[DOC_ID], repairs, converted_by=known[CONVERTED_BY])


class SpacyWriter:
    """Writes records to one or more `.spacy` files in a folder.

    The files have the format of `DocBin.to_disk`, with only the attributes ORTH, ENT_IOB and ENT_TYPE. `DocBin.add` is
    not used because it is slow: per document, it takes 0.3 ms to look for msgpack plugins, and another 0.3 ms to
    collect the strings of the tokens.

    folder (Path): Folder to create; it must not exist.
    shard (int): Number of characters after which a new file begins.
    """

    def __init__(self, folder: Path, *, shard: int = SHARD) -> None:
        self.folder, self.shard = folder, shard
        self._tokenizer = CharTokenizer(Vocab())
        self.n_characters = self.n_records = self.n_files = 0
        self._bin = _empty_docbin()
        self._keys = _Keys(self._tokenizer.vocab)
        self._pack = Packer(use_bin_type=True).pack
        folder.mkdir(parents=True)

    def add(self, record: Record) -> None:
        """Add a record with valid entities.

        RAISES (CorpusError): If an entity begins or ends inside a token.
        """
        if self.n_characters >= self.shard:
            self._flush()
        keys, spaces, places = self._tokens(record)
        tokens = np.empty((len(keys), 3), dtype=np.uint64)  # ORTH, ENT_IOB, ENT_TYPE
        tokens[:, 0], tokens[:, 1], tokens[:, 2] = keys, OUTSIDE, 0
        for (first, last), (_, _, label) in zip(places, record.entities, strict=True):
            tokens[first:last, 1] = INSIDE
            tokens[first, 1] = BEGIN
            tokens[first:last, 2] = self._keys[label]
            self._bin.strings.add(label)
        user_data = {ORIGIN: record.origin, DOC_ID: record.doc_id}
        if record.converted_by:
            user_data[CONVERTED_BY] = record.converted_by
        self._bin.tokens.append(tokens)
        self._bin.spaces.append(spaces)
        self._bin.strings.update(record.text)
        self._bin.flags.append({"has_unknown_spaces": False})
        self._bin.cats.append({})
        self._bin.span_groups.append(b"")
        self._bin.user_data.append(self._pack(user_data))
        self.n_characters += len(record.text)
        self.n_records += 1

    def _tokens(self, record: Record) -> tuple[KeysT, BoolsT, list[tuple[int, int]]]:
        """Tokenize a record.

        RETURNS (tuple): For n tokens: their hashes, uint64 of shape (n,); whether a space follows each, bool of shape
            (n, 1); and the entities as pairs of first token and end token (exclusive).
        """
        if " " not in record.text:  # every character is a token, so no Doc is needed
            keys = np.fromiter(map(self._keys.__getitem__, record.text), np.uint64, len(record.text))
            return keys, np.zeros((len(keys), 1), dtype=bool), [(start, end) for start, end, _ in record.entities]
        doc = self._tokenizer(record.text)  # no limit of a million characters, unlike `nlp.make_doc`
        columns = doc.to_array(["ORTH", "SPACY"])
        spans = [doc.char_span(start, end) for start, end, _ in record.entities]
        places = [(span.start, span.end) for span in spans if span is not None]
        if len(places) < len(spans):
            (start, end, _), remedy = record.entities[spans.index(None)], "Trim its white space."
            raise broken(record.origin, "an entity begins or ends inside a token", record.text[start:end], remedy)
        return columns[:, 0].astype(np.uint64), columns[:, 1:].astype(np.bool_), places

    def close(self) -> Path:
        """Write the remaining records to the last file.

        RETURNS (Path): The `.spacy` file, or the folder if there are several files.
        """
        self._flush()
        return self.folder if self.n_files > 1 else self.folder / _shard_name(1)

    def _flush(self) -> None:
        self.n_files += 1
        (self.folder / _shard_name(self.n_files)).write_bytes(self._bin.to_bytes())
        self._bin, self.n_characters = _empty_docbin(), 0


def write_records(path: Path, records: Iterable[Record]) -> None:
    """Write records with valid entities to one `.spacy` file of any size, which replaces an existing file."""
    with staged(path) as folder:
        writer = SpacyWriter(folder / "records", shard=sys.maxsize)
        for record in records:
            writer.add(record)
        put_in_place(writer.close(), path)


class _Keys(dict[str, int]):
    """Dictionary of string → hash. Strings are added to the `StringStore` of the vocabulary at their first use.

    A subclass of dict is twice as fast here as `functools.cache`.
    """

    def __init__(self, vocab: Vocab) -> None:
        super().__init__()
        self.vocab = vocab

    def __missing__(self, string: str) -> int:
        self[string] = key = self.vocab.strings.add(string)
        return key


def _empty_docbin() -> DocBin:
    return DocBin(attrs=["ENT_IOB", "ENT_TYPE"], store_user_data=True)


def _shard_name(number: int) -> str:
    return f"{number:05}.spacy"


def is_shards(folder: Path) -> bool:
    """Return whether all files of a folder have names that `SpacyWriter` gives, so that it is safe to replace them."""
    return all(re.fullmatch(r"\d{5,}\.spacy", path.name) for path in folder.iterdir())


def is_doc_bin(path: Path) -> bool:
    """Return whether a file begins with the first byte of a zlib stream, as a DocBin does."""
    with path.open("rb") as file:
        return file.read(1) == b"\x78"
