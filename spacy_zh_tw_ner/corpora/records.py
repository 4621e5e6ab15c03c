"""Record that every corpus reader yields: a text, its entities by character, and its file and line."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, TypeAlias

from ..entities import Entity
from ..errors import CorpusError, Errors

NotifyT: TypeAlias = Callable[[str], object]
RejectT: TypeAlias = Callable[[str, str, str, str], object]

LONGEST_SEEN = 200  # characters of a file that a message repeats


class Reject(NamedTuple):
    """An annotation that the reader could not use, and why."""

    entity: Entity
    reason: str


class NoAnnotation(Reject):
    """A region that annotates nothing, such as one without a label.

    It is listed with the rejects, and does not count against `max_rejects`.
    """


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


def ignore(*_: object) -> None:
    """Take no notice."""


def broken(origin: str, problem: str, seen: str, remedy: str) -> CorpusError:
    """Return the error for a place in a file that cannot be read. A line may have a million characters."""
    seen = seen if len(seen) <= LONGEST_SEEN else f"{seen[:LONGEST_SEEN]}…"
    return CorpusError(Errors.ZT201.format(origin=origin, problem=problem, seen=seen, remedy=remedy))


def raise_broken(origin: str, problem: str, seen: str, remedy: str) -> None:
    """Raise the error for a place in a file that cannot be read."""
    raise broken(origin, problem, seen, remedy)


class FieldNames(NamedTuple):
    """Names of the fields of JSON objects and Parquet columns; None for the usual ones."""

    text: str | None = None
    tokens: str | None = None
    tags: str | None = None


USUAL_FIELDS = FieldNames()


@dataclass(frozen=True)
class Reading:
    """Settings of a reader, and the callbacks that it reports to.

    offsets (str): Unit of offsets, a key of `offsets.CONVENTIONS`, or "auto".
    notify (Callable[[str], object]): Receives messages about a whole file.
    advance (Callable[[float], object]): Receives how many more bytes have been read.
    fields (FieldNames): Names of fields, where they are not the usual ones.
    reject (Callable[[str, str, str, str], object]): Receives origin, problem, what was seen and the remedy for each
        record that cannot be used; by default it raises a CorpusError.
    """

    offsets: str = "auto"
    notify: NotifyT = ignore
    advance: Callable[[float], object] = ignore
    fields: FieldNames = USUAL_FIELDS
    reject: RejectT = raise_broken


SILENT = Reading()

ReaderT: TypeAlias = Callable[[Path, Reading], Iterator[Record]]
