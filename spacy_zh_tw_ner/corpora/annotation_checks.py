"""Check annotations: repair or reject invalid ones, count both, and write the rejected ones to a file."""

import json
from collections import Counter
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO

from ..entities import Entity
from ..interval_scheduling import keep_longest
from .records import NoAnnotation, Record
from .script_conversion import CONVERTED, KEPT


@dataclass
class Tally:
    """Counts of kept, repaired and rejected annotations of one output file.

    sentences (int): Number of texts read.
    entities (int): Number of annotations kept.
    repaired (int): Number of annotations corrected.
    rejected (int): Number of annotations and whole records rejected.
    duplicates (int): Number of annotations that repeat another one of the same record exactly.
    left_out (Counter[str]): Reason → number of left-out regions: marked parts of a text that are not annotations, such
        as those without a label.
    scripts (Counter[str]): Script that `--script auto` has detected, "Traditional" or "Simplified" → number of texts.
    rejects (list[dict]): Rejects and left-out regions that are not yet written to the file of rejects. Each has the
        keys "origin", "reason" and "text". Those of entities also have "start", "end", "label" and "surface", and those
        of records "remedy".
    overlapping (int): Number of kept annotations that overlap a longer one; 0 without `--spans`.
    conversions (Counter[str]): Name of the script converter, such as "OpenCC 1.4.2 s2tw" → number of entities whose
        text OpenCC converts in another way inside the sentence than alone.
    """

    sentences: int = 0
    entities: int = 0
    repaired: int = 0
    rejected: int = 0
    duplicates: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    scripts: Counter[str] = field(default_factory=Counter)
    rejects: list[dict[str, object]] = field(default_factory=list)
    overlapping: int = 0
    conversions: Counter[str] = field(default_factory=Counter)

    def reject_record(self, origin: str, problem: str, seen: str, remedy: str) -> None:
        """Count a record that is rejected as a whole, and add it to `rejects`.

        origin (str): File and line of the record.
        problem (str): Why the record is rejected.
        seen (str): The beginning of the record as it is in the file.
        remedy (str): The correction to make.
        """
        self.rejected += 1
        self.rejects.append({"origin": origin, "reason": problem, "text": seen, "remedy": remedy})


def check_record(record: Record, tally: Tally, *, overlaps: bool = False) -> Record:
    """Keep the valid entities of a record, and reject the others.

    An entity is valid if it is inside the text, is not empty, and overlaps no other entity that is kept. Of two
    overlapping entities the longer one is kept; of two of equal length, the first one in the text. White space at the
    edges of an entity is trimmed. Of equal entities one is kept.

    record (Record): The record as its reader returned it.
    tally (Tally): Receives the counts and the rejects.
    overlaps (bool): Entities of different labels may overlap; only those of one label are compared with each other.
    RETURNS (Record): The record with its valid entities, sorted by position.
    """
    tally.sentences += 1
    tally.repaired += len(record.repairs)
    for reject in record.rejects:
        _reject(tally, record, *reject, is_annotation=not isinstance(reject, NoAnnotation))
    sound: dict[Entity, None] = {}  # an ordered set
    for entity in record.entities:
        if not 0 <= entity.start < entity.end <= len(record.text):
            _reject(tally, record, entity, f"outside the text of {len(record.text)} characters, or empty")
            continue
        trimmed = trim(entity, record.text)
        if trimmed.start == trimmed.end:
            _reject(tally, record, entity, "nothing but white space")
            continue
        tally.repaired += trimmed != entity
        tally.duplicates += trimmed in sound
        sound[trimmed] = None
    of_label: dict[str, list[Entity]] = {}
    for entity in sound:
        of_label.setdefault(entity.label if overlaps else "", []).append(entity)
    kept: list[Entity] = []
    for comparable in of_label.values():
        found, dropped = keep_longest(comparable)
        kept += found
        for entity, rival in dropped:
            _reject(tally, record, entity, f"overlaps {rival.label} at {rival.start}–{rival.end}")
    if overlaps:
        kept.sort(key=lambda e: (e.start, -e.end, e.label))
        tally.overlapping += len(keep_longest(kept)[1])
    tally.entities += len(kept)
    return replace(record, entities=kept)


def trim(entity: Entity, text: str) -> Entity:
    """Return an entity without white space at its edges. If it is only white space, it becomes empty (start == end)."""
    surface = text[entity.start : entity.end]
    start = entity.start + len(surface) - len(surface.lstrip())
    return Entity(start, start + len(surface.strip()), entity.label)


def _reject(tally: Tally, record: Record, entity: Entity, reason: str, *, is_annotation: bool = True) -> None:
    if is_annotation:
        tally.rejected += 1
    else:
        tally.left_out[reason] += 1
    tally.rejects.append(
        {
            "origin": record.origin,
            "start": entity.start,
            "end": entity.end,
            "label": entity.label,
            "surface": record.text[max(0, entity.start) : max(0, entity.end)],
            "reason": reason,
            "text": record.text,
            **({} if is_annotation else {"is_annotation": False}),
        }
    )


def rejects_path(target: Path, written: Container[Path]) -> Path:
    """Return the path of `rejects.jsonl`: in the output folder, or in the folder of the output file.

    target (Path): The output of `convert`, a file or a folder.
    written (Container[Path]): The output files. If the target is among them, it is a file, otherwise a folder.
    """
    return (target.parent if target in written else target) / "rejects.jsonl"


class RejectsWriter:
    """Writes rejected annotations and records to a file, one JSON object per line.

    The attribute `n` is the number of rejected annotations and records so far. `n_written` is the number of lines: it
    also counts left-out regions, which are marked parts of a text that are not annotations.

    file (IO[str]): The open file of rejects.
    """

    def __init__(self, file: IO[str]) -> None:
        self.file = file
        self.n = self.n_written = 0  # NoAnnotation regions are written, but not counted in `n`
        self.first: dict[str, object] = {}

    def take(self, tally: Tally) -> None:
        """Write `tally.rejects` to the rejects file, one JSON object per line, and clear that list.

        The rejected annotations and records of the list are added to the count `n`. Its left-out regions are not.
        """
        for reject in tally.rejects:
            if reject.get("is_annotation", True):
                self.first = self.first or reject
                self.n += 1
            self.file.write(json.dumps(reject, ensure_ascii=False) + "\n")
        self.n_written += len(tally.rejects)
        tally.rejects.clear()

    def describe_first(self) -> str:
        """Return the origin, text and reason of the first reject, for an error message.

        RAISES (KeyError): If `take` has written no reject, or only left-out regions (marked parts of a text that are
            not annotations).
        """
        surface = f"{self.first['surface']!r} " if "surface" in self.first else ""
        return f"{self.first['origin']}: {surface}{self.first['reason']}"


def describe(tallies: Iterable[Tally], report: Path) -> Iterator[str]:
    """Yield messages for the user about the command `convert`.

    They report the scripts that were detected, the script converter that was used, duplicate and overlapping
    annotations, and left-out regions (marked parts of a text that are not annotations).

    tallies (Iterable[Tally]): The counts of all output files.
    report (Path): The file of rejects.
    YIELDS (str): Messages of one or two sentences.
    """
    scripts: Counter[str] = Counter()
    conversions: Counter[str] = Counter()
    left_out: Counter[str] = Counter()
    duplicates = overlapping = 0
    for tally in tallies:
        scripts.update(tally.scripts)
        conversions.update(tally.conversions)
        left_out.update(tally.left_out)
        duplicates += tally.duplicates
        overlapping += tally.overlapping
    if scripts[KEPT]:
        others = f" {scripts[CONVERTED]:,} others are Simplified." if scripts[CONVERTED] else ""
        yield f"--script auto: {scripts[KEPT]:,} texts are not Simplified and are left as they are.{others}"
    elif scripts[CONVERTED]:
        yield f"--script auto: all {scripts[CONVERTED]:,} texts are Simplified."
    for converted_by, rescued in conversions.items():
        separately = f"; {rescued} entities were converted separately, because their sentences would change them"
        yield f"Converted by {converted_by}{separately * bool(rescued)}."
    if duplicates:
        yield f"{duplicates:,} annotations repeat another one; each is kept once."
    if overlapping:
        yield f"{overlapping:,} annotations overlap a longer one. All are in doc.spans; doc.ents has the longest ones."
    for reason, n in left_out.items():
        yield f"Left out: {n:,} times {reason}. All are listed in {report}."
