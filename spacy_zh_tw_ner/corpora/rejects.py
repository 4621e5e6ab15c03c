"""Write the list of annotations and records that cannot be used."""

import json
from collections.abc import Container
from pathlib import Path
from typing import IO

from .checks import Tally


def rejects_path(target: Path, written: Container[Path]) -> Path:
    """Return the path of the list of rejects, in the output folder or in the folder of the output file."""
    return (target.parent if target in written else target) / "rejects.jsonl"


class RejectsWriter:
    """Write rejects to a file as they occur.

    file (IO[str]): The list, one JSON object a line.
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
