"""CLUENER's JSON lines: label → surface → pairs of first and last character, the last one *included*."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..errors import CorpusError, Errors
from ..types import Entity
from .records import Record, numbered_lines


def read_cluener(path: Path) -> Iterator[Record]:
    """Read a file in CLUENER's format.

    path (Path): The file.
    YIELDS (Record): One a line.
    RAISES (CorpusError): For a line that is no such object, or a surface that does not stand where it should.
    """
    for number, line in numbered_lines(path):
        if line.strip():
            origin = f"{path}:{number}"
            try:
                data = json.loads(line)
                if not isinstance(data["text"], str):
                    raise TypeError("text is no string")
                data["text"].encode()  # a lone surrogate, which JSON can spell, is no character
                entities = list(_entities(data["text"], data.get("label") or {}, origin))
            except CorpusError:
                raise
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                raise _broken(
                    origin, f"not a CLUENER object ({error!r})", line[:60], 'Write {"text": …, "label": {…}}.'
                ) from None
            yield Record(data["text"], entities, origin)


def _entities(text: str, labels: dict[str, Any], origin: str) -> Iterator[Entity]:
    for label, surfaces in labels.items():
        for surface, places in surfaces.items():
            for first, last in places:
                if text[first : last + 1] != surface:
                    problem = f"{label} at {first}–{last} is {text[first : last + 1]!r}"
                    raise _broken(origin, problem, surface, "Give the first and the last character.")
                yield Entity(first, last + 1, label)


def _broken(origin: str, problem: str, seen: str, remedy: str) -> CorpusError:
    return CorpusError(Errors.ZT201.format(origin=origin, problem=problem, seen=seen, remedy=remedy))
