"""What every reader yields: a text, its entities by character, and where it stands."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, TypeAlias

from ..entities import Entity

NotifyT: TypeAlias = Callable[[str], object]


class Reject(NamedTuple):
    """An annotation that the reader could not place, and why."""

    entity: Entity
    reason: str


@dataclass
class Record:
    """One annotated sentence.

    text (str): The text.
    entities (list[Entity]): Offsets in code points, ends exclusive; not yet checked.
    origin (str): File and line, for messages.
    doc_id (str): The document that it belongs to, where the format says so.
    repairs (list[str]): What the reader had to mend.
    converted_by (str): What has converted its script, such as "OpenCC 1.4.2 s2tw"; empty for a text as it was.
    rejects (list[Reject]): What the reader could not use.
    """

    text: str
    entities: list[Entity]
    origin: str
    doc_id: str = ""
    repairs: list[str] = field(default_factory=list)
    converted_by: str = ""
    rejects: list[Reject] = field(default_factory=list)


def ignore(_: object) -> None:
    """Take no notice."""


@dataclass(frozen=True)
class Reading:
    """What a reader is told, and whom it tells.

    offsets (str): Unit of offsets, a key of `offsets.CONVENTIONS`, or "auto".
    notify (Callable[[str], object]): Is told what holds for a whole file.
    advance (Callable[[float], object]): Is told how many more bytes have been read.
    """

    offsets: str = "auto"
    notify: NotifyT = ignore
    advance: Callable[[float], object] = ignore


SILENT = Reading()

ReaderT: TypeAlias = Callable[[Path, Reading], Iterator[Record]]
