"""Annotated files → `.spacy`, with every annotation kept, mended, or rejected and reported."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import IO

from ..errors import CorpusError, Errors, OutputError
from ..outputs import require_apart, require_new, require_report
from ..staging import put_in_place, resolve, staged
from .checks import Tally, check_record
from .formats import FORMATS, guess_format
from .records import SILENT, NotifyT, Reading, Record, ignore
from .script import RecordConverter, is_simplified, record_converter
from .shards import SpacyWriter, is_doc_bin, is_shards
from .splits import plan_splits

HELD_OUT = 10  # without a test split, every tenth sentence of train becomes dev


@dataclass(frozen=True)
class ConvertSettings:
    """How to convert.

    format (str): A key of FORMATS, or "auto".
    script (str): An OpenCC configuration, "none" or "auto".
    offsets (str): A key of `offsets.CONVENTIONS`, or "auto".
    max_rejects (int): Annotations that may be rejected.
    """

    format: str = "auto"
    script: str = "auto"
    offsets: str = "auto"
    max_rejects: int = 0


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
    plan, held_out = plan_splits(source, target, notify)
    report = (target.parent if target in plan else target) / "rejects.jsonl"
    _require_outputs(plan, report, force)
    with staged(resolve(target)) as folder:
        with (folder / "rejects.jsonl").open("w", encoding="utf-8") as file:
            rejects = _Rejects(file)
            writers = {path: SpacyWriter(folder / path.name) for path in plan}
            tallies = {path: Tally() for path in plan}
            for path, files in plan.items():
                records = read_records(
                    files, settings, tallies[path], reading=Reading(settings.offsets, notify, advance)
                )
                for i, record in enumerate(records):
                    goes_to = held_out if held_out and path.stem == "train" and i % HELD_OUT == 0 else path
                    writers[goes_to].add(record)
                    if goes_to is not path:
                        _move(record, tallies[path], tallies[goes_to])
                    rejects.take(tallies[path])
                rejects.take(tallies[path])
        if rejects.n:
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
    """RAISES (OutputError): If an output is an input, or holds what may not be replaced."""
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
    paths: list[Path], settings: ConvertSettings, tally: Tally, *, reading: Reading = SILENT
) -> Iterator[Record]:
    """Read files of any known format.

    paths (list[Path]): The files.
    settings (ConvertSettings): How to read.
    tally (Tally): Counts and rejects, added to.
    reading (Reading): Who is told.
    YIELDS (Record): Checked records.
    RAISES (CorpusError): For a file that is not there or cannot be read.
    """
    for path in paths:
        if not path.exists():
            raise CorpusError(Errors.ZT202.format(path=path, remedy="Check the path."))
        name = guess_format(path) if settings.format == "auto" else settings.format
        if name not in FORMATS:
            raise CorpusError(Errors.ZT211.format(value=name, choices=sorted(FORMATS)))
        records = FORMATS[name](path, reading)
        script = settings.script
        if script == "auto":
            first = list(islice(records, 200))
            script = "s2tw" if is_simplified(record.text for record in first) else "none"
            records = chain(first, records)
        converter = record_converter(script)
        for record in records:
            yield converter(check_record(record, tally))
        if isinstance(converter, RecordConverter):
            tally.conversions[converter.converted_by] += converter.rescued


def _move(record: Record, tally: Tally, other: Tally) -> None:
    for mine, sign in ((tally, -1), (other, 1)):
        mine.sentences += sign
        mine.entities += sign * len(record.entities)


class _Rejects:
    """The list of rejects, written as they come."""

    def __init__(self, file: IO[str]) -> None:
        self.file = file
        self.n = 0
        self.first: dict[str, object] = {}

    def take(self, tally: Tally) -> None:
        for reject in tally.rejects:
            self.first = self.first or reject
            self.file.write(json.dumps(reject, ensure_ascii=False) + "\n")
        self.n += len(tally.rejects)
        tally.rejects.clear()


def _check(
    source: Path, settings: ConvertSettings, tallies: dict[Path, Tally], rejects: _Rejects, report: Path
) -> None:
    if rejects.n > settings.max_rejects:
        raise CorpusError(
            Errors.ZT208.format(
                rejected=rejects.n,
                total=sum(tally.entities for tally in tallies.values()) + rejects.n,
                limit=settings.max_rejects,
                report=report,
                first=f"{rejects.first['origin']}: {rejects.first['surface']!r} {rejects.first['reason']}",
            )
        )
    for path, tally in tallies.items():
        if not tally.sentences:
            raise CorpusError(Errors.ZT203.format(path=f"{path.stem} of {source}"))
        if not tally.entities:
            raise CorpusError(
                Errors.ZT204.format(path=f"{path.stem} of {source}", n=tally.sentences, format=settings.format)
            )
