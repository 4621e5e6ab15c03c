"""What every reader yields: a text, its entities by character, and where it stands."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from ..errors import CorpusError, Errors
from ..types import Entity


@dataclass
class Record:
    """One annotated sentence.

    text (str): The text.
    entities (list[Entity]): Offsets in code points, ends exclusive; not yet checked.
    origin (str): File and line, for messages.
    doc_id (str): The document that it belongs to, where the format says so.
    repairs (list[str]): What the reader had to mend.
    converted_by (str): What has converted its script, such as "OpenCC 1.4.2 s2tw"; empty for a text as it was.
    """

    text: str
    entities: list[Entity]
    origin: str
    doc_id: str = ""
    repairs: list[str] = field(default_factory=list)
    converted_by: str = ""


ReaderT: TypeAlias = Callable[[Path], Iterator[Record]]


def numbered_lines(path: Path) -> Iterator[tuple[int, str]]:
    r"""Read a UTF-8 text file a line at a time.

    Only line feeds end a line: U+2028, U+0085 and form feeds stay where they are. A BOM and carriage returns go.

    path (Path): The file.
    YIELDS (tuple[int, str]): Number from 1, and the line without its end.
    RAISES (CorpusError): For bytes that are not UTF-8.
    """
    position = 0
    with path.open("rb") as file:
        for number, raw in enumerate(file, start=1):
            try:
                line = raw.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError as error:
                origin = f"{path}:{number}"
                raise CorpusError(
                    Errors.ZT206.format(path=origin, byte=position + error.start, reason=error.reason)
                ) from None
            position += len(raw)
            yield number, line.rstrip("\n").removesuffix("\r")
