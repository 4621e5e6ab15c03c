"""Define records (one annotated text each) and the interface of the readers that return them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Protocol, TypeAlias

from ..entities import Entity
from ..errors import CorpusError, Errors

NotifyT: TypeAlias = Callable[[str], object]
RejectT: TypeAlias = Callable[[str, str, str, str], object]

LONGEST_SEEN = 200  # characters of a file quoted in a message


class Reject(NamedTuple):
    """An annotation that a reader rejected.

    entity: The annotation, with the offsets that the file gives; (0, 0, "") if they cannot be read.
    reason: Why it was rejected.
    """

    entity: Entity
    reason: str


class NoAnnotation(Reject):
    """A region in an export of an annotation tool that is not an annotation, such as one without a label.

    It is written to the file of rejects, but does not count towards the limit `--max-rejects` of `convert`.
    """


@dataclass
class Record:
    """One annotated sentence.

    text (str): The text.
    entities (list[Entity]): Entities with offsets in code points and exclusive ends. Readers do not check whether they
        overlap or are inside the text; `annotation_checks.check_record` does.
    origin (str): File and line, for messages.
    doc_id (str): Id of the document, if the format has documents; else empty.
    repairs (list[str]): Corrections made by the reader, one description each.
    converted_by (str): Converter of the script, such as "OpenCC 1.4.2 s2tw"; empty if the text was not converted.
    rejects (list[Reject]): Annotations that the reader rejected.
    annotator (str): Person who annotated the text, as the file names them; empty if the file does not.
    task (str): Id of the text in the annotation tool; empty if there is none.
    """

    text: str
    entities: list[Entity]
    origin: str
    doc_id: str = ""
    repairs: list[str] = field(default_factory=list)
    converted_by: str = ""
    rejects: list[Reject] = field(default_factory=list)
    annotator: str = ""
    task: str = ""


def ignore(*_: object) -> None:
    """Do nothing: the default of callbacks for messages, progress and rejects."""


def broken(origin: str, problem: str, seen: str, remedy: str) -> CorpusError:
    """Return the error for a part of a file that cannot be read.

    origin (str): File and line.
    problem (str): The reason, such as "not a JSON object".
    seen (str): The text of the file at this place. At most `LONGEST_SEEN` characters of it are in the message.
    remedy (str): The correction to make.
    """
    seen = seen if len(seen) <= LONGEST_SEEN else f"{seen[:LONGEST_SEEN]}…"
    return CorpusError(Errors.ZT201.format(origin=origin, problem=problem, seen=seen, remedy=remedy))


def raise_broken(origin: str, problem: str, seen: str, remedy: str) -> None:
    """Raise a CorpusError for a part of a file that cannot be read. This is the default of `Reading.reject`.

    origin (str): File and line.
    problem (str): The reason, such as "not a JSON object".
    seen (str): The text of the file at this place; a long text is shortened.
    remedy (str): The correction to make.
    RAISES (CorpusError): Always.
    """
    raise broken(origin, problem, seen, remedy)


class FieldNames(NamedTuple):
    """Names of the fields of JSON objects or columns of Parquet; None to search for common names.

    text: Field of the text.
    tokens: Field of the list of tokens.
    tags: Field of the list of tags.
    """

    text: str | None = None
    tokens: str | None = None
    tags: str | None = None


USUAL_FIELDS = FieldNames()


@dataclass(frozen=True)
class Reading:
    """Settings and callbacks of a reader.

    offsets (str): Unit of offsets, a key of `offsets.CONVENTIONS`, or "auto".
    notify (Callable[[str], object]): Receives messages about a file as a whole.
    advance (Callable[[float], object]): Receives the number of bytes read since the last call.
    fields (FieldNames): Names of fields that the user gave, for files with uncommon names.
    spans_key (str): Key of the annotations in `doc.spans` of `.spacy` files; empty for `doc.ents`.
    reject (Callable[[str, str, str, str], object]): Called for each record that the reader rejects, with its origin,
        the problem, the text in the file and the remedy. The default raises a CorpusError.
    """

    offsets: str = "auto"
    notify: NotifyT = ignore
    advance: Callable[[float], object] = ignore
    fields: FieldNames = USUAL_FIELDS
    spans_key: str = ""
    reject: RejectT = raise_broken


SILENT = Reading()


class ReaderT(Protocol):
    """Interface of the function that reads one corpus format."""

    def __call__(self, path: Path, reading: Reading = SILENT) -> Iterator[Record]:
        """Read a file, in constant memory if the format allows it.

        path (Path): The file.
        reading (Reading): Settings and callbacks.
        YIELDS (Record): One record per sentence, line, object or task, with unchecked entities.
        RAISES (CorpusError): If part of the file is not in this format; the message has file and line. The default
            `reading.reject` raises it for each rejected record, too.
        """
        ...
