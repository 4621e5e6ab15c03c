"""Read and write `.spacy` files, in constant memory when writing.

A DocBin is one zlib stream of one msgpack object: it can only be read as a whole, and msgpack ends at 4 GiB, about
170 million tokens. A corpus longer than a shard is therefore written as a folder of that name with several files,
which spaCy's own Corpus reads one after the other.
"""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
import spacy
from spacy.tokens import Doc, DocBin
from spacy.vocab import Vocab
from srsly.msgpack import Packer

from ...entities import Entity
from ...errors import CorpusError, Errors
from ...tag_scheme import BoolsT
from ...tokenization.char_tokenizer import CharTokenizer
from ...untrusted.docbins import CheckedDocBin, spacy_files
from ..records import SILENT, Reading, Record, broken

KeysT: TypeAlias = npt.NDArray[np.uint64]

ORIGIN, DOC_ID, CONVERTED_BY = "origin", "doc_id", "converted_by"  # keys of doc.user_data
INSIDE, OUTSIDE, BEGIN = 1, 2, 3  # spaCy's ENT_IOB
SHARD = 1_000_000  # characters: 150 MiB while they are packed
CJK = "\u2e80"  # first of the characters that are written without blanks (except Hangul and emoji)
SPACED = 0.9  # share of pairs of CJK characters with a blank between them in files written by `spacy convert`


class Sentence(NamedTuple):
    """One document of a corpus, for `validate`.

    text: Its text.
    entities: By character, in order.
    outside: For each character, whether it is annotated as being in no entity.
    origin: File and line, or the beginning of the text.
    """

    text: str
    entities: tuple[Entity, ...]
    outside: tuple[bool, ...]
    origin: str

    def surface(self, entity: Entity) -> str:
        """Return the text of an entity."""
        return self.text[entity.start : entity.end]


def read_docbin(path: Path) -> DocBin:
    """Read one `.spacy` file.

    path (Path): The file.
    RETURNS (DocBin): Its content.
    RAISES (CorpusError): For a file that is missing or in another format.
    """
    try:
        return CheckedDocBin(path).from_disk(path)
    except OSError as error:
        raise CorpusError(Errors.ZT210.format(path=path, reason=type(error).__name__)) from error


def read_sentences(folder: Path, split: str) -> list[Sentence]:
    """Read one split of a converted corpus, including documents that are annotated in part.

    folder (Path): Holds `.spacy` files.
    split (str): Name of the split.
    RETURNS (list[Sentence]): The sentences, in order.
    RAISES (CorpusError): If the file is missing or in another format.
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
    """Read a `.spacy` file, or the parts in a folder, as a `ReaderT`.

    `spacy convert` writes a blank after every Chinese character; these blanks are removed. Documents with tokens
    without annotation are left out and counted.
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
        reading.notify(f"{path}: in {n_spaced} documents a blank after each Chinese character was removed.")
    if n_unknown:
        reading.notify(f"{path}: {n_unknown} documents with tokens without annotation are left out.")


def _is_spaced(docs: Iterable[Doc]) -> bool:
    """Return whether nearly every Chinese character has a blank after it, in documents that we did not write."""
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
            # Blanks between Latin words are text; blanks between single letters are not.
            after = " " if max(words) < CJK and max(map(len, words)) > 1 else ""
        starts.append(length)
        parts.append(token.text + after)
        length += len(parts[-1])
    text = "".join(parts)
    entities = [Entity(starts[ent.start], starts[ent.end - 1] + len(doc[ent.end - 1]), ent.label_) for ent in doc.ents]
    repairs = ["blanks between characters"] if len(text) < len(doc.text) else []
    known = {key: str(doc.user_data.get(key) or "") for key in (ORIGIN, DOC_ID, CONVERTED_BY)}
    return Record(text, entities, known[ORIGIN] or origin, known[DOC_ID], repairs, converted_by=known[CONVERTED_BY])


class SpacyWriter:
    """Write records to one or more `.spacy` files in a folder.

    Documents are packed as `DocBin.add` packs them, but only with the attributes of a corpus: `DocBin.add` takes a
    third of a millisecond per document to look for plugins of msgpack, and as long again to collect strings by token.

    folder (Path): A folder to create.
    shard (int): Characters after which the next file begins.
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
        """Add a checked record.

        RAISES (CorpusError): For an entity that begins or ends inside a token.
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
        """Return hashes of tokens (n,), whether a blank follows (n, 1), and entities as (first, end) tokens."""
        if " " not in record.text:  # then every character is a token, and no Doc is needed
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
        """Write the remaining records.

        RETURNS (Path): The `.spacy` file, or the folder if there are several.
        """
        self._flush()
        return self.folder if self.n_files > 1 else self.folder / _shard_name(1)

    def _flush(self) -> None:
        self.n_files += 1
        (self.folder / _shard_name(self.n_files)).write_bytes(self._bin.to_bytes())
        self._bin, self.n_characters = _empty_docbin(), 0


class _Keys(dict[str, int]):
    """String → its key in the vocabulary; a dictionary, which is twice as fast as `functools.cache`."""

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
    """Return whether a folder holds only files of a SpacyWriter, so that it may be replaced."""
    return all(re.fullmatch(r"\d{5,}\.spacy", path.name) for path in folder.iterdir())


def is_doc_bin(path: Path) -> bool:
    """Return whether a file may be a DocBin, which is a zlib stream."""
    with path.open("rb") as file:
        return file.read(1) == b"\x78"
