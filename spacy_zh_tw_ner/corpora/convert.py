"""Annotated files → `.spacy`, with every annotation kept, mended, or rejected and reported."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import spacy

from ..errors import CorpusError, Errors
from ..files import write_whole
from .checks import Tally, check_record
from .docbin import make_docbin, write_json_lines
from .formats import FORMATS, guess_format
from .records import Record
from .script import RecordConverter, is_simplified, record_converter
from .splits import find_splits

CORPORA_VARIABLE = "ZH_TW_NER_CORPORA"
HELD_OUT = 10  # without a test split, every tenth sentence of train becomes dev


@dataclass(frozen=True)
class ConvertSettings:
    """How to convert: `format` is a key of FORMATS or "auto", `script` an OpenCC configuration, "none" or "auto"."""

    format: str = "auto"
    script: str = "auto"
    max_rejects: int = 0


def convert(
    source: Path, target: Path, settings: ConvertSettings, *, notify: Callable[[str], object] = print
) -> dict[Path, Tally]:
    """Convert a file, or a folder of train, dev and test.

    source (Path): The file or folder; a folder that is not there is looked for in $ZH_TW_NER_CORPORA.
    target (Path): A `.spacy` file, or a folder.
    settings (ConvertSettings): How to read.
    notify (Callable[[str], object]): Is told what a user should know.
    RETURNS (dict[Path, Tally]): What was written, and what happened to its annotations.
    RAISES (CorpusError): For anything that cannot be read, or too many rejects. Then nothing is written but
        rejects.jsonl.
    """
    if source.is_file():
        read = {target: list(read_records([source], settings, tally := Tally()))}
        tallies = {target: tally}
    else:
        read, tallies = {}, {}
        for split, paths in find_splits(_located(source)).items():
            path = target / f"{split}.spacy"
            tallies[path] = Tally()
            read[path] = list(read_records(paths, settings, tallies[path]))
        _hold_out(read, tallies, target, notify)
    rejects = [reject for tally in tallies.values() for reject in tally.rejects]
    report = (target if not source.is_file() else target.parent) / "rejects.jsonl"
    write_json_lines(rejects, report)
    if len(rejects) > settings.max_rejects:
        total = sum(tally.entities for tally in tallies.values()) + len(rejects)
        raise CorpusError(
            Errors.ZT208.format(
                rejected=len(rejects),
                total=total,
                limit=settings.max_rejects,
                report=report,
                first=f"{rejects[0]['origin']}: {rejects[0]['surface']!r} {rejects[0]['reason']}",
            )
        )
    for path, tally in tallies.items():
        if not read[path]:
            raise CorpusError(Errors.ZT203.format(path=f"{path.stem} of {source}"))
        if not tally.entities:
            raise CorpusError(
                Errors.ZT204.format(path=f"{path.stem} of {source}", n=tally.sentences, format=settings.format)
            )
    nlp = spacy.blank("zh_tw")
    for path, bin_ in [(path, make_docbin(nlp, records)) for path, records in read.items()]:
        write_whole(path, bin_.to_bytes())
    return tallies


def read_records(paths: list[Path], settings: ConvertSettings, tally: Tally) -> Iterator[Record]:
    """Read files of any known format.

    paths (list[Path]): The files.
    settings (ConvertSettings): How to read.
    tally (Tally): Counts and rejects, added to.
    YIELDS (Record): Checked records.
    RAISES (CorpusError): For a file that is not there or cannot be read.
    """
    for path in paths:
        if not path.is_file():
            raise CorpusError(Errors.ZT202.format(path=path, remedy="Check the path."))
        name = guess_format(path) if settings.format == "auto" else settings.format
        if name not in FORMATS:
            raise CorpusError(Errors.ZT211.format(value=name, choices=sorted(FORMATS)))
        script = settings.script
        if script == "auto":
            script = "s2tw" if is_simplified(record.text for record in islice(FORMATS[name](path), 200)) else "none"
        converter = record_converter(script)
        for record in FORMATS[name](path):
            yield converter(check_record(record, tally))
        if isinstance(converter, RecordConverter):
            tally.conversions[converter.converted_by] += converter.rescued


def _located(source: Path) -> Path:
    """The folder itself, or the one of its name among the corpora of this machine."""
    elsewhere = os.environ.get(CORPORA_VARIABLE)
    if not source.exists() and elsewhere and (Path(elsewhere) / source.name).is_dir():
        return Path(elsewhere) / source.name
    return source


def _hold_out(
    read: dict[Path, list[Record]], tallies: dict[Path, Tally], target: Path, notify: Callable[[str], object]
) -> None:
    """Make the splits that a corpus does not have, in the one way that never selects on what is reported."""
    train, dev, test = (target / f"{split}.spacy" for split in ("train", "dev", "test"))
    if dev in read and test not in read:
        read[test], tallies[test] = read.pop(dev), tallies.pop(dev)
        notify("There is no test split: dev is taken as test, and every tenth sentence of train as dev.")
    elif dev not in read:
        notify("There is no dev split: every tenth sentence of train is taken as dev.")
    if dev not in read:
        records = read[train]
        read[dev], read[train] = records[::HELD_OUT], [r for i, r in enumerate(records) if i % HELD_OUT]
        tallies[dev] = Tally(sentences=len(read[dev]), entities=sum(len(r.entities) for r in read[dev]))
        tallies[train].sentences -= tallies[dev].sentences
        tallies[train].entities -= tallies[dev].entities
