"""Annotations that cannot be used are mended or rejected, and counted."""

from collections import Counter
from dataclasses import dataclass, field, replace

from ..types import Entity
from .records import Record


@dataclass
class Tally:
    """What happened to the annotations of a file."""

    sentences: int = 0
    entities: int = 0
    repaired: int = 0
    rejects: list[dict[str, object]] = field(default_factory=list)
    conversions: Counter[str] = field(default_factory=Counter)  # converted_by → entities that were converted alone

    @property
    def rejected(self) -> int:
        """Number of annotations left out."""
        return len(self.rejects)


def check_record(record: Record, tally: Tally) -> Record:
    """Keep what can be represented: spans inside the text, not empty, trimmed of white space, not overlapping.

    White space at an edge is cut off. Of two that overlap the longer stays, and of two as long the first.

    record (Record): As it was read.
    tally (Tally): Counts and rejects, added to.
    RETURNS (Record): With its entities in order.
    """
    tally.sentences += 1
    tally.repaired += len(record.repairs)
    sound: list[Entity] = []
    for entity in record.entities:
        if not 0 <= entity.start < entity.end <= len(record.text):
            _reject(tally, record, entity, f"outside the text of {len(record.text)} characters, or empty")
            continue
        surface = record.text[entity.start : entity.end]
        start = entity.start + len(surface) - len(surface.lstrip())
        trimmed = Entity(start, start + len(surface.strip()), entity.label)
        if trimmed.start >= trimmed.end:
            _reject(tally, record, entity, "nothing but white space")
            continue
        tally.repaired += trimmed != entity
        sound.append(trimmed)
    kept: list[Entity] = []
    for entity in sorted(sound, key=lambda e: (e.start - e.end, e.start)):
        rival = next((k for k in kept if entity.start < k.end and k.start < entity.end), None)
        if rival is None:
            kept.append(entity)
        else:
            _reject(tally, record, entity, f"overlaps {rival.label} at {rival.start}–{rival.end}")
    tally.entities += len(kept)
    return replace(record, entities=sorted(kept))


def _reject(tally: Tally, record: Record, entity: Entity, reason: str) -> None:
    tally.rejects.append(
        {
            "origin": record.origin,
            "start": entity.start,
            "end": entity.end,
            "label": entity.label,
            "surface": record.text[max(0, entity.start) : max(0, entity.end)],
            "reason": reason,
            "text": record.text,
        }
    )
