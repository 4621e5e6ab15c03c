"""Repair or reject annotations that cannot be used, and count them."""

from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field, replace

from ..entities import Entity
from .records import NoAnnotation, Record


@dataclass
class Tally:
    """Counts of kept, repaired and rejected annotations of a file.

    sentences (int): Texts that were read.
    entities (int): Annotations that were kept.
    repaired (int): Annotations that were corrected.
    rejected (int): Annotations, and whole records, that cannot be used.
    duplicates (int): Annotations that were written more than once.
    left_out (Counter[str]): Regions that annotate nothing, by reason.
    scripts (Counter[str]): Texts by what `--script auto` found.
    rejects (list[dict]): Rejects, and regions that were left out, that have not been written to a file yet.
    conversions (Counter[str]): What converted the script → entities that were converted by themselves.
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
    """Keep what can be represented: spans inside the text, not empty, trimmed of white space, not overlapping.

    White space at an edge is cut off. The same annotation twice is one. Of two that overlap the longer stays, and of
    two as long the first.

    record (Record): As it was read.
    tally (Tally): Counts and rejects, added to.
    RETURNS (Record): With its entities in order.
    """
    tally.sentences += 1
    tally.repaired += len(record.repairs)
    for reject in record.rejects:
        _reject(tally, record, *reject, is_annotation=not isinstance(reject, NoAnnotation))
    sound: dict[Entity, None] = {}  # in order
    for entity in record.entities:
        if not 0 <= entity.start < entity.end <= len(record.text):
            _reject(tally, record, entity, f"outside the text of {len(record.text)} characters, or empty")
            continue
        surface = record.text[entity.start : entity.end]
        if surface != surface.strip():
            if surface.isspace():
                _reject(tally, record, entity, "nothing but white space")
                continue
            start = entity.start + len(surface) - len(surface.lstrip())
            entity = Entity(start, start + len(surface.strip()), entity.label)  # noqa: PLW2901
            tally.repaired += 1
        tally.duplicates += entity in sound
        sound[entity] = None
    kept: list[Entity] = []
    for entity in sorted(sound, key=lambda e: (e.start - e.end, e.start)):
        # What is kept does not overlap and is in order, so only the neighbours can be in the way.
        i = bisect_left(kept, entity.start, key=lambda e: e.start)
        rival = next((k for k in kept[max(0, i - 1) : i + 1] if entity.start < k.end and k.start < entity.end), None)
        if rival is None:
            kept.insert(i, entity)
        else:
            _reject(tally, record, entity, f"overlaps {rival.label} at {rival.start}–{rival.end}")
    tally.entities += len(kept)
    return replace(record, entities=kept)


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
