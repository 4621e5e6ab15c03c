"""Table of output formats. Files are written completely or not at all, and without loss of annotations."""

import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from ..atomic_writes import put_in_place, resolve, staged
from ..errors import CorpusError, Errors
from ..outputs import require_apart, require_new
from .brat import write_brat
from .columns import write_columns
from .doccano import write_doccano
from .hugging_face import write_hugging_face
from .label_studio import write_label_studio
from .records import Record
from .spacy_json import write_spacy_json

ScoredT = tuple[Record, list[float]]
WRITERS = ("doccano", "label-studio", "bio", "bioes", "jsonl", "brat", "hf")
SPACE = re.compile(r"\s")


def why_not(record: Record, format: str) -> str:
    """Say why a format cannot hold a record, or nothing.

    record (Record): A checked record.
    format (str): One of WRITERS.
    RETURNS (str): The reason; empty where it can.
    """
    text = record.text
    if format in ("bio", "bioes", "hf", "brat") and any(SPACE.search(entity.label) for entity in record.entities):
        return "a label with white space"
    if format in ("bio", "bioes"):
        if not text.strip():
            return "a text without characters"
        if "\n" in text or text.endswith("\r"):
            return "a line break"
        if record.doc_id != record.doc_id.strip() or "\n" in record.doc_id:
            return "white space around the name of a document"
    if format == "brat" and text.startswith("\ufeff"):
        return "a byte order mark"
    return ""


def write_corpus(
    records: Iterable[ScoredT],
    target: Path,
    format: str,
    *,
    model: str | None,
    force: bool = False,
    inputs: Iterable[Path] = (),
) -> int:
    """Write records with their scores.

    records (Iterable[tuple[Record, list[float]]]): Checked records, and a score an entity or none.
    target (Path): A file; for brat a folder, which must not hold anything.
    format (str): One of WRITERS.
    model (Optional[str]): The pipeline that found the entities; None where people did.
    force (bool): Replace a file that exists. A folder for brat is never replaced: people correct what is in it.
    inputs (Iterable[Path]): What the records are read from, which the target must not touch.
    RETURNS (int): Number of records.
    RAISES (CorpusError): For an unknown format, a folder that holds something, or a record that the format cannot hold.
    """
    if format not in WRITERS:
        raise CorpusError(Errors.ZT232.format(value=format, choices=", ".join(WRITERS)))
    # Only an empty folder may go, and only where another one takes its place.
    if (target.is_dir() and (format != "brat" or any(target.iterdir()))) or (format == "brat" and target.is_file()):
        raise CorpusError(Errors.ZT233.format(path=target))
    if format == "brat":
        require_apart(target, inputs)
    else:
        require_new(target, force=force, inputs=inputs)
    counted = _Counted(records, format)
    place = resolve(target)
    with staged(place) as folder:
        written = folder / "written"
        if format == "brat":
            written.mkdir()
            for record, scores in counted:
                stem = written / f"{counted.n:06}"
                stem.with_suffix(".txt").write_bytes(record.text.encode())
                stem.with_suffix(".ann").write_bytes(write_brat(record, scores).encode())
        else:
            with written.open("w", encoding="utf-8", newline="") as file:
                file.writelines(_lines(counted, format, model))
        if not counted.n:
            raise CorpusError(Errors.ZT234.format(path=target))
        put_in_place(written, place)
    return counted.n


class _Counted:
    """Records that the format can hold, counted as they go by."""

    def __init__(self, records: Iterable[ScoredT], format: str) -> None:
        self.records, self.format, self.n = records, format, 0

    def __iter__(self) -> Iterator[ScoredT]:
        for record, scores in self.records:
            reason = why_not(record, self.format)
            if reason:
                able = [name for name in WRITERS if not why_not(record, name)]
                raise CorpusError(
                    Errors.ZT235.format(
                        format=self.format,
                        origin=record.origin,
                        reason=reason,
                        text=record.text[:40],
                        able=", ".join(able),
                    )
                )
            self.n += 1
            yield record, scores


def _lines(counted: _Counted, format: str, model: str | None) -> Iterator[str]:
    if format == "label-studio":
        for record, scores in counted:
            yield "[\n" if counted.n == 1 else ",\n"
            yield write_label_studio(record, scores, number=counted.n, model=model)
        yield "\n]\n"
    elif format in ("bio", "bioes"):
        doc_id = ""
        for record, scores in counted:
            comments = [f"newdoc id = {record.doc_id}"] if record.doc_id != doc_id else []
            comments += [f"score = {min(scores):.4f}"] if scores else []
            yield write_columns(record, format, comments)
            doc_id = record.doc_id
    else:
        for record, scores in counted:
            yield _JSON[format](record, scores) + "\n"


_JSON: dict[str, Callable[[Record, list[float]], str]] = {
    "doccano": write_doccano,
    "hf": write_hugging_face,
    "jsonl": write_spacy_json,
}
