"""Read `.spacy` files (compressed msgpack), and check their sizes, attributes and offsets."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from spacy.attrs import IDS  # type: ignore[import-not-found]
from spacy.tokens import Doc, DocBin
from spacy.tokens._dict_proxies import SpanGroups
from spacy.vocab import Vocab

from ..errors import CorpusError, Errors
from . import inflate, parse_msgpack, reading, require, require_type, scan_msgpack

ATTRIBUTES = frozenset(IDS.values())  # `Doc.from_array` does not check the ids of attributes


def spacy_files(path: Path) -> list[Path]:
    """List the `.spacy` files of a corpus.

    path (Path): A `.spacy` file, or a folder with such files, as spaCy's own corpus reader accepts them.
    RETURNS (list[Path]): The files in the order of their names. If there are none, only `path`, so that reading it
        raises an error that names it.
    """
    if not path.is_dir():
        return [path]
    return sorted(path.glob("*.spacy")) or [path]


class CheckedDocBin(DocBin):
    """DocBin that checks sizes, attributes and offsets before it builds documents.

    `CheckedDocBin(path).from_disk(path).get_docs(vocab)` yields the documents of a file.

    path (Path): The file that is read, for messages.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path

    def from_bytes(self, bytes_data: bytes) -> "CheckedDocBin":
        """Load the content of a `.spacy` file.

        RAISES (CorpusError): If the bytes are not the content of a `.spacy` file.
        """
        try:
            with reading(self.path):
                self._fill(require_type("the file", parse_msgpack(inflate(bytes_data)), dict))
        except ValueError as error:
            raise CorpusError(Errors.ZT210.format(path=self.path, reason=_reason(error))) from error
        return self

    def _fill(self, found: dict[str, Any]) -> None:
        """Check the content of a `.spacy` file, and set the attributes of this DocBin to it.

        found (dict[str, Any]): The content, as parsed by msgpack: name of an attribute of DocBin → value.
        RAISES (ValueError): If a value is missing or not valid.
        """
        self.attrs = require_type("attrs", found.get("attrs"), list)
        attrs: list[Any] = self.attrs
        known = all(isinstance(attr, int) and attr in ATTRIBUTES for attr in attrs)
        require(known and IDS["ORTH"] in attrs, "attrs", attrs, "ids of attributes of tokens")
        self.strings = set(require_type("strings", found.get("strings"), list))
        require(all(isinstance(string, str) for string in self.strings), "strings", "other values", "strings")
        lengths = np.frombuffer(require_type("lengths", found.get("lengths"), bytes), dtype="<i4")
        spaces = np.frombuffer(require_type("spaces", found.get("spaces"), bytes), dtype=np.uint8) != 0
        tokens = np.frombuffer(require_type("tokens", found.get("tokens"), bytes), dtype="<u8")
        tokens = tokens.reshape(-1, len(self.attrs))
        n_tokens = int(lengths.sum(dtype=np.int64))
        require(bool((lengths >= 0).all()), "lengths", "a negative number", "numbers from 0")
        require(n_tokens == len(tokens) == len(spaces), "the sum of lengths", n_tokens, f"{len(tokens)}, one per token")
        ends = lengths.cumsum(dtype=np.int64)[:-1] if len(lengths) else lengths
        self.tokens = np.split(tokens, ends) if len(lengths) else []
        self.spaces = np.split(spaces.reshape(-1, 1), ends) if len(lengths) else []
        n_docs = len(lengths)
        self.cats = _one_each("cats", found.get("cats"), n_docs, dict)
        self.flags = _one_each("flags", found.get("flags", [{}] * n_docs), n_docs, dict)
        self.span_groups = _one_each("span_groups", found.get("span_groups", [b""] * n_docs), n_docs, bytes)
        user_data = found.get("user_data", [None] * n_docs)
        self.user_data = _one_each("user_data", user_data, n_docs, bytes | None)

    def get_docs(self, vocab: Vocab) -> Iterator[Doc]:
        """Build the documents, and check the strings and offsets that they refer to.

        RAISES (CorpusError): If a token refers to a missing string, an entity has no label, or a span is not in the
            text.
        """
        docs = super().get_docs(vocab)
        for number in range(1, len(self.tokens) + 1):
            try:
                with reading(self.path):  # once per document: a generator shares the context variables of its caller
                    self._scan(number - 1)
                    doc = next(docs)
                    _check(doc)
            except ValueError as error:
                reason = f"document {number}: {_reason(error)}"
                raise CorpusError(Errors.ZT210.format(path=self.path, reason=reason)) from error
            yield doc

    def _scan(self, index: int) -> None:
        """Check the declared lengths in the user data and span groups of a document, before spaCy parses them.

        Both are msgpack, whose parser would allocate lists of any declared length.

        index (int): Index of the document in the file, from 0.
        RAISES (UnreadableFileError): If a length is not possible, or the data are not valid msgpack.
        """
        user_data = self.user_data[index]
        if user_data is not None:
            scan_msgpack(user_data)
        groups = self.span_groups[index]
        if groups and groups != SpanGroups._EMPTY_BYTES:
            found = parse_msgpack(groups)
            for group in found:
                scan_msgpack(require_type("span_groups", group, bytes))


def _one_each(key: str, values: object, n_docs: int, kind: Any) -> list[Any]:
    """Check that a value of a `.spacy` file is a list with one element of the type `kind` for each document.

    key (str): Name of the value in the file, for the message.
    values (object): The value.
    n_docs (int): Number of documents.
    kind (type): Type of the elements.
    RETURNS (list[Any]): `values`.
    RAISES (UnreadableFileError): If `values` is not such a list.
    """
    found = require_type(key, values, list)
    require(len(found) == n_docs, key, f"{len(found)} values", f"a list with one value per document ({n_docs})")
    require(all(isinstance(value, kind) for value in found), key, "other types", f"a list of {kind}")
    return found


def _check(doc: Doc) -> None:
    """Check that each entity of a document has a label, and that the spans in `doc.spans` are inside the text.

    RAISES (UnreadableFileError): If not.
    """
    for ent in doc.ents:
        require(bool(ent.label_), "an entity", ent.text[:40], "one with a label")
    for key, group in doc.spans.items():
        for span in group:
            require(0 <= span.start <= span.end <= len(doc), f"spans[{key!r}]", (span.start, span.end), "in the text")
            require_type("the label of a span", span.label_, str)


def _reason(error: ValueError) -> str:
    """Return what is wrong with a file, for a CorpusError, which itself states the path and a remedy.

    error (ValueError): The error to report. If it was raised from another error, it states a path and a remedy, too. So
        only the type and the message of the other error are returned.
    """
    cause = error.__cause__
    return str(error) if cause is None else f"{type(cause).__name__}: {cause}"
