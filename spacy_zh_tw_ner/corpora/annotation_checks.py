"""Check annotations: repair or reject those that cannot be used, count them, list them and report the counts."""

import json
from bisect import bisect_left
from collections import Counter
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO

from ..entities import Entity
from .records import NoAnnotation, Record
from .script_conversion import CONVERTED, KEPT


@dataclass
class Tally:
    """Counts of kept, repaired and rejected annotations of a file.

    sentences (int): Texts that were read.
    entities (int): Annotations that were kept.
    repaired (int): Annotations that were corrected.
    rejected (int): Annotations, and whole records, that cannot be used.
    duplicates (int): Annotations that were written more than once.
    left_out (Counter[str]): Regions that annotate nothing, by reason.
    scripts (Counter[str]): Texts by the script that `--script auto` detected.
    rejects (list[dict]): Rejects, and regions that were left out, not yet written to a file.
    conversions (Counter[str]): Converter of the script → entities that were converted apart from their sentence.
    """

    sentences: int = 0
    entities: int = 0
    repaired: int = 0
    rejected: int = 0
    duplicates: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    scripts: Counter[str] = field(default_factory=Counter)
    rejects: list[dict[str, object]] = field(default_factory=list)
    conversions: Counter[str] = field(default_factory=Counter)

    def reject_record(self, origin: str, problem: str, seen: str, remedy: str) -> None:
        """Count a record that cannot be used as a whole."""
        self.rejected += 1
        self.rejects.append({"origin": origin, "reason": problem, "text": seen, "remedy": remedy})


def check_record(record: Record, tally: Tally) -> Record:
    """Keep annotations that can be represented: inside the text, not empty, trimmed of white space, not overlapping.

    White space at an edge is cut off. Equal annotations are kept once. Of two that overlap, the longer is kept; of
    equal length, the first.

    record (Record): A record as it was read.
    tally (Tally): Counts and rejects, added to.
    RETURNS (Record): With its entities in order.
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
    kept: list[Entity] = []
    for entity in sorted(sound, key=lambda e: (e.start - e.end, e.start)):
        # `kept` is sorted and without overlaps, so only the two neighbours can overlap.
        i = bisect_left(kept, entity.start, key=lambda e: e.start)
        rival = next((k for k in kept[max(0, i - 1) : i + 1] if entity.start < k.end and k.start < entity.end), None)
        if rival is None:
            kept.insert(i, entity)
        else:
            _reject(tally, record, entity, f"overlaps {rival.label} at {rival.start}–{rival.end}")
    tally.entities += len(kept)
    return replace(record, entities=kept)


def trim(entity: Entity, text: str) -> Entity:
    """Cut white space off the edges of an entity; one that has nothing else becomes empty."""
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
    """Return the path of the list of rejects, in the output folder or in the folder of the output file."""
    return (target.parent if target in written else target) / "rejects.jsonl"


class RejectsWriter:
    """Write rejects to a file as they occur.

    file (IO[str]): The list, one JSON object per line.
    """

    def __init__(self, file: IO[str]) -> None:
        self.file = file
        self.n = self.n_written = 0  # NoAnnotation is written, but not counted in n
        self.first: dict[str, object] = {}

    def take(self, tally: Tally) -> None:
        """Write the rejects of a tally, and clear them there."""
        for reject in tally.rejects:
            if reject.get("is_annotation", True):
                self.first = self.first or reject
                self.n += 1
            self.file.write(json.dumps(reject, ensure_ascii=False) + "\n")
        self.n_written += len(tally.rejects)
        tally.rejects.clear()

    def describe_first(self) -> str:
        """Describe the first reject, for the message about too many."""
        surface = f"{self.first['surface']!r} " if "surface" in self.first else ""
        return f"{self.first['origin']}: {surface}{self.first['reason']}"


def describe(tallies: Iterable[Tally], report: Path) -> Iterator[str]:
    """Describe the detected script, duplicates, and annotations that were left out.

    tallies (Iterable[Tally]): Counts of all splits.
    report (Path): The list of rejects.
    YIELDS (str): One sentence each.
    """
    scripts: Counter[str] = Counter()
    conversions: Counter[str] = Counter()
    left_out: Counter[str] = Counter()
    duplicates = 0
    for tally in tallies:
        scripts.update(tally.scripts)
        conversions.update(tally.conversions)
        left_out.update(tally.left_out)
        duplicates += tally.duplicates
    if scripts[KEPT]:
        others = f" {scripts[CONVERTED]:,} others are Simplified." if scripts[CONVERTED] else ""
        yield f"--script auto: {scripts[KEPT]:,} texts are not Simplified and are left as they are.{others}"
    elif scripts[CONVERTED]:
        yield f"--script auto: all {scripts[CONVERTED]:,} texts are Simplified."
    for converted_by, rescued in conversions.items():
        apart = f"; {rescued} entities apart from their sentences, where they would have read otherwise"
        yield f"Converted by {converted_by}{apart * bool(rescued)}."
    if duplicates:
        yield f"{duplicates:,} annotations were written more than once, and are kept once."
    for reason, n in left_out.items():
        yield f"Left out: {n:,} times {reason}. They are listed in {report}."
