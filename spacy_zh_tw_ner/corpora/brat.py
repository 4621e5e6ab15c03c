"""brat's standoff: a `.txt` file, and its entities in an `.ann` file of the same name."""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from ..entities import Entity
from ..errors import CorpusError, Errors
from .offsets import RawRecord, RawSpan, resolve_offsets
from .records import SILENT, Reading, Record, Reject
from .text_files import broken, numbered_lines

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
    """Read a text with its annotations.

    path (Path): The `.txt` or the `.ann` file.
    reading (Reading): The unit of offsets, and who is told of relations and the like.
    YIELDS (Record): One, with the whole text as it stands in the file. Discontinuous spans are among its rejects.
    RAISES (CorpusError): Where one file of the two is missing, or a line is no annotation.
    """
    return resolve_offsets(_read, path, reading)


def _read(path: Path, reading: Reading) -> Iterator[RawRecord]:
    source, annotations = path.with_suffix(".txt"), path.with_suffix(".ann")
    for needed in (source, annotations):
        if not needed.is_file():
            raise CorpusError(Errors.ZT202.format(path=needed, remedy="brat needs a .txt and an .ann of one name."))
    raw = RawRecord(read_text(source), [], str(annotations), path.stem)
    left_out: Counter[str] = Counter()
    for number, line in numbered_lines(annotations):
        if not line.strip():
            continue
        found = ENTITY.fullmatch(line)
        if found is None:
            if line[0] not in OTHERS:
                raise broken(f"{annotations}:{number}", "no annotation of brat's", line, "Write T1⇥GPE 0 3⇥臺北市.")
            left_out[OTHERS[line[0]]] += 1
            continue
        _, label, places, surface = found.groups()
        offsets = [int(offset) for offset in re.findall(r"\d+", places) if len(offset) <= LONGEST_OFFSET]
        if len(offsets) < places.count(" ") + places.count(";") + 1:
            raise broken(f"{annotations}:{number}", "an offset of too many digits", line[:60], "Correct it.")
        if len(offsets) == 2:
            raw.spans.append(RawSpan(offsets[0], offsets[1], label, surface))
        else:
            reason = f"discontinuous ({places}), line {number}"
            raw.rejects.append(Reject(Entity(offsets[0], offsets[-1], label), reason))
    if left_out:
        counts = ", ".join(f"{n} {kind}" for kind, n in left_out.items())
        reading.notify(f"{annotations}: {counts} are left out: only entities are read.")
    reading.advance(source.stat().st_size)
    yield raw


def read_text(path: Path) -> str:
    """The whole of a UTF-8 file as it is, carriage returns included: offsets count them."""
    data = path.read_bytes()
    try:
        return data.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise CorpusError(Errors.ZT206.format(path=f"{path}:{line}", byte=error.start, reason=error.reason)) from None


def write_brat(record: Record, scores: list[float]) -> str:
    """Write the annotations of one record as an `.ann` file; scores become notes."""
    lines = []
    for i, (start, end, label) in enumerate(record.entities, start=1):
        surface = re.sub(r"[\r\n\t]", " ", record.text[start:end])
        lines.append(f"T{i}\t{label} {start} {end}\t{surface}\n")
    lines += [f"#{i}\tAnnotatorNotes T{i}\t{score:.4f}\n" for i, score in enumerate(scores, start=1)]
    return "".join(lines)
