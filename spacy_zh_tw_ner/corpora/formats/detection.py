"""List the input formats, detect the format of a file, and detect files that have no annotations."""

import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, TypeAlias

from ...errors import CorpusError, Errors, UnknownFormatError
from ...untrusted.docbins import spacy_files
from ..class_labels import TAGS
from ..parquet import is_parquet, open_rows
from ..record_fields import TEXT_FIELDS, find_tokens_and_tags, span_fields
from ..records import SILENT, FieldNames, ReaderT
from ..tags import TAG
from ..text_files import is_json_array, numbered_lines
from .brat import read_brat
from .columns import DOCSTART, TEXT_COMMENT, is_comment, read_columns, split_row, tag_column
from .docbin import read_spacy
from .hugging_face import read_hugging_face
from .json_spans import SPAN_FIELDS, read_cluener, read_doccano, read_spacy_json
from .label_studio import is_minimal, is_unlabelled_task, read_label_studio
from .label_studio_webhook import is_event, read_label_studio_webhook
from .markup import HEADER, read_markup

N_LINES, N_OBJECTS = 200, 2_000  # lines, and objects or rows, kept to detect a format
HEAD = 1 << 22  # bytes read to detect a format
MARKDOWN = (".md", ".markdown")

FORMATS: dict[str, ReaderT] = {
    "spacy": read_spacy,
    "brat": read_brat,
    "label-studio-webhook": read_label_studio_webhook,
    "label-studio": read_label_studio,
    "hf": read_hugging_face,
    "doccano": read_doccano,
    "jsonl": read_spacy_json,
    "cluener": read_cluener,
    "columns": read_columns,
    "markup": read_markup,
}


@dataclass
class _Head:
    """Beginning of a file: lines; JSON objects or Parquet rows, or why none (`not_json`); field names from the user."""

    path: Path
    lines: list[str]  # the first lines; empty for a JSON array or Parquet
    objects: list[dict[str, Any]]  # the first objects of JSON, or rows of Parquet; else empty
    fields: FieldNames
    not_json: str = ""  # the reason why `objects` is empty although the file has content; else empty

    @property
    def content(self) -> list[str]:
        """The lines at the beginning of the file, without empty lines, comments and -DOCSTART- lines."""
        return [line for line in self.lines if line.strip() and not is_comment(line) and line[:10] != DOCSTART]


def guess_format(path: Path, fields: FieldNames = SILENT.fields) -> str:
    """Detect the format of a file from its beginning.

    path (Path): The file, or a folder of `.spacy` files.
    fields (FieldNames): Names of fields that the user gave, for files with uncommon names.
    RETURNS (str): A key of `FORMATS`.
    RAISES (UnknownFormatError): If no format fits; the message has the reason for each format.
    RAISES (CorpusError): If the file is empty, or a folder without `.spacy` files.
    """
    if _is_spacy(path):
        return "spacy"
    if path.is_dir():
        raise CorpusError(
            Errors.ZT202.format(path=path / "*.spacy", remedy="Give a file, or a folder of .spacy files.")
        )
    if path.suffix == ".ann" or (path.suffix == ".txt" and path.with_suffix(".ann").is_file()):
        return "brat"
    head = _read_head(path, fields)
    if is_parquet(path) and (head.not_json or not head.objects):
        return "hf"  # its reader reports the error
    if not head.objects and not head.content and not head.not_json:
        raise CorpusError(Errors.ZT203.format(path=path))
    reasons = _reasons(head)
    fits = next((name for name, reason in reasons.items() if not reason), None)
    if fits is None and head.objects:
        # The first annotated object decides the format; its reader reports objects that do not fit.
        head.objects = [data for data in head.objects if not _is_bare(data, fields)][:1] or head.objects[:1]
        fits = next((name for name, reason in _reasons(head).items() if not reason), None)
    if fits is None and path.suffix.lower() in MARKDOWN:
        return "markup"
    if fits is None:
        names: dict[str, list[str]] = {}
        for name, reason in reasons.items():
            names.setdefault(reason, []).append(name)
        tried = ", ".join(f"{', '.join(same)} ({reason})" for reason, same in names.items())
        raise UnknownFormatError(Errors.ZT205.format(path=path, tried=tried))
    return fits


def _is_spacy(path: Path) -> bool:
    file = spacy_files(path)[0]
    if not file.is_file():
        return False
    try:
        with file.open("rb") as opened:
            beginning = zlib.decompressobj().decompress(opened.read(1024), 64)
    except zlib.error:
        return False
    return re.match(rb"[\x80-\x8f]\xa7version", beginning) is not None


def _read_head(path: Path, fields: FieldNames) -> _Head:
    head = _Head(path, [], [], fields)
    if not is_parquet(path) and not is_json_array(path):
        head.lines = [line for _, line in islice(numbered_lines(path), N_LINES)]
        first = next(iter(head.content), "")
        if not first.startswith("{"):
            head.not_json = "its lines are not JSON objects" if first else ""
            return head
    n_bytes, found = [0.0], False
    try:
        rows = open_rows(path, lambda n: n_bytes.append(n_bytes.pop() + n), fields).objects
        for number, (_, data) in enumerate(rows, start=1):
            is_enough, shows_format = number >= N_OBJECTS or n_bytes[0] > HEAD, not _is_bare(data, fields)
            if shows_format or not is_enough:
                head.objects.append(data)
            found |= shows_format
            if is_enough and found:  # texts without annotation may come first
                break
    except CorpusError as error:
        # The reader of the format reports errors after the first object.
        if not head.objects:
            head.not_json = str(error)
    return head


def _reasons(head: _Head) -> dict[str, str]:
    """Return format → the reason why a file is not in this format, or "" if it may be. Preferred formats are first."""
    return {
        "spacy": "not zlib data",
        "brat": "no .ann file of the same name",
        **{name: _why_not_json(head, why_not) for name, why_not in _JSON.items()},
        "columns": _why_not_columns(head),
        "markup": _why_not_markup(head),
    }


def _why_not_columns(head: _Head) -> str:
    if any(map(TEXT_COMMENT.match, head.lines)) or tag_column([split_row(line) for line in head.content[:50]]):
        return ""
    return "no column of tags such as O and B-PER"


def _why_not_markup(head: _Head) -> str:
    if any("](" in line for line in head.content) or any(map(HEADER.fullmatch, head.lines)):
        return ""
    return "no [text](LABEL) and no # doc = name"


ReasonT: TypeAlias = Callable[[dict[str, Any], FieldNames], str]


def _why_not_json(head: _Head, why_not: ReasonT) -> str:
    """Return the reason why a file is not in a certain JSON format, or "" if it may be in this format.

    why_not (Callable): Called with each annotated object (if there is none, each object); returns its reason or "".
    """
    if head.not_json or not head.objects:
        return head.not_json or "no JSON objects"
    annotated = [data for data in head.objects if not _is_bare(data, head.fields)]
    reasons = (why_not(data, head.fields) for data in annotated or head.objects)
    return next((reason for reason in reasons if reason), "")


def _is_bare(data: dict[str, Any], fields: FieldNames) -> bool:
    """Return whether an object has a text but no annotation. Such an object does not show the format of its file."""
    names = (fields.text,) if fields.text else TEXT_FIELDS
    return any(isinstance(data.get(name), str) for name in names) and _is_unlabelled(data, fields)


def _annotated_fields(data: dict[str, Any]) -> list[tuple[str, Any]]:
    return [(name, value) for name, value in span_fields(data) if value or name != "annotations"]


def _missing(found: dict[str, Any], **kinds: type) -> str:
    wrong = [f"`{key}`" for key, kind in kinds.items() if not isinstance(found.get(key), kind)]
    return f"an object without {' and '.join(wrong)}" if wrong else ""


def _no_text(data: dict[str, Any], fields: FieldNames) -> str:
    # The reader of the format rejects values that are not strings, with their line.
    return "" if any(name in data for name in (fields.text, *TEXT_FIELDS)) else "an object without `text`"


def _why_not_label_studio(data: dict[str, Any], _: FieldNames) -> str:
    if is_minimal(data):
        return ""
    if not any(isinstance(data.get(key), list) for key in ("annotations", "completions", "predictions")):
        return "no list in `annotations`"
    return _missing(data, data=dict)


def _why_not_hugging_face(data: dict[str, Any], fields: FieldNames) -> str:
    if find_tokens_and_tags(data, fields) is not None:
        return ""
    return _missing(data, **{fields.tokens or "tokens": list, fields.tags or TAGS: list}) or "tokens without tags"


def _why_not_doccano(data: dict[str, Any], fields: FieldNames) -> str:
    for name, value in _annotated_fields(data):
        is_list = isinstance(value, list)
        known = name in ("label", "labels") or (is_list and name == "entities" and not value)
        if is_list and (known or (value and all(isinstance(v, dict) and "start_offset" in v for v in value))):
            return _no_text(data, fields)
    return "no list in `label` or `labels`, and no `entities` with `start_offset`"


def _why_not_spacy_json(data: dict[str, Any], fields: FieldNames) -> str:
    fields_of_spans = [name for name, value in _annotated_fields(data) if isinstance(value, list | dict)]
    if not set(fields_of_spans) - {"label", "labels"}:
        return f"no list in {', '.join(f'`{key}`' for key in SPAN_FIELDS)}"
    return _no_text(data, fields)


def _why_not_cluener(data: dict[str, Any], fields: FieldNames) -> str:
    others = [name for name, _ in _annotated_fields(data) if name != "label"]
    if isinstance(data.get("label"), dict | None) and "labels" not in data and not others:
        return _missing(data, **{fields.text or "text": str})
    return "no object of labels in `label`"


_JSON: dict[str, ReasonT] = {
    "label-studio-webhook": lambda data, _: "" if is_event(data) else "no `action` of an annotation",
    "label-studio": _why_not_label_studio,
    "hf": _why_not_hugging_face,
    "doccano": _why_not_doccano,
    "jsonl": _why_not_spacy_json,
    "cluener": _why_not_cluener,
}


def _is_unlabelled(data: dict[str, Any], fields: FieldNames) -> bool:
    """Return whether an object has no annotation: no list of entities (an empty one would count) and no tags."""
    if isinstance(data.get("data"), dict):
        return is_unlabelled_task(data)
    found = find_tokens_and_tags(data, fields)
    if found is not None:
        # Hugging Face and others write a negative number for an unknown label.
        return all(type(tag) is int and tag < 0 for tag in found.tags or ())
    return not any(True for _ in span_fields(data)) and not is_minimal(data)


def _has_entities(data: dict[str, Any], fields: FieldNames) -> bool:
    """Return whether an object has at least one entity, or is an annotated task of Label Studio."""
    if _is_unlabelled(data, fields):
        return False
    found = find_tokens_and_tags(data, fields)
    if found is not None:
        return any(tag != "O" for tag in found.tags or ())
    return isinstance(data.get("data"), dict) or is_minimal(data) or any(value for _, value in span_fields(data))


def is_unlabelled_file(path: Path, fields: FieldNames) -> bool:
    """Return whether a file has texts without any annotation, as some published test splits have.

    Two kinds of files are unlabelled: JSON or Parquet in which no object has an entity, and files with one token per
    line and no tags. Files in markup or with a column of tags are never unlabelled, even if they have no entities.

    path (Path): The file.
    fields (FieldNames): Names of fields that the user gave, for files with uncommon names.
    RETURNS (bool): True if it is unlabelled. False for an empty or damaged file; the reader of its format reports this.
    """
    try:
        lines = (line.lstrip() for _, line in numbered_lines(path) if line.strip())
        if not (is_parquet(path) or is_json_array(path) or next(lines, "").startswith("{")):
            return _are_tokens_alone(path)
        is_empty = True
        for _, data in open_rows(path, fields=fields).objects:
            if _has_entities(data, fields):
                return False
            is_empty = False
        return not is_empty
    except (CorpusError, OSError):
        return False


def _are_tokens_alone(path: Path) -> bool:
    """Return whether a file has only tokens: one per line, with blank lines between sentences and no tags."""
    n_tokens = n_short = n_blank = 0
    for _, line in numbered_lines(path):
        if not line.strip():
            n_blank += 1
        elif not is_comment(line):
            row = split_row(line)
            if len(row) != 1 or TAG.fullmatch(row[0]):
                return False
            n_tokens += 1
            n_short += len(row[0]) <= 2
    return n_tokens > 1 and n_blank > 0 and n_short > n_tokens / 2
