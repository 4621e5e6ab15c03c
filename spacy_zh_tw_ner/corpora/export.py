"""Export annotations, or the predictions of a pipeline for correction, to the formats of annotation tools."""

import pickle
import re
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from pathlib import Path
from tempfile import TemporaryFile
from typing import NamedTuple

from spacy.language import Language

from ..atomic_writes import put_in_place, resolve, staged
from ..entities import Entity
from ..errors import CorpusError, Errors, UnknownFormatError
from ..outputs import require_apart, require_new
from .annotation_checks import Tally, trim
from .convert import ConvertSettings, read_records
from .formats.brat import write_brat
from .formats.columns import write_columns
from .formats.hugging_face import write_hugging_face
from .formats.json_spans import write_doccano, write_spacy_json
from .formats.label_studio import write_label_studio
from .records import SILENT, NotifyT, Reading, Record
from .text_files import numbered_lines

ORDERS = ("file", "uncertain")
WRITERS = ("doccano", "label-studio", "bio", "bioes", "jsonl", "brat", "hf")
JSON_LINES: dict[str, Callable[[Record, list[float]], str]] = {
    "doccano": write_doccano,
    "hf": write_hugging_face,
    "jsonl": write_spacy_json,
}
SPACE = re.compile(r"\s")


class Proposal(NamedTuple):
    """A record, and a score for each of its entities; no scores for annotations of people."""

    record: Record
    scores: list[float]


def export(
    source: Path,
    target: Path,
    format: str,
    *,
    nlp: Language | None = None,
    model: str = "",
    order: str = "file",
    force: bool = False,
    notify: NotifyT = print,
    advance: Callable[[float], object] = SILENT.advance,
) -> int:
    """Write a corpus for an annotation tool.

    source (Path): A `.spacy` file, or any other that `convert` reads; with a pipeline also plain text, one per line.
    target (Path): A file, or for brat a folder.
    format (str): One of WRITERS.
    nlp (Optional[Language]): Annotates the texts; without it, the annotations of the source are written.
    model (str): Name of the pipeline in the tool.
    order (str): "file", or "uncertain" for the texts first of which the pipeline is least certain.
    force (bool): Replace an existing file.
    notify (Callable[[str], object]): Receives messages to the user.
    advance (Callable[[float], object]): Receives how many more bytes have been read.
    RETURNS (int): Number of records.
    RAISES (CorpusError): For a source that cannot be read, or a record that the format cannot hold. Then nothing is
        written.
    """
    if order not in ORDERS or (order == "uncertain" and nlp is None):
        raise CorpusError(Errors.ZT231.format(value=order, choices=", ".join(ORDERS)))
    reading = Reading(notify=notify, advance=advance)
    proposals = read_gold(source, reading) if nlp is None else propose(nlp, read_texts(source, reading))
    if order == "uncertain":
        proposals = most_uncertain_first(proposals)
    named = model if nlp is not None else None
    return write_corpus(proposals, target, format, model=named, force=force, inputs=[source])


def read_gold(path: Path, reading: Reading = SILENT) -> Iterator[Proposal]:
    """Read the annotations of a file.

    path (Path): A file in any known format.
    reading (Reading): Receives messages and progress.
    YIELDS (Proposal): Without scores.
    RAISES (CorpusError): For a file that cannot be read, or an annotation that cannot be used.
    """
    tally = Tally()
    for record in read_records([path], ConvertSettings(script="none"), tally, reading=reading):
        _raise_first_reject(tally)
        yield Proposal(record, [])
    _raise_first_reject(tally)


def _raise_first_reject(tally: Tally, *, records_only: bool = False) -> None:
    for reject in tally.rejects:
        if "label" not in reject:
            problem, seen = reject["reason"], reject["text"]
            raise CorpusError(Errors.ZT201.format(**reject, problem=problem, seen=seen))
        if not records_only and reject.get("is_annotation", True):
            raise CorpusError(Errors.ZT230.format(**reject))
    tally.rejects.clear()


def read_texts(path: Path, reading: Reading = SILENT) -> Iterator[Record]:
    """Read texts to annotate: those of a file in any known format, or the lines of any other.

    path (Path): The file.
    reading (Reading): Receives messages and progress.
    YIELDS (Record): Without entities.
    RAISES (CorpusError): For a file that is missing or not UTF-8.
    """
    tally = Tally()
    records = read_records([path], ConvertSettings(script="none"), tally, reading=reading)
    try:
        first = list(islice(records, 1))
    except UnknownFormatError:
        reading.notify(f"{path} is in no format of annotations: each line is read as a text.")
        lines = numbered_lines(path, reading.advance)
        yield from (Record(line, [], f"{path}:{number}") for number, line in lines if line.strip())
        return
    for record in chain(first, records):
        _raise_first_reject(tally, records_only=True)
        yield Record(record.text, [], record.origin, record.doc_id)
    _raise_first_reject(tally, records_only=True)


def propose(nlp: Language, records: Iterable[Record]) -> Iterator[Proposal]:
    """Annotate texts with a pipeline.

    nlp (Language): Its entities may have `_.score`.
    records (Iterable[Record]): Texts.
    YIELDS (Proposal): In the same order; white space at the edges of entities is cut off.
    """
    for doc, record in nlp.pipe(((record.text, record) for record in records), as_tuples=True):
        found: list[Entity] = []
        scores: list[float] = []
        for ent in doc.ents:
            if ent.text.strip():
                found.append(trim(Entity(ent.start_char, ent.end_char, ent.label_), record.text))
                score = ent._.score if ent.has_extension("score") else None
                scores += [] if score is None else [score]
        proposed = Record(record.text, found, record.origin, record.doc_id)
        yield Proposal(proposed, scores if len(scores) == len(found) else [])


def most_uncertain_first(proposals: Iterable[Proposal]) -> Iterator[Proposal]:
    """Sort by the least certain entity of each text; texts without entities have no score and come last.

    Only the scores are kept in memory, the proposals in a temporary file.

    proposals (Iterable[Proposal]): In any order.
    YIELDS (Proposal): All of them.
    """
    with TemporaryFile() as file:
        places: list[tuple[float, int]] = []
        for proposal in proposals:
            places.append((min(proposal.scores, default=1.0), file.tell()))
            pickle.dump(proposal, file)
        for _, place in sorted(places):
            file.seek(place)
            yield pickle.load(file)


def why_not(record: Record, format: str) -> str:
    """Return why a format cannot hold a record, or an empty string.

    record (Record): A checked record.
    format (str): One of WRITERS.
    RETURNS (str): The reason.
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
    records: Iterable[tuple[Record, list[float]]],
    target: Path,
    format: str,
    *,
    model: str | None,
    force: bool = False,
    inputs: Iterable[Path] = (),
) -> int:
    """Write records with their scores: all of them, or nothing.

    records (Iterable[tuple[Record, list[float]]]): Checked records, each with a score per entity or none.
    target (Path): A file; for brat a folder, which must be empty or missing.
    format (str): One of WRITERS.
    model (Optional[str]): The pipeline that found the entities; None for annotations of people.
    force (bool): Replace an existing file. A brat folder is never replaced, because people correct its files.
    inputs (Iterable[Path]): Sources of the records, which the target must not overwrite.
    RETURNS (int): Number of records.
    RAISES (CorpusError): For an unknown format, a folder that is not empty, or a record that the format cannot hold.
    """
    if format not in WRITERS:
        raise CorpusError(Errors.ZT232.format(value=format, choices=", ".join(WRITERS)))
    # Only an empty folder may be replaced, and only by a folder.
    if (target.is_dir() and (format != "brat" or any(target.iterdir()))) or (format == "brat" and target.is_file()):
        raise CorpusError(Errors.ZT233.format(path=target))
    if format == "brat":
        require_apart(target, inputs)
    else:
        require_new(target, force=force, inputs=inputs)
    n_records = 0

    def numbered() -> Iterator[tuple[int, Record, list[float]]]:
        nonlocal n_records
        for record, scores in records:
            reason = why_not(record, format)
            if reason:
                able = ", ".join(name for name in WRITERS if not why_not(record, name))
                values = {"origin": record.origin, "text": record.text[:40], "reason": reason, "able": able}
                raise CorpusError(Errors.ZT235.format(format=format, **values))
            n_records += 1
            yield n_records, record, scores

    place = resolve(target)
    with staged(place) as folder:
        written = folder / "written"
        if format == "brat":
            written.mkdir()
            for number, record, scores in numbered():
                stem = written / f"{number:06}"
                stem.with_suffix(".txt").write_bytes(record.text.encode())
                stem.with_suffix(".ann").write_bytes(write_brat(record, scores).encode())
        else:
            with written.open("w", encoding="utf-8", newline="") as file:
                file.writelines(_lines(numbered(), format, model))
        if not n_records:
            raise CorpusError(Errors.ZT234.format(path=target))
        put_in_place(written, place)
    return n_records


def _lines(records: Iterator[tuple[int, Record, list[float]]], format: str, model: str | None) -> Iterator[str]:
    doc_id = ""
    for number, record, scores in records:
        if format == "label-studio":
            yield "[\n" if number == 1 else ",\n"
            yield write_label_studio(record, scores, number=number, model=model)
        elif format in JSON_LINES:
            yield JSON_LINES[format](record, scores) + "\n"
        else:
            comments = [f"newdoc id = {record.doc_id}"] if record.doc_id != doc_id else []
            comments += [f"score = {min(scores):.4f}"] if scores else []
            yield write_columns(record, format, comments)
            doc_id = record.doc_id
    if format == "label-studio":
        yield "\n]\n"
