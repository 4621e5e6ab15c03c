"""Write records to `.spacy` files of any size in constant memory.

A DocBin is one zlib stream of one msgpack object: however it is written, it can only be read as a whole, and msgpack
ends at 4 GiB, about 170 million tokens. So what is longer than a shard becomes a folder of that name with several files
in it, which spaCy's own Corpus reads as it reads a file, one after the other.
"""

import re
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from spacy.tokens import DocBin
from spacy.vocab import Vocab
from srsly.msgpack import Packer

from ..tag_scheme import BoolsT
from ..tokenization.char_tokenizer import CharTokenizer
from .docbin import user_data
from .records import Record, broken

SHARD = 1_000_000  # characters: 150 MiB while they are packed
KeysT: TypeAlias = npt.NDArray[np.uint64]
OUTSIDE, BEGIN, INSIDE = 2, 3, 1  # spaCy's ENT_IOB


class _Keys(dict[str, int]):
    """String → its key."""

    def __init__(self, vocab: Vocab) -> None:
        super().__init__()
        self.vocab = vocab

    def __missing__(self, string: str) -> int:
        self[string] = key = self.vocab.strings.add(string)
        return key


class SpacyWriter:
    """Write records to files in a folder, and say where the result is.

    Documents are packed as `DocBin.add` would pack them, with the attributes that a corpus has; it takes a third of a
    millisecond a document to look for plugins of msgpack, and as long again to collect strings a token at a time.

    folder (Path): An empty folder.
    shard (int): Characters after which the next file begins.
    """

    def __init__(self, folder: Path, *, shard: int = SHARD) -> None:
        self.folder, self.shard = folder, shard
        self._tokenizer = CharTokenizer(Vocab())
        self.n_characters = self.n_records = self.n_files = 0
        self._bin = _empty()
        self._keys = _Keys(self._tokenizer.vocab)
        self._pack = Packer(use_bin_type=True).pack
        folder.mkdir(parents=True)

    def add(self, record: Record) -> None:
        """Add a checked record.

        RAISES (CorpusError): For an entity that ends inside a token.
        """
        if self.n_characters >= self.shard:
            self._flush()
        keys, spaces, places = self._tokens(record)
        tokens = np.empty((len(keys), 3), dtype=np.uint64)
        tokens[:, 0], tokens[:, 1], tokens[:, 2] = keys, OUTSIDE, 0
        for (first, last), (_, _, label) in zip(places, record.entities, strict=True):
            tokens[first:last, 1] = INSIDE
            tokens[first, 1] = BEGIN
            tokens[first:last, 2] = self._keys[label]
            self._bin.strings.add(label)
        self._bin.tokens.append(tokens)
        self._bin.spaces.append(spaces)
        self._bin.strings.update(record.text)
        self._bin.flags.append({"has_unknown_spaces": False})
        self._bin.cats.append({})
        self._bin.span_groups.append(b"")
        self._bin.user_data.append(self._pack(user_data(record)))
        self.n_characters += len(record.text)
        self.n_records += 1

    def _tokens(self, record: Record) -> tuple[KeysT, BoolsT, list[tuple[int, int]]]:
        """Keys of tokens (n,), whether a blank follows each (n, 1), and entities by token."""
        if " " not in record.text:  # then tokens are characters, and no Doc is needed to find them
            keys = np.array([self._keys[char] for char in record.text], dtype=np.uint64)
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
        """Write what is left.

        RETURNS (Path): A `.spacy` file, or the folder where there are several.
        """
        self._flush()
        return self.folder if self.n_files > 1 else self.folder / _name(1)

    def _flush(self) -> None:
        self.n_files += 1
        (self.folder / _name(self.n_files)).write_bytes(self._bin.to_bytes())
        self._bin, self.n_characters = _empty(), 0


def _empty() -> DocBin:
    return DocBin(attrs=["ENT_IOB", "ENT_TYPE"], store_user_data=True)


def _name(number: int) -> str:
    return f"{number:05}.spacy"


def is_shards(folder: Path) -> bool:
    """Return whether a folder holds nothing but what a SpacyWriter has written: then another may take its place."""
    return all(re.fullmatch(r"\d{5,}\.spacy", path.name) for path in folder.iterdir())


def is_doc_bin(path: Path) -> bool:
    """Return whether a file may be a DocBin, which is a zlib stream."""
    with path.open("rb") as file:
        return file.read(1) == b"\x78"
