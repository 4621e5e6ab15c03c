"""Which formats can be read, and which one a file is in."""

import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from ..errors import CorpusError, Errors
from ..files import spacy_files
from .brat import read_brat
from .class_labels import TAGS
from .cluener import read_cluener
from .columns import TEXT_COMMENT, is_comment, read_columns, split_row, tag_column
from .docbin import read_spacy
from .doccano import read_doccano
from .hugging_face import is_parquet, read_hugging_face
from .label_studio import is_minimal, read_label_studio
from .markup import HEADER, read_markup
from .records import ReaderT
from .spacy_json import SPAN_KEYS, read_spacy_json
from .text_files import is_json_array, json_objects, numbered_lines

N_LINES, N_OBJECTS = 200, 50  # looked at to tell a format


@dataclass
class _Head:
    """The beginning of a file: its objects if it is JSON, else its lines."""

    path: Path
    lines: list[str]
    objects: list[dict[str, Any]]
    not_json: str = ""

    @property
    def content(self) -> list[str]:
        """Lines that are no comments."""
        return [line for line in self.lines if line.strip() and not is_comment(line) and line[:11] != "-DOCSTART-"]


def _json(test: Callable[[dict[str, Any]], str]) -> Callable[[_Head], str]:
    """A JSON format fits when all objects at the beginning of the file do."""

    def why_not(head: _Head) -> str:
        if head.not_json or not head.objects:
            return head.not_json or "no JSON objects"
        return next((reason for reason in map(test, head.objects) if reason), "")

    return why_not


def _missing(found: dict[str, Any], **kinds: type) -> str:
    wrong = [f"`{key}`" for key, kind in kinds.items() if not isinstance(found.get(key), kind)]
    return f"an object without {' and '.join(wrong)}" if wrong else ""


def _why_not_cluener(data: dict[str, Any]) -> str:
    if isinstance(data.get("label") or {}, dict) and not any(key in data for key in ("labels", *SPAN_KEYS)):
        return _missing(data, text=str)
    return "no object of labels in `label`"


def _why_not_doccano(data: dict[str, Any]) -> str:
    entities = data.get("entities")
    if isinstance(entities, list) and all(isinstance(e, dict) and "start_offset" in e for e in entities):
        return _missing(data, text=str)
    if isinstance(data.get("label", data.get("labels")), list):
        return _missing(data, text=str)
    return "no list in `label` or `labels`, and no `entities` with `start_offset`"


def _why_not_spacy_json(data: dict[str, Any]) -> str:
    if not any(isinstance(data.get(key), list) for key in SPAN_KEYS):
        return f"no list in {', '.join(f'`{key}`' for key in SPAN_KEYS)}"
    return _missing(data, text=str)


def _why_not_label_studio(data: dict[str, Any]) -> str:
    if is_minimal(data):
        return ""
    if not any(isinstance(data.get(key), list) for key in ("annotations", "completions", "predictions")):
        return "no list in `annotations`"
    return _missing(data, data=dict)


def _why_not_hugging_face(head: _Head) -> str:
    return _json(lambda data: _missing(data, tokens=list, **{TAGS: list}))(head)


def _why_not_columns(head: _Head) -> str:
    if any(map(TEXT_COMMENT.match, head.lines)) or tag_column([split_row(line) for line in head.content[:50]]):
        return ""
    return "no column of tags such as O and B-PER"


def _why_not_markup(head: _Head) -> str:
    if any("](" in line for line in head.content) or any(map(HEADER.fullmatch, head.lines)):
        return ""
    return "no [text](LABEL) and no # doc = name"


@dataclass(frozen=True)
class _Format:
    """A reader, and a function that says why a file's beginning is not of this format, or nothing."""

    read: ReaderT
    why_not: Callable[[_Head], str]


_FORMATS = {
    "spacy": _Format(read_spacy, lambda _: "not zlib data"),
    "brat": _Format(read_brat, lambda _: "no .ann file beside it"),
    "label-studio": _Format(read_label_studio, _json(_why_not_label_studio)),
    "hf": _Format(read_hugging_face, _why_not_hugging_face),
    "doccano": _Format(read_doccano, _json(_why_not_doccano)),
    "jsonl": _Format(read_spacy_json, _json(_why_not_spacy_json)),
    "cluener": _Format(read_cluener, _json(_why_not_cluener)),
    "columns": _Format(read_columns, _why_not_columns),
    "markup": _Format(read_markup, _why_not_markup),
}
FORMATS: dict[str, ReaderT] = {name: format_.read for name, format_ in _FORMATS.items()}


def guess_format(path: Path) -> str:
    """Tell the format from the beginning of a file.

    path (Path): The file; a folder is taken for the parts of a `.spacy` corpus.
    RETURNS (str): A key of FORMATS.
    RAISES (CorpusError): Where nothing fits, with what was tried and why each failed.
    """
    if _is_spacy(path):
        return "spacy"
    if path.is_dir():
        raise CorpusError(Errors.ZT202.format(path=path / "*.spacy", remedy="Name a file."))
    if is_parquet(path):
        return "hf"
    if path.suffix == ".ann" or (path.suffix == ".txt" and path.with_suffix(".ann").is_file()):
        return "brat"
    head = _read_head(path)
    if not head.objects and not head.content and not head.not_json:
        raise CorpusError(Errors.ZT203.format(path=path))
    reasons = {name: format_.why_not(head) for name, format_ in _FORMATS.items()}
    fits = next((name for name, reason in reasons.items() if not reason), None)
    if fits is None and head.objects:
        # The first object says what was meant, and the reader of that format what is wrong with the others.
        head.objects = head.objects[:1]
        fits = next((name for name, format_ in _FORMATS.items() if not format_.why_not(head)), None)
    if fits is None:
        tried = ", ".join(f"{name} ({reason})" for name, reason in reasons.items())
        raise CorpusError(Errors.ZT205.format(path=path, tried=tried))
    return fits


def _is_spacy(path: Path) -> bool:
    file = spacy_files(path)[0]
    if file.is_dir():
        return False
    with file.open("rb") as opened:
        try:
            beginning = zlib.decompressobj().decompress(opened.read(1024), 64)
        except zlib.error:
            return False
    return re.match(rb"[\x80-\x8f]\xa7version", beginning) is not None


def _read_head(path: Path) -> _Head:
    head = _Head(path, [], [])
    if not is_json_array(path):
        head.lines = [line for _, line in islice(numbered_lines(path), N_LINES)]
        first = next(iter(head.content), "")
        if not first.startswith("{"):
            head.not_json = "lines are no JSON objects" if first else ""
            return head
    try:
        for _, data in islice(json_objects(path), N_OBJECTS):
            head.objects.append(data)
    except CorpusError as error:
        # What stands behind objects of a known format is for its reader to complain about.
        if not head.objects:
            head.not_json = str(error)
    return head
