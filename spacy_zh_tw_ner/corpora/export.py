"""Export annotations, or the predictions of a pipeline for correction, to the formats of annotation tools."""

import re
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from pathlib import Path

from spacy.language import Language

from ..atomic_writes import put_in_place, resolve, staged
from ..entities import Entity
from ..errors import CorpusError, Errors, UnknownFormatError
from ..interval_scheduling import keep_longest
from ..outputs import require_apart, require_new
from .annotation_checks import Tally, trim
from .convert import ConvertSettings, read_records
from .export_order import Proposal, Ranking, most_uncertain_first, ranked
from .formats.brat import write_brat
from .formats.columns import write_columns
from .formats.docbin import require_key
from .formats.hugging_face import write_hugging_face
from .formats.json_spans import write_doccano, write_spacy_json
from .formats.label_studio import write_label_studio
from .formats.label_studio_config import in_xml, write_label_config
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


def export(
    source: Path,
    target: Path,
    format: str,
    *,
    nlp: Language | None = None,
    model: str = "",
    order: str = "file",
    spans_key: str = "",
    ranking: Ranking | None = None,
    force: bool = False,
    notify: NotifyT = print,
    advance: Callable[[float], object] = SILENT.advance,
) -> int:
    """Write the annotations of a corpus, or the predictions of a pipeline, in the format of an annotation tool.

    For Label Studio, a labelling configuration with the labels of the corpus and the pipeline is also written, to
    `config_path(target)`.

    source (Path): A file that `convert` can read; with a pipeline also plain text, one text per line.
    target (Path): The output file; for brat a folder.
    format (str): One of `WRITERS`.
    nlp (Optional[Language]): Pipeline that annotates the texts; without it, the annotations of the source are written.
    model (str): Name of the pipeline to show in the tool.
    order (str): "file" keeps the order; "uncertain" sorts by the lowest score in each text.
    spans_key (str): Key of the annotations in `doc.spans`, which may overlap; empty for `doc.ents`.
    ranking (Optional[Ranking]): Object that receives all texts and computes their order, such as one from
        `proposals.annotation_queue`; None for the order that `order` names.
    force (bool): Replace an existing file.
    notify (Callable[[str], object]): Receives messages to the user.
    advance (Callable[[float], object]): Receives the number of bytes read since the last call.
    RETURNS (int): Number of records written.
    RAISES (CorpusError): If `order` is unknown, or "uncertain" without a pipeline; if the source cannot be read, or the
        format cannot hold a record. No file is written in these cases.
    """
    if order not in ORDERS or (order == "uncertain" and nlp is None):
        raise CorpusError(Errors.ZT231.format(value=order, choices=", ".join(ORDERS)))
    require_key(spans_key)
    reading = Reading(notify=notify, advance=advance, spans_key=spans_key)
    proposals = read_gold(source, reading) if nlp is None else propose(nlp, read_texts(source, reading), spans_key)
    if ranking is not None:
        proposals = ranked(proposals, ranking)
    elif order == "uncertain":
        proposals = most_uncertain_first(proposals)
    named, labels = (None, ()) if nlp is None else (model, labels_of(nlp))
    return write_corpus(proposals, target, format, model=named, labels=labels, force=force, inputs=[source])


def config_path(target: Path) -> Path:
    """Return the path of the labelling configuration for an export to Label Studio: `tasks.json` → `tasks.config.xml`.

    target (Path): The file of tasks.
    """
    return target.with_name(f"{target.name.removesuffix('.json')}.config.xml")


def labels_of(nlp: Language) -> tuple[str, ...]:
    """Return the labels of all components that assign `doc.ents`, in alphabetical order and without duplicates."""
    writers = [name for name in nlp.pipe_names if "doc.ents" in nlp.get_pipe_meta(name).assigns]
    return tuple(sorted({label for name in writers for label in nlp.pipe_labels.get(name, ())}))


def read_gold(path: Path, reading: Reading = SILENT) -> Iterator[Proposal]:
    """Read the gold annotations of a file.

    path (Path): A file in any known format.
    reading (Reading): Receives messages and progress.
    YIELDS (Proposal): Each record with its gold entities, and an empty list of scores.
    RAISES (CorpusError): If the file cannot be read, or at the first annotation or record that is rejected.
    """
    tally = Tally()
    for record in read_records([path], ConvertSettings(script="none", spans=reading.spans_key), tally, reading=reading):
        _raise_first_reject(tally)
        yield Proposal(record, [])
    _raise_first_reject(tally)


def _raise_first_reject(tally: Tally, *, records_only: bool = False) -> None:
    """Raise a CorpusError for the first rejected annotation or record.

    If no reject raises an error, all are removed from the tally.

    tally (Tally): Holds the rejects.
    records_only (bool): True to accept rejected annotations, so that only a rejected record raises an error.
    """
    for reject in tally.rejects:
        if "label" not in reject:
            problem, seen = reject["reason"], reject["text"]
            raise CorpusError(Errors.ZT201.format(**reject, problem=problem, seen=seen))
        if not records_only and reject.get("is_annotation", True):
            raise CorpusError(Errors.ZT230.format(**reject))
    tally.rejects.clear()


def read_texts(path: Path, reading: Reading = SILENT) -> Iterator[Record]:
    """Read texts to annotate: the texts of a corpus in any known format, or the lines of a plain text file.

    path (Path): The file.
    reading (Reading): Receives messages and progress.
    YIELDS (Record): Records without entities.
    RAISES (CorpusError): If the file is missing or not UTF-8, or at the first record that is rejected.
    """
    tally = Tally()
    settings = ConvertSettings(script="none", spans=reading.spans_key)
    records = read_records([path], settings, tally, reading=reading)
    try:
        first = list(islice(records, 1))
    except UnknownFormatError:
        reading.notify(f"{path} is in no known annotation format, so each line is read as one text.")
        lines = numbered_lines(path, reading.advance)
        yield from (Record(line, [], f"{path}:{number}") for number, line in lines if line.strip())
        return
    for record in chain(first, records):
        _raise_first_reject(tally, records_only=True)
        yield Record(record.text, [], record.origin, record.doc_id)
    _raise_first_reject(tally, records_only=True)


def propose(nlp: Language, records: Iterable[Record], spans_key: str = "") -> Iterator[Proposal]:
    """Annotate texts with a pipeline.

    nlp (Language): The pipeline. If its entities have no `_.score`, the proposals have no scores.
    records (Iterable[Record]): Records whose texts are annotated.
    spans_key (str): Key of the predictions in `doc.spans`; empty for `doc.ents`.
    YIELDS (Proposal): For each text in order, a record with predicted entities, trimmed of white space, and scores.
    RAISES (CorpusError): If the pipeline does not write `doc.spans[spans_key]`.
    """
    for doc, record in nlp.pipe(((record.text, record) for record in records), as_tuples=True):
        found: list[Entity] = []
        scores: list[float] = []
        if spans_key and spans_key not in doc.spans:
            raise CorpusError(Errors.ZT803.format(key=spans_key, keys=", ".join(doc.spans) or "none"))
        for ent in doc.spans[spans_key] if spans_key else doc.ents:
            if ent.text.strip():
                found.append(trim(Entity(ent.start_char, ent.end_char, ent.label_), record.text))
                score = ent._.score if ent.has_extension("score") else None
                scores += [] if score is None else [score]
        proposed = Record(record.text, found, record.origin, record.doc_id)
        yield Proposal(proposed, scores if len(scores) == len(found) else [])


def why_not(record: Record, format: str) -> str:
    """Return why a format cannot hold a record.

    record (Record): A record with valid entities.
    format (str): One of `WRITERS`.
    RETURNS (str): A noun phrase for the error message, such as "a line break"; empty if the format can hold the record.
    """
    text, reasons = record.text, []
    if format in ("bio", "bioes", "hf", "brat") and any(SPACE.search(entity.label) for entity in record.entities):
        reasons.append("a label with white space")
    if format in ("bio", "bioes", "hf") and keep_longest(record.entities)[1]:
        reasons.append("overlapping entities")
    if format in ("bio", "bioes"):
        if not text.strip():
            reasons.append("a text without characters")
        if "\n" in text or text.endswith("\r"):
            reasons.append("a line break")
        if record.doc_id != record.doc_id.strip() or "\n" in record.doc_id:
            reasons.append("white space around the name of a document")
    if format == "brat" and text.startswith("\ufeff"):
        reasons.append("a byte order mark")
    if format == "label-studio" and not all(in_xml(entity.label) for entity in record.entities):
        reasons.append("a label with a control character")
    return next(iter(reasons), "")


def write_corpus(
    records: Iterable[tuple[Record, list[float]]],
    target: Path,
    format: str,
    *,
    model: str | None,
    labels: Iterable[str] = (),
    force: bool = False,
    inputs: Iterable[Path] = (),
) -> int:
    """Write records with their scores. The output is written completely or not at all.

    For Label Studio, a labelling configuration with all labels is written to `config_path(target)`.

    records (Iterable[tuple[Record, list[float]]]): Records with valid entities, and one score per entity or an empty
        list.
    target (Path): The output file; for brat a folder, which must be empty or missing.
    format (str): One of `WRITERS`.
    model (Optional[str]): Name of the pipeline that predicted the entities; None for manual annotations.
    labels (Iterable[str]): Labels for the labelling configuration, in addition to those of the records.
    force (bool): Replace an existing file. A brat folder is never replaced, because users correct its files.
    inputs (Iterable[Path]): Files from which the records are read; the target must not be one of them.
    RETURNS (int): Number of records written.
    RAISES (CorpusError): If the format is unknown, the folder is not empty, there are no records, or the format cannot
        hold a record.
    """
    if format not in WRITERS:
        raise CorpusError(Errors.ZT232.format(value=format, choices=", ".join(WRITERS)))
    # Only an empty folder may be replaced, and only by a folder.
    if (target.is_dir() and (format != "brat" or any(target.iterdir()))) or (format == "brat" and target.is_file()):
        raise CorpusError(Errors.ZT233.format(path=target))
    inputs = list(inputs)
    if format == "brat":
        require_apart(target, inputs)
    else:
        require_new(target, force=force, inputs=inputs)
    if format == "label-studio":
        require_new(config_path(target), force=force, inputs=inputs)
    n_records, found = 0, set(labels)

    def numbered() -> Iterator[tuple[int, Record, list[float]]]:
        nonlocal n_records
        for record, scores in records:
            reason = why_not(record, format)
            if reason:
                able = ", ".join(name for name in WRITERS if not why_not(record, name))
                values = {"origin": record.origin, "text": record.text[:40], "reason": reason, "able": able}
                raise CorpusError(Errors.ZT235.format(format=format, **values))
            n_records += 1
            found.update(entity.label for entity in record.entities)
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
        if format == "label-studio":
            config = folder / "config"
            config.write_text(write_label_config(sorted(filter(in_xml, found))), encoding="utf-8")
            put_in_place(config, resolve(config_path(target)))
        put_in_place(written, place)
    return n_records


def _lines(records: Iterator[tuple[int, Record, list[float]]], format: str, model: str | None) -> Iterator[str]:
    """Yield the content of the output file as consecutive strings, one or more for each record.

    records (Iterator[tuple[int, Record, list[float]]]): Number of the record, from 1; the record; and one score per
        entity, or an empty list.
    format (str): Any of `WRITERS` but brat.
    model (Optional[str]): Name of the pipeline, which is written for Label Studio; None for manual annotations.
    """
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
