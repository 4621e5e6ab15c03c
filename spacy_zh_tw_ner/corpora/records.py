"""Records (a text, its entities by character, its file and line) and the interface of the functions that read them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Protocol, TypeAlias

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

    It is listed with the rejects, but does not count against `max_rejects`.
    """


@dataclass
class Record:
    """One annotated sentence.

    text (str): The text.
    entities (list[Entity]): Offsets in code points, ends exclusive; not yet checked.
    origin (str): File and line, for messages.
    doc_id (str): The document that it belongs to, if the format has documents.
    repairs (list[str]): Corrections made by the reader.
    converted_by (str): Converter of its script, such as "OpenCC 1.4.2 s2tw"; empty for an original text.
    rejects (list[Reject]): Annotations that the reader could not use.
    """

    text: str
    entities: list[Entity]
    origin: str
    doc_id: str = ""
    repairs: list[str] = field(default_factory=list)
    converted_by: str = ""
    rejects: list[Reject] = field(default_factory=list)


def ignore(*_: object) -> None:
    """Do nothing."""


def broken(origin: str, problem: str, seen: str, remedy: str) -> CorpusError:
    """Return the error for a place in a file that cannot be read; long lines are cut in its message."""
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
    """Settings and callbacks of a reader.

    offsets (str): Unit of offsets, a key of `offsets.CONVENTIONS`, or "auto".
    notify (Callable[[str], object]): Receives messages about a whole file.
    advance (Callable[[float], object]): Receives how many more bytes have been read.
    fields (FieldNames): Names of fields, where they are not the usual ones.
    reject (Callable[[str, str, str, str], object]): Receives origin, problem, the text in the file and the remedy for
        each record that cannot be used; by default it raises a CorpusError.
    """

    offsets: str = "auto"
    notify: NotifyT = ignore
    advance: Callable[[float], object] = ignore
    fields: FieldNames = USUAL_FIELDS
    reject: RejectT = raise_broken


SILENT = Reading()


class ReaderT(Protocol):
    """Interface of the reader of a format."""

    def __call__(self, path: Path, reading: Reading = SILENT) -> Iterator[Record]:
        """Read a file, in memory that does not grow with its size if the format allows it.

        path (Path): The file.
        reading (Reading): Settings; receives messages, progress and rejected records.
        YIELDS (Record): One per sentence, line, object or task, with its entities not yet checked.
        RAISES (CorpusError): For a place that is not of the format, with file and line, or whatever `reading.reject`
            raises.
        """
        ...
