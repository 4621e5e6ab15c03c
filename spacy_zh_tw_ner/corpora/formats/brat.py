"""Read and write brat's standoff format: a text in a `.txt` file, its entities in an `.ann` file of the same name."""

import re
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

from ...errors import CorpusError, Errors
from ..offsets import RawRecord, RawSpan, resolve_offsets
from ..records import SILENT, Reading, Record, broken
from ..text_files import numbered_lines

ENTITY = re.compile(r"(T\S+)\t(\S+) (\d+ \d+(?:;\d+ \d+)*)(?:\t(.*))?", re.DOTALL)
LONGEST_OFFSET = 18  # digits
OTHERS = {
    "R": "relations",
    "E": "events",
    "A": "attributes",
    "M": "attributes",
    "N": "links",
    "#": "notes",
    "*": "links",
}


def read_brat(path: Path, reading: Reading = SILENT) -> Iterator[Record]:
    """Read a pair of brat files as one record, whose text is the `.txt` file, unchanged but for a byte order mark.

    path (Path): The `.txt` or the `.ann` file of the pair.
    reading (Reading): The unit of offsets ("auto" to detect it), and callbacks for messages and progress.
    YIELDS (Record): The only record.
    RAISES (CorpusError): If the `.txt` or `.ann` file is missing, or a line of the `.ann` file is not an annotation.
    """
    return resolve_offsets(_read, path, reading)


def _read(path: Path, reading: Reading) -> Iterator[RawRecord]:
    source, annotations = path.with_suffix(".txt"), path.with_suffix(".ann")
    for needed in (source, annotations):
        if not needed.is_file():
            raise CorpusError(
                Errors.ZT202.format(path=needed, remedy="A brat text needs a .txt and an .ann file of the same name.")
            )
    raw = RawRecord(_read_text(source), [], str(annotations), path.stem)
    left_out: Counter[str] = Counter()
    for number, line in numbered_lines(annotations):
        if not line.strip():
            continue
        found = ENTITY.fullmatch(line)
        if found is None:
            if line[0] not in OTHERS:
                raise broken(f"{annotations}:{number}", "not a brat annotation", line, "Write T1⇥GPE 0 3⇥臺北市.")
            left_out[OTHERS[line[0]]] += 1
            continue
        _, label, places, surface = found.groups()
        if any(len(offset) > LONGEST_OFFSET for offset in re.findall(r"\d+", places)):
            raise broken(f"{annotations}:{number}", "an offset has too many digits", line[:60], "Correct it.")
        fragments = sorted((int(start), int(end)) for start, end in map(str.split, places.split(";")))
        gaps = tuple((end, start) for (_, end), (start, _) in pairwise(fragments))
        end = max(end for _, end in fragments)
        raw.spans.append(RawSpan(fragments[0][0], end, label, surface, gaps, f"line {number}"))
    if left_out:
        counts = ", ".join(f"{n} {kind}" for kind, n in left_out.items())
        reading.notify(f"{annotations}: {counts} are left out, because only entities are read.")
    reading.advance(source.stat().st_size)
    yield raw


def _read_text(path: Path) -> str:
    """Read a UTF-8 text without its byte order mark, and with its line ends unchanged, which count in brat's offsets.

    RAISES (CorpusError): If the file is not UTF-8.
    """
    data = path.read_bytes()
    try:
        return data.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise CorpusError(Errors.ZT206.format(path=f"{path}:{line}", byte=error.start, reason=error.reason)) from None


def write_brat(record: Record, scores: list[float]) -> str:
    """Return the content of the `.ann` file of one record.

    record (Record): The record.
    scores (list[float]): One score per entity, or an empty list. Scores are written as
        `AnnotatorNotes`, which brat shows with the entity.
    RETURNS (str): Lines of brat's standoff format.
    """
    lines = []
    for i, (start, end, label) in enumerate(record.entities, start=1):
        surface = re.sub(r"[\r\n\t]", " ", record.text[start:end])
        lines.append(f"T{i}\t{label} {start} {end}\t{surface}\n")
    lines += [f"#{i}\tAnnotatorNotes T{i}\t{score:.4f}\n" for i, score in enumerate(scores, start=1)]
    return "".join(lines)
