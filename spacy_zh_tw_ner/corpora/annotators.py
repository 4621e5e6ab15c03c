"""Read the annotations of several annotators, and find the texts that two or more of them have annotated.

The command `agreement` compares the annotations of these texts.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, TypeAlias

from ..entities import Entity
from ..errors import CorpusError, Errors
from .annotation_checks import Tally, check_record
from .formats.detection import FORMATS, guess_format
from .formats.label_studio import read_label_studio_annotators
from .records import NotifyT, Reading, Record, ignore

AnnotationsT: TypeAlias = dict[str, list[Record]]  # annotator → their records
KeyT: TypeAlias = tuple[str, int]  # a text or its id, and its number among equal ones


class SharedText(NamedTuple):
    """A text that two or more annotators have annotated.

    text: The text.
    readings: Name of an annotator → the entities that this annotator has annotated.
    origin: File and line of the annotation of the first annotator.
    """

    text: str
    readings: dict[str, frozenset[Entity]]
    origin: str


def read_annotators(paths: Sequence[Path], reading: Reading, notify: NotifyT = ignore) -> AnnotationsT:
    """Read the annotations of several annotators from one or more files of any format that `convert` reads.

    A Label Studio export names the annotator of each annotation in `completed_by`. Other JSON formats may name one in
    `annotator`, `user` or `username`. If a file names no annotator, its annotations are by one annotator, who gets the
    name of the file. If two files name the same annotator and have a text in common, they are taken as two annotators,
    and the name of the file is added to each name.

    paths (Sequence[Path]): The files.
    reading (Reading): Settings for all files, such as the unit of offsets. Its callbacks receive messages of the
        readers, and records that cannot be read.
    notify (Callable[[str], object]): Receives one message for each file with annotations that are left out because
        they are not valid, such as those with wrong offsets.
    RETURNS (dict[str, list[Record]]): Name of an annotator → records of this annotator, with valid entities.
    RAISES (CorpusError): If a file cannot be read, or there are fewer than two annotators.
    """
    by_file: dict[tuple[str, str], list[Record]] = defaultdict(list)  # (file, annotator) → records
    names = _file_names(paths)
    for path in paths:
        format, tally = guess_format(path, reading.fields), Tally()
        read = read_label_studio_annotators if format == "label-studio" else FORMATS[format]
        for record in read(path, reading):
            by_file[names[path], record.annotator].append(check_record(record, tally))
        if tally.rejected:
            first = tally.rejects[0]
            notify(
                f"{path}: {tally.rejected} annotations cannot be used and are left out; the first: {first['origin']}, "
                f"{first['reason']}."
            )
    annotators: AnnotationsT = {}
    for name in dict.fromkeys(annotator for _, annotator in by_file):
        files = {file: records for (file, annotator), records in by_file.items() if annotator == name}
        if name and not _share_a_text(files.values()):
            annotators[name] = [record for records in files.values() for record in records]
        else:
            annotators |= {f"{name} ({file})" if name else file: records for file, records in files.items()}
    if len(annotators) < 2:
        raise CorpusError(Errors.ZT831.format(names=", ".join(annotators) or "none"))
    return dict(sorted(annotators.items()))


def match_texts(annotators: Mapping[str, Sequence[Record]], notify: NotifyT = ignore) -> list[SharedText]:
    """Find the texts that two or more annotators have annotated.

    Records of two annotators are matched by the id of their task in the annotation tool if three conditions are met:
    every record has such an id, equal ids mean equal texts, and at least one id occurs with two annotators. Then, if an
    annotator has annotated a task twice, the last annotation is used. Otherwise, records are matched by their texts. If
    a text occurs several times, its first occurrences of all annotators are matched, then the second ones, and so on.

    annotators (Mapping[str, Sequence[Record]]): Name of an annotator → records of this annotator.
    notify (Callable[[str], object]): Receives messages about ids that are not used, and about repeated annotations.
    RETURNS (list[SharedText]): The texts, in the order of the records.
    RAISES (CorpusError): If no text has two annotators.
    """
    by_id = _ids_are_usable(annotators, notify)
    found: dict[KeyT, dict[str, Record]] = defaultdict(dict)
    n_repeated = 0
    for name, records in annotators.items():
        seen: Counter[str] = Counter()
        for record in records:
            key = record.task if by_id else record.text
            place = (key, 0 if by_id else seen[key])
            seen[key] += 1
            n_repeated += name in found[place]
            found[place][name] = record
    if n_repeated:
        notify(f"{n_repeated} tasks have several annotations of one annotator, of which the last one counts.")
    shared = [
        SharedText(
            first.text,
            {name: frozenset(record.entities) for name, record in readings.items()},
            first.origin,
        )
        for readings in found.values()
        if len(readings) > 1 and (first := next(iter(readings.values())))
    ]
    if not shared:
        examples = "; ".join(f"{name} has {records[0].text[:30]!r}" for name, records in annotators.items())
        raise CorpusError(Errors.ZT832.format(names=", ".join(annotators), examples=examples))
    return shared


def _ids_are_usable(annotators: Mapping[str, Sequence[Record]], notify: NotifyT) -> bool:
    """Return whether records of different annotators can be matched by the ids of their tasks.

    All records must have an id, records with equal ids must have equal texts, and two annotators must share an id.

    annotators (Mapping[str, Sequence[Record]]): Name of an annotator → records of this annotator.
    notify (Callable[[str], object]): Receives a message if two records with equal ids have different texts.
    """
    texts: dict[str, str] = {}
    for record in (record for records in annotators.values() for record in records):
        if not record.task:
            return False
        if texts.setdefault(record.task, record.text) != record.text:
            notify(
                f"The task {record.task} has another text in {record.origin} than before, so records are matched by "
                "their texts and not by the ids of tasks."
            )
            return False
    shared = Counter(task for records in annotators.values() for task in {record.task for record in records})
    return max(shared.values(), default=0) > 1


def _share_a_text(files: Iterable[Sequence[Record]]) -> bool:
    """Return whether a text occurs in two or more of the files.

    files (Iterable[Sequence[Record]]): The records of each file.
    """
    counts = Counter(text for records in files for text in {record.text for record in records})
    return max(counts.values(), default=0) > 1


def _file_names(paths: Sequence[Path]) -> dict[Path, str]:
    """Return a short name for each file: its stem, or its path if another file has the same stem."""
    stems = Counter(path.stem for path in paths)
    return {path: path.stem if stems[path.stem] == 1 else str(path) for path in paths}
