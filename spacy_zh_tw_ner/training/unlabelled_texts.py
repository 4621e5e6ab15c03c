"""Read unlabelled texts from .txt, .jsonl and .spacy files, and cut long texts into parts."""

import errno
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

import numpy as np
from spacy.vocab import Vocab

from ..corpora.records import broken, ignore
from ..corpora.text_files import json_objects, numbered_lines
from ..errors import CorpusError, Errors
from ..tokenization.clause_cuts import CLAUSE_ENDS, cut_at_clauses
from ..untrusted import sha256_of
from ..untrusted.docbins import CheckedDocBin

SUFFIXES = (".txt", ".jsonl", ".spacy")
LONGEST = 256  # characters; longer texts are cut, after a clause if possible
ANNOTATION = ("entities", "label", "labels", "spans", "tags", "ner_tags")  # usual fields of annotated JSON objects


@dataclass
class UnlabelledTexts:
    """Texts of a file, or of all files of a folder. Every pass reads the same texts in the same order.

    path (Path): A file with one of the SUFFIXES, or a folder of such files, which are read in the order of their names.
    text_field (str): Field of the text in .jsonl files.
    advance (Callable[[float], object]): Receives the number of bytes read since the last call.

    The attribute `annotated`, a dict[Path, int], has the number of annotated texts of each file. It is counted while
    the texts are read. Their annotation is not used.
    """

    path: Path
    text_field: str = "text"
    advance: Callable[[float], object] = ignore
    annotated: dict[Path, int] = field(default_factory=dict)

    def files(self) -> list[Path]:
        """Return the files whose texts are read, sorted by name.

        RAISES (OSError): If the path does not exist.
        RAISES (CorpusError): If it has none of the SUFFIXES, or is a folder without such files.
        """
        if not self.path.exists():
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), self.path)
        found = sorted(self.path.iterdir()) if self.path.is_dir() else [self.path]
        files = [path for path in found if path.suffix in SUFFIXES and path.is_file()]
        if not files:
            raise CorpusError(Errors.ZT279.format(path=self.path))
        return files

    def digest(self) -> str:
        """Return a hexadecimal hash of the content of all files, and of the settings that determine the texts.

        It is stored with predictions for the texts. If it differs later, the predictions are those of other texts.
        """
        settings = [self.text_field, str(LONGEST), *(sha256_of(path) for path in self.files())]
        return sha256("\n".join(settings).encode()).hexdigest()

    def __iter__(self) -> Iterator[str]:
        """Yield each text that is not only white space. Texts of more than LONGEST characters are cut into parts.

        RAISES (CorpusError): If a file cannot be read, or there is no text at all.
        """
        self.annotated.clear()
        empty = True
        for path in self.files():
            read = {".txt": self._lines, ".jsonl": self._objects, ".spacy": self._docs}[path.suffix]
            for text in read(path):
                for part in cut(text):
                    empty = False
                    yield part
        if empty:
            raise CorpusError(Errors.ZT280.format(path=self.path))

    def _lines(self, path: Path) -> Iterator[str]:
        return (line for _, line in numbered_lines(path, self.advance))

    def _objects(self, path: Path) -> Iterator[str]:
        for origin, fields in json_objects(path, self.advance):
            text = fields.get(self.text_field)
            if not isinstance(text, str):
                problem = f"no string in the field {self.text_field!r}"
                raise broken(origin, problem, ", ".join(fields), "Name the field of the text with --text-field.")
            try:
                text.encode()
            except UnicodeEncodeError:
                raise broken(origin, "a lone surrogate", ascii(text), "Correct or remove this line.") from None
            self._count(path, any(fields.get(name) for name in ANNOTATION))
            yield text

    def _docs(self, path: Path) -> Iterator[str]:
        for doc in CheckedDocBin(path).from_disk(path).get_docs(Vocab()):
            self._count(path, bool(doc.ents))
            yield doc.text
        self.advance(path.stat().st_size)

    def _count(self, path: Path, is_annotated: bool) -> None:
        if is_annotated:
            self.annotated[path] = self.annotated.get(path, 0) + 1


def cut(text: str) -> list[str]:
    """Cut a text into parts of at most LONGEST characters, at ends of clauses if possible.

    RETURNS (list[str]): The parts in order. Parts that are white space only are left out.
    """
    parts = [text]
    if len(text) > LONGEST:
        ends = np.flatnonzero([char in CLAUSE_ENDS for char in text])
        windows = cut_at_clauses(np.ones(len(text), np.int64), ends, size=LONGEST, overlap=0)
        parts = [text[window.own_start : window.own_end] for window in windows]
    return [part for part in parts if part.strip()]
