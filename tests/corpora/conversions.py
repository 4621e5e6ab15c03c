"""Write small corpora, convert them, and return documents, messages, counts and rejects."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import spacy
from spacy.tokens import DocBin

from spacy_zh_tw_ner.corpora.annotation_checks import Tally
from spacy_zh_tw_ner.corpora.convert import ConvertSettings, convert
from spacy_zh_tw_ner.corpora.records import FieldNames

DocsT = list[tuple[str, list[tuple[str, str]]]]
TEXT = "林小華在臺北市。"
PERSON, GPE = ("林小華", "PERSON"), ("臺北市", "GPE")
BOTH: DocsT = [(TEXT, [PERSON, GPE])]
CHARACTERS = list(TEXT)
TAGS = ["B-PERSON", "I-PERSON", "I-PERSON", "O", "B-GPE", "I-GPE", "I-GPE", "O"]
SPANS = [{"start": 0, "end": 3, "label": "PERSON"}, {"start": 4, "end": 7, "label": "GPE"}]


class Converted(NamedTuple):
    """Documents of each split, messages, counts of all splits, and the list of rejects."""

    splits: dict[str, DocsT]
    messages: list[str]
    tallies: list[Tally]
    rejects: list[dict[str, Any]]

    @property
    def docs(self) -> DocsT:
        """Documents of the only split."""
        (docs,) = self.splits.values()
        return docs

    @property
    def rejected(self) -> int:
        """Number of rejects of all splits."""
        return sum(tally.rejected for tally in self.tallies)


def lines(*values: object) -> str:
    """Return values as JSON lines."""
    return "".join(json.dumps(value, ensure_ascii=False) + "\n" for value in values)


def write(folder: Path, files: Mapping[str, object]) -> Path:
    """Write a folder of files: bytes and text as they are, anything else as JSON."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        data = content if isinstance(content, str | bytes) else json.dumps(content, ensure_ascii=False)
        path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return folder


def converted(tmp_path: Path, files: Mapping[str, object], *, one: str = "", **settings: Any) -> Converted:
    """Convert a folder of files, or one of its files.

    one (str): Name of the file that is converted; that of the only one if there is only one in the folder itself.
    """
    source = write(tmp_path / "in", files)
    if one or len(files) == 1:
        source = source / (one or next(iter(files)))
    return convert_path(source, tmp_path / ("out.spacy" if source.is_file() else "out"), **settings)


def convert_path(source: Path, target: Path, **settings: Any) -> Converted:
    """Convert a file or folder."""
    messages: list[str] = []
    names = {name: settings.pop(name) for name in ("text", "tokens", "tags") if name in settings}
    settings = {"script": "none", "fields": FieldNames(**names)} | settings
    tallies = convert(source, target, ConvertSettings(**settings), notify=messages.append)
    report = (target.parent if target in tallies else target) / "rejects.jsonl"
    rejects = report.read_text(encoding="utf-8").splitlines() if report.exists() else []
    return Converted(
        {path.stem: read(path) for path in tallies}, messages, list(tallies.values()), list(map(json.loads, rejects))
    )


def read(path: Path) -> DocsT:
    """Return the texts and entities of a `.spacy` file."""
    docs = DocBin().from_disk(path).get_docs(spacy.blank("zh_tw").vocab)
    return [(doc.text, [(ent.text, ent.label_) for ent in doc.ents]) for doc in docs]
