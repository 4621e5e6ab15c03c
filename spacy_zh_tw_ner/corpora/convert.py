"""Convert annotated files to `.spacy`, with every annotation kept, repaired, or rejected and reported."""

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
from .formats.docbin import SpacyWriter, is_doc_bin, is_shards
from .records import SILENT, USUAL_FIELDS, FieldNames, NotifyT, Reading, Record, ignore
from .script_conversion import CONVERTED, KEPT, LOOKED_AT, RecordConverter, ScriptDecision, record_converter
from .splits import SplitPlan, assign, data_files, locate, parse_ratio, plan_splits, splits_in

HELD_OUT = 10  # without a test split, every tenth sentence of train becomes dev


@dataclass(frozen=True)
class ConvertSettings:
    """How to convert.

    format (str): A key of FORMATS, or "auto".
    script (str): An OpenCC configuration, "none" or "auto".
    offsets (str): A key of `offsets.CONVENTIONS`, or "auto".
    max_rejects (int): Annotations and records that may be rejected.
    fields (FieldNames): Names of fields of JSON and Parquet, where they are not the usual ones.
    split (str): Ratio by which one export is split, such as "8:1:1"; empty for none.
    seed (int): Of the split.
    """

    format: str = "auto"
    script: str = "auto"
    offsets: str = "auto"
    max_rejects: int = 0
    fields: FieldNames = USUAL_FIELDS
    split: str = ""
    seed: int = 0


def convert(
    source: Path,
    target: Path,
    settings: ConvertSettings,
    *,
    force: bool = False,
    notify: NotifyT = print,
    advance: Callable[[float], object] = ignore,
) -> dict[Path, Tally]:
    """Convert a file, or a folder of train, dev and test, in memory that does not grow with its size.

    source (Path): The file or folder; a folder that is not there is looked for in $ZH_TW_NER_CORPORA.
    target (Path): A `.spacy` file, for one corpus, or a folder, for its splits.
    settings (ConvertSettings): How to read.
    force (bool): Replace .spacy files that exist.
    notify (Callable[[str], object]): Is told what a user should know.
    advance (Callable[[float], object]): Is told how many more bytes have been read.
    RETURNS (dict[Path, Tally]): What was written, and what happened to its annotations.
    RAISES (CorpusError): For anything that cannot be read, or too many rejects. Then nothing is written but
        rejects.jsonl.
    """
    if settings.format not in ("auto", *FORMATS):
        raise CorpusError(Errors.ZT211.format(value=settings.format, choices=sorted(FORMATS)))
    plan, route = _plan(source, target, settings, notify)
    report = rejects_path(target, plan.files)
    _require_outputs(plan.files, report, force)
    with staged(resolve(target)) as folder:
        with (folder / "rejects.jsonl").open("w", encoding="utf-8", errors="backslashreplace") as file:
            rejects = RejectsWriter(file)
            writers = {path: SpacyWriter(folder / path.name) for path in plan.files}
            tallies = {path: Tally() for path in plan.files}
            decision = ScriptDecision()
            for path, files in plan.files.items():
                reading = Reading(settings.offsets, notify, advance, settings.fields)
                records = read_records(files, settings, tallies[path], reading=reading, decision=decision)
                for i, record in enumerate(records):
                    goes_to = route(path, i)
                    writers[goes_to].add(record)
                    if goes_to is not path:
                        _move(record, tallies[path], tallies[goes_to])
                    rejects.take(tallies[path])
                rejects.take(tallies[path])
        if rejects.n_written:
            report.parent.mkdir(parents=True, exist_ok=True)
            put_in_place(folder / "rejects.jsonl", resolve(report))
        elif report.is_file():
            report.unlink()
        _check(source, settings, tallies, rejects, report)
        for path, writer in writers.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            put_in_place(writer.close(), resolve(path))
    for path in writers:
        if path.is_dir():
            notify(f"{path} is a folder of several files, which is read like a file.")
    return tallies


def _require_outputs(plan: dict[Path, list[Path]], report: Path, force: bool) -> None:
    """Check that the outputs may be written.

    RAISES (OutputError): If an output is an input, or may not be replaced.
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
            raise OutputError(Errors.ZT671.format(path=path, seen="it is no .spacy file"))
        else:
            require_new(path, force=force)
    require_report(report, "a list of rejects", inputs=inputs)


def read_records(
    paths: list[Path],
    settings: ConvertSettings,
    tally: Tally,
    *,
    reading: Reading = SILENT,
    decision: ScriptDecision | None = None,
) -> Iterator[Record]:
    """Read files of any known format.

    paths (list[Path]): The files.
    settings (ConvertSettings): How to read.
    tally (Tally): Counts and rejects, added to.
    reading (Reading): Receives messages and progress.
    decision (Optional[ScriptDecision]): What earlier files of the corpus have shown of its script.
    YIELDS (Record): Checked records.
    RAISES (CorpusError): For a file that is not there or cannot be read.
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
            checked = check_record(record, tally)
            if settings.script == "auto":
                simplified = decision.is_simplified(record.text)
                tally.scripts[CONVERTED if simplified else KEPT] += 1
                yield converter(checked) if simplified else checked
            else:
                yield converter(checked)
    if isinstance(converter, RecordConverter) and (settings.script != "auto" or tally.scripts[CONVERTED]):
        tally.conversions[converter.converted_by] += converter.rescued


RouteT: TypeAlias = Callable[[Path, int], Path]


def _plan(source: Path, target: Path, settings: ConvertSettings, notify: NotifyT) -> tuple[SplitPlan, RouteT]:
    """SplitPlan outputs, and return a function that assigns each record to one."""
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
    # Grouping needs only texts, so units of offsets and conversion of script are irrelevant here.
    plain = replace(settings, script="none", offsets="codepoint")
    reading = Reading("codepoint", fields=settings.fields)
    records = (
        (str(file), record) for file in files for record in read_records([file], plain, Tally(), reading=reading)
    )
    assignment = assign(records, ratio, settings.seed)
    notify(assignment.report(settings.split, settings.seed))
    targets = [target / f"{name}.spacy" for name in assignment.names]
    return SplitPlan({targets[0]: files} | {path: [] for path in targets[1:]}), lambda _, i: targets[
        assignment.splits[i]
    ]


def _move(record: Record, tally: Tally, other: Tally) -> None:
    for mine, sign in ((tally, -1), (other, 1)):
        mine.sentences += sign
        mine.entities += sign * len(record.entities)


def _check(
    source: Path, settings: ConvertSettings, tallies: dict[Path, Tally], rejects: RejectsWriter, report: Path
) -> None:
    if rejects.n > settings.max_rejects:
        raise CorpusError(
            Errors.ZT208.format(
                rejected=rejects.n,
                total=sum(tally.entities for tally in tallies.values()) + rejects.n,
                limit=settings.max_rejects,
                report=report,
                first=rejects.describe_first(),
            )
        )
    for path, tally in tallies.items():
        if not tally.sentences:
            raise CorpusError(Errors.ZT203.format(path=f"{path.stem} of {source}"))
        if not tally.entities:
            raise CorpusError(
                Errors.ZT204.format(path=f"{path.stem} of {source}", n=tally.sentences, format=settings.format)
            )
