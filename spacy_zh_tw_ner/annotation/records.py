"""One record of the input, and what becomes of those that are none."""

from dataclasses import dataclass
from typing import Any

SEEN = 80  # characters of a rejected record that are quoted


@dataclass(frozen=True)
class Record:
    """A text and what stands beside it.

    line: Of the file, from 1; of Parquet, the row.
    text: What is annotated.
    fields: All fields, the text among them; of Parquet None, for `row` of the chunk's table has them.
    """

    line: int
    text: str
    fields: dict[str, Any] | None = None
    row: int = 0


@dataclass(frozen=True)
class Reject:
    """What could not be annotated, and why."""

    line: int
    reason: str
    seen: str

    def to_json(self, file: str) -> dict[str, Any]:
        """RETURNS (dict): A row of the file of rejects."""
        return {"file": file, "line": self.line, "reason": self.reason, "seen": self.seen}


def reject(record: Record, error: ValueError) -> Reject:
    """A record that is none after all, and the reason in one line."""
    return Reject(record.line, " ".join(str(error).split()), record.text[:SEEN])


class Unusable(ValueError):
    """A record that cannot be annotated; the message says why."""


@dataclass(frozen=True)
class Loaded:
    """A chunk, read.

    records: What can be annotated.
    rejects: What cannot.
    table (pyarrow.Table | None): Of Parquet, all rows of the chunk.
    """

    records: list[Record]
    rejects: list[Reject]
    table: Any = None


@dataclass
class Tally:
    """What was done."""

    records: int = 0
    characters: int = 0
    entities: int = 0
    rejected: int = 0
    tokens: int = 0

    def add(self, other: "Tally") -> None:
        """Count what another has counted, too."""
        for name, value in vars(other).items():
            setattr(self, name, getattr(self, name) + value)
