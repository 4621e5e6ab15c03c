"""Convert annotated files to `.spacy`: every annotation is kept, repaired, or rejected and reported."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import chain, islice
from pathlib import Path
from typing import TypeAlias

from ..atomic_writes import put_in_place, resolve, staged
from ..errors import CorpusError, Errors, OutputError
from ..outputs import require_apart, require_new, require_report
from .annotation_checks import RejectsWriter, Tally, check_record, rejects_path
from .formats.detection import FORMATS, guess_format, is_unlabelled_file
from .formats.docbin import require_key
from .formats.docbin_writer import SpacyWriter, is_doc_bin, is_shards
from .records import SILENT, USUAL_FIELDS, FieldNames, NotifyT, Reading, Record, ignore
from .script_conversion import CONVERTED, KEPT, LOOKED_AT, RecordConverter, ScriptDecision, record_converter
from .splits import SplitPlan, assign, data_files, locate, parse_ratio, plan_splits, splits_in

HELD_OUT = 10  # without a dev split, every tenth sentence of train becomes dev

RouteT: TypeAlias = Callable[[Path, int], Path]


@dataclass(frozen=True)
class ConvertSettings:
    """Settings of a conversion.

    format (str): Input format, a key of `FORMATS`; "auto" detects it for each file.
    script (str): OpenCC configuration, such as "s2tw"; "none" converts nothing, "auto" converts Simplified texts
        with "s2tw", and no others.
    offsets (str): Unit of offsets, a key of `offsets.CONVENTIONS`; "auto" detects it for each file.
    max_rejects (int): Number of annotations and records that may be rejected; more are an error.
    fields (FieldNames): Names of JSON fields or Parquet columns, for files with uncommon names.
    split (str): Ratio of a random split: "8:1:1" for train, dev and test, "9:1" for train and dev; empty for no split.
    seed (int): Seed of the random split.
    spans (str): Key in `doc.spans` for all annotations; those of different labels may then overlap. Empty to write
        `doc.ents` only, and to reject overlapping annotations.
    """

    format: str = "auto"
    script: str = "auto"
    offsets: str = "auto"
    max_rejects: int = 0
    fields: FieldNames = USUAL_FIELDS
    split: str = ""
    seed: int = 0
    spans: str = ""


def convert(
    source: Path,
    target: Path,
    settings: ConvertSettings,
    *,
    force: bool = False,
    notify: NotifyT = print,
    advance: Callable[[float], object] = ignore,
) -> dict[Path, Tally]:
    """Convert a file, or a folder of train, dev and test data, to `.spacy` files in constant memory.

    Rejected annotations and records are written to rejects.jsonl, in the output folder or next to the output file. An
    earlier rejects.jsonl there is removed if nothing is rejected.

    If `source` and `target` are folders, and there is no test data, dev is used as test. If there is no dev data, or
    dev is used as test, every tenth record of train is written to dev instead of train.

    source (Path): The file or folder; a folder that does not exist is searched in $ZH_TW_NER_CORPORA.
    target (Path): A `.spacy` file for the whole source, or a folder for its splits.
    settings (ConvertSettings): Format, script, offsets, limit of rejects and split.
    force (bool): Replace existing .spacy files.
    notify (Callable[[str], object]): Receives messages to the user.
    advance (Callable[[float], object]): Receives the number of bytes read since the last call.
    RETURNS (dict[Path, Tally]): Output file → counts of its annotations.
    RAISES (CorpusError): If a file cannot be read, or more than `max_rejects` annotations and records are rejected.
        No .spacy file is written then; rejects.jsonl is written if all files could be read.
    RAISES (OutputError): If an output exists and may not be replaced, or is also an input.
    """
    if settings.format not in ("auto", *FORMATS):
        raise CorpusError(Errors.ZT211.format(value=settings.format, choices=sorted(FORMATS)))
    require_key(settings.spans)
    plan, route = _plan(source, target, settings, notify)
    report = rejects_path(target, plan.files)
    _require_outputs(plan.files, report, force)
    with staged(resolve(target)) as folder:
        with (folder / "rejects.jsonl").open("w", encoding="utf-8", errors="backslashreplace") as file:
            rejects = RejectsWriter(file)
            writers = {path: SpacyWriter(folder / path.name, spans_key=settings.spans) for path in plan.files}
            tallies = {path: Tally() for path in plan.files}
            decision = ScriptDecision()
            for path, files in plan.files.items():
                reading = Reading(settings.offsets, notify, advance, settings.fields, settings.spans)
                records = read_records(files, settings, tallies[path], reading=reading, decision=decision)
                for i, record in enumerate(records):
                    goes_to = route(path, i)
                    writers[goes_to].add(record)
                    if goes_to is not path:
                        for tally, sign in ((tallies[path], -1), (tallies[goes_to], 1)):
                            tally.sentences += sign
                            tally.entities += sign * len(record.entities)
                    rejects.take(tallies[path])
                rejects.take(tallies[path])
        if rejects.n_written:
            report.parent.mkdir(parents=True, exist_ok=True)
            put_in_place(folder / "rejects.jsonl", resolve(report))
        elif report.is_file():
            report.unlink()
        _require_annotations(source, settings, tallies, rejects, report)
        for path, writer in writers.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            put_in_place(writer.close(), resolve(path))
    for path in writers:
        if path.is_dir():
            notify(f"{path} is a folder of several files, and can be used like a file.")
    return tallies


def _require_outputs(plan: dict[Path, list[Path]], report: Path, force: bool) -> None:
    """Check that the outputs may be written.

    plan (dict[Path, list[Path]]): Output file → its input files.
    report (Path): The file of rejects.
    force (bool): Whether existing .spacy files may be replaced.
    RAISES (OutputError): If an output is also an input, or exists and may not be replaced.
    RAISES (CorpusError): If an output is a folder that contains other files than those of a `.spacy` folder.
    """
    inputs = [file for files in plan.values() for file in files]
    for path in plan:
        require_apart(path, inputs)
        if path.is_dir():
            if not is_shards(path):
                raise CorpusError(Errors.ZT233.format(path=path))
            if any(path.iterdir()) and not force:
                raise OutputError(Errors.ZT670.format(path=path))
        elif path.is_file() and path.stat().st_size and not is_doc_bin(path):
            raise OutputError(Errors.ZT671.format(path=path, seen="it is not a .spacy file"))
        else:
            require_new(path, force=force, inputs=inputs)
    require_report(report, "a list of rejects", inputs=inputs)


def read_records(
    paths: list[Path],
    settings: ConvertSettings,
    tally: Tally,
    *,
    reading: Reading = SILENT,
    decision: ScriptDecision | None = None,
) -> Iterator[Record]:
    """Read files of any known format, check their annotations, and convert their script.

    paths (list[Path]): The files.
    settings (ConvertSettings): Format, script and spans; the other settings are ignored here.
    tally (Tally): Receives the counts and the rejects.
    reading (Reading): Unit of offsets, field names, and callbacks for messages and progress.
    decision (Optional[ScriptDecision]): For the script "auto": decides which texts are Simplified. Pass the same object
        for all files of a corpus, because it counts the scripts of the files. None for a new object.
    YIELDS (Record): Records with valid entities.
    RAISES (CorpusError): If a file is missing or cannot be read.
    """
    decision = decision or ScriptDecision()
    reading = replace(reading, reject=tally.reject_record)
    converter = record_converter("s2tw" if settings.script == "auto" else settings.script)
    for path in paths:
        if not path.exists():
            raise CorpusError(Errors.ZT202.format(path=path, remedy="Check the path."))
        name = guess_format(path, reading.fields) if settings.format == "auto" else settings.format
        if name not in FORMATS:
            raise CorpusError(Errors.ZT211.format(value=name, choices=sorted(FORMATS)))
        records = FORMATS[name](path, reading)
        if settings.script == "auto":
            first = list(islice(records, LOOKED_AT))
            decision.begin_file(record.text for record in first)
            records = chain(first, records)
        for record in records:
            checked = check_record(record, tally, overlaps=bool(settings.spans))
            if settings.script == "auto":
                simplified = decision.is_simplified(record.text)
                tally.scripts[CONVERTED if simplified else KEPT] += 1
                yield converter(checked) if simplified else checked
            else:
                yield converter(checked)
    if isinstance(converter, RecordConverter) and (settings.script != "auto" or tally.scripts[CONVERTED]):
        tally.conversions[converter.converted_by] += converter.rescued


def _plan(source: Path, target: Path, settings: ConvertSettings, notify: NotifyT) -> tuple[SplitPlan, RouteT]:
    """Plan the output files, and make the function that chooses the output file of each record.

    source (Path), target (Path), settings (ConvertSettings), notify (Callable): As passed to `convert`.
    RETURNS (tuple[SplitPlan, RouteT]): The output files with their inputs, and the function. The function takes the
        output file to which a record belongs by its input file, and the index of the record among all records of that
        output file. It returns the output file to write the record to. This may be another file: if a corpus has no dev
        split, every tenth record of train is written to dev. In a random split, each record has the file drawn for it.
    """
    if settings.split:
        return _plan_random_split(source, target, settings, notify)
    plan = plan_splits(source, target, notify, is_unlabelled=lambda path: is_unlabelled_file(path, settings.fields))
    held_out = plan.held_out

    def route(path: Path, number: int) -> Path:
        return held_out if held_out and path.stem == "train" and number % HELD_OUT == 0 else path

    return plan, route


def _plan_random_split(
    source: Path, target: Path, settings: ConvertSettings, notify: NotifyT
) -> tuple[SplitPlan, RouteT]:
    ratio = parse_ratio(settings.split)
    if target.suffix == ".spacy":
        raise CorpusError(Errors.ZT247.format(path=target))
    source = locate(source)
    there = splits_in(source) if source.is_dir() else {}
    if there:
        raise CorpusError(Errors.ZT248.format(path=source, splits=", ".join(there)))
    if not source.exists():
        raise CorpusError(Errors.ZT202.format(path=source, remedy="Check the path."))
    files = data_files(source)
    # Only the texts are needed to group records, so offsets and script are not converted here.
    plain = replace(settings, script="none", offsets="codepoint")
    reading = Reading("codepoint", fields=settings.fields, spans_key=settings.spans)
    records = (
        (str(file), record) for file in files for record in read_records([file], plain, Tally(), reading=reading)
    )
    assignment = assign(records, ratio, settings.seed)
    notify(assignment.report(settings.split, settings.seed))
    targets = [target / f"{name}.spacy" for name in assignment.names]
    plan = SplitPlan({targets[0]: files} | {path: [] for path in targets[1:]})
    return plan, lambda _, number: targets[assignment.splits[number]]


def _require_annotations(
    source: Path, settings: ConvertSettings, tallies: dict[Path, Tally], rejects: RejectsWriter, report: Path
) -> None:
    limit = settings.max_rejects
    if rejects.n > limit:
        first = rejects.describe_first()
        total = sum(tally.entities for tally in tallies.values()) + rejects.n
        raise CorpusError(Errors.ZT208.format(rejected=rejects.n, total=total, limit=limit, report=report, first=first))
    for path, tally in tallies.items():
        name = f"{path.stem} of {source}"
        if not tally.sentences:
            raise CorpusError(Errors.ZT203.format(path=name))
        if not tally.entities:
            raise CorpusError(Errors.ZT204.format(path=name, n=tally.sentences, format=settings.format))
