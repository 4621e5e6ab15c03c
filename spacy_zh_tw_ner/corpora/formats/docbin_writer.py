"""Write `.spacy` files (spaCy's `DocBin`) in constant memory.

A DocBin is one zlib stream of one msgpack object. So it can only be read as a whole, and a byte string in msgpack is
limited to 4 GiB, about 170 million tokens. A corpus of more than `SHARD` characters is therefore written as a folder
`NAME.spacy` of several files (shards), which spaCy's `Corpus` reads one after the other.
"""

import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from spacy.tokens import Doc, DocBin
from spacy.vocab import Vocab
from srsly.msgpack import Packer

from ...atomic_writes import put_in_place, staged
from ...interval_scheduling import keep_longest
from ...language.span_groups import PACKED
from ...tag_scheme import BoolsT
from ...tokenization.char_tokenizer import CharTokenizer
from ..records import Record, broken
from .docbin import BEGIN, CONVERTED_BY, DOC_ID, INSIDE, ORIGIN, OUTSIDE

KeysT: TypeAlias = npt.NDArray[np.uint64]

SHARD = 1_000_000  # characters per file; packing them takes 150 MiB of memory


class SpacyWriter:
    """Writes records to one or more `.spacy` files in a folder: 00001.spacy, 00002.spacy, …

    The caller calls `add` or `add_doc` for each text, and `close` at the end, which writes the last file.

    The files have the format of `DocBin.to_disk`, with only the attributes ORTH, ENT_IOB and ENT_TYPE. `add` does not
    call `DocBin.add` because that is slow: per document, it takes 0.3 ms to look for msgpack plugins, and another
    0.3 ms to collect the strings of the tokens.

    folder (Path): Folder to create; it must not exist.
    shard (int): Number of characters after which a new file begins. Until it is written, a file is kept in memory.
    spans_key (str): Key in `doc.spans` under which all entities of a record are written; they may overlap, and
        `doc.ents` has the longest ones. Empty to write `doc.ents` only.
    """

    def __init__(self, folder: Path, *, shard: int = SHARD, spans_key: str = "") -> None:
        self.folder, self.shard, self.spans_key = folder, shard, spans_key
        self._tokenizer = CharTokenizer(Vocab())
        self.n_characters = self.n_records = self.n_files = 0
        self._bin = _empty_docbin()
        self._keys = _Keys(self._tokenizer.vocab)
        self._pack = Packer(use_bin_type=True).pack
        folder.mkdir(parents=True)

    def add(self, record: Record) -> None:
        """Add a record. Its entities must be inside the text and, if `spans_key` is empty, must not overlap.

        RAISES (CorpusError): If an entity begins or ends inside a token.
        """
        if self.n_characters >= self.shard:
            self._flush()
        keys, spaces, places = self._tokens(record)
        tokens = np.empty((len(keys), 3), dtype=np.uint64)  # ORTH, ENT_IOB, ENT_TYPE
        tokens[:, 0], tokens[:, 1], tokens[:, 2] = keys, OUTSIDE, 0
        ents = frozenset(keep_longest(record.entities)[0]) if self.spans_key else None
        for (first, last), entity in zip(places, record.entities, strict=True):
            self._bin.strings.add(entity.label)
            if ents is None or entity in ents:
                tokens[first:last, 1] = INSIDE
                tokens[first, 1] = BEGIN
                tokens[first:last, 2] = self._keys[entity.label]
        user_data = {ORIGIN: record.origin, DOC_ID: record.doc_id}
        if record.converted_by:
            user_data[CONVERTED_BY] = record.converted_by
        self._bin.tokens.append(tokens)
        self._bin.spaces.append(spaces)
        self._bin.strings.update(record.text)
        self._bin.flags.append({"has_unknown_spaces": False})
        self._bin.cats.append({})
        self._bin.span_groups.append(self._span_groups(record, places))
        self._bin.user_data.append(self._pack(user_data))
        self.n_characters += len(record.text)
        self.n_records += 1

    def _span_groups(self, record: Record, places: list[tuple[int, int]]) -> bytes:
        """Return `doc.spans` of a record as bytes, in spaCy's serialization; empty bytes if `spans_key` is empty.

        places (list[tuple[int, int]]): For each entity, the first token and the end token (exclusive).
        """
        if not self.spans_key:
            return b""
        spans = [
            PACKED.pack(0, 0, self._keys[label], first, last, start, end)
            for (first, last), (start, end, label) in zip(places, record.entities, strict=True)
        ]
        group = self._pack({"name": self.spans_key, "attrs": {}, "spans": spans})
        groups: bytes = self._pack({group: [self.spans_key]})
        return groups

    def add_doc(self, doc: Doc) -> None:
        """Add a document with its entities, its unannotated tokens (a missing ENT_IOB), span groups and user data.

        For records that have only entities, `add` is faster.
        """
        if self.n_characters >= self.shard:
            self._flush()
        self._bin.add(doc)
        self.n_characters += len(doc.text)
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
    """Write records to one `.spacy` file, never to a folder of several files. All records are kept in memory.

    path (Path): The file. An existing file is replaced.
    records (Iterable[Record]): Records whose entities are inside the text and do not overlap.
    RAISES (CorpusError): If an entity begins or ends inside a token.
    """
    with staged(path) as folder:
        writer = SpacyWriter(folder / "records", shard=sys.maxsize)
        for record in records:
            writer.add(record)
        put_in_place(writer.close(), path)


class _Keys(dict[str, int]):
    """Dictionary of string → spaCy's hash. A string is added to the `StringStore` of the vocabulary at its first use.

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
