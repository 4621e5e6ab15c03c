"""Read and write `progress.jsonl`, with one line per evaluation."""

import json
import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from ..atomic_writes import write_whole


@dataclass(frozen=True)
class ProgressReport:
    """The state of a run at one evaluation.

    step, epoch: From 0, as spaCy counts them. loss: Per character, since the last report. losses: The same of each
    component. p, r, f: Of exact spans, in percent; None if nothing scores entities. found: Number of predicted
    entities. score: The score by which the best pipeline is chosen, 0 to 1. rates: Learning rates by part.
    characters_per_second: Of training alone. peak_memory_mib, memory: The highest memory of the process so far, and
    its kind ("GPU", "RSS"). seconds, seconds_left: Since the start, and to the end. warnings: Messages of this step.
    """

    step: int
    epoch: int
    loss: float
    losses: dict[str, float]
    p: float | None
    r: float | None
    f: float | None
    found: int | None
    score: float
    rates: dict[str, float]
    characters_per_second: float | None
    peak_memory_mib: float | None
    memory: str | None
    seconds: float
    seconds_left: float | None
    warnings: tuple[str, ...] = ()

    def to_line(self) -> str:
        """Write JSON without a line break. Numbers that are not finite become null, as JSON has none."""
        return json.dumps(_plain(asdict(self)), ensure_ascii=False, allow_nan=False)

    @classmethod
    def from_line(cls, line: str) -> "ProgressReport":
        """Read a line; a loss that is null becomes NaN.

        RAISES (ValueError): For a line that is no report.
        """
        found = json.loads(line)
        names = {field.name for field in fields(cls)}
        if not isinstance(found, dict) or not names <= set(found):
            raise ValueError(line)
        found = {name: found[name] for name in names}
        found["loss"] = math.nan if found["loss"] is None else found["loss"]
        found["losses"] = {name: math.nan if loss is None else loss for name, loss in found["losses"].items()}
        return cls(**found | {"warnings": tuple(found["warnings"])})


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    if isinstance(value, float):
        # Six digits are enough to compare runs.
        return float(f"{value:.6g}") if math.isfinite(value) else None
    return value


def after(reports: Iterable[ProgressReport], report: ProgressReport) -> list[ProgressReport]:
    """Add a report, without earlier ones that a restarted or resumed run repeats."""
    return [*(earlier for earlier in reports if earlier.step < report.step), report]


def read_progress(path: Path) -> list[ProgressReport]:
    """Read the reports of the last run in a file, with those of the runs that it continued.

    path (Path): A `progress.jsonl`, which may be incomplete or missing.
    RETURNS (list[ProgressReport]): In order of their steps.
    """
    reports: list[ProgressReport] = []
    if path.is_file():
        for line in path.read_text(encoding="utf-8", errors="replace").split("\n"):
            try:
                reports = after(reports, ProgressReport.from_line(line))
            except ValueError:
                continue  # an incomplete line of a process that was killed
    return reports


def drop_reports(path: Path, step: int) -> None:
    """Remove the reports of the last run in a file that a resumed run repeats, and incomplete lines.

    path (Path): A `progress.jsonl`, which may be missing. It is replaced atomically, and only if a line is removed.
    step (int): The step with which the run continues.
    """
    if not path.is_file():
        return
    lines = path.read_bytes().splitlines(keepends=True)
    kept = list(lines)
    while kept:
        try:
            found = ProgressReport.from_line(kept[-1].decode(errors="replace")).step
        except ValueError:
            found = None  # an incomplete line of a process that was killed
        if found is not None and found < step:
            break
        kept.pop()
        if found == 0:
            break  # the run began here; earlier lines belong to another run
    if len(kept) < len(lines):
        write_whole(path, b"".join(kept))


def append_line(path: Path, line: str) -> None:
    """Append a line and hand it to the operating system, so that a process that is killed later does not lose it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab+") as file:
        size = file.seek(0, 2)
        if size:
            file.seek(size - 1)
        unfinished = size > 0 and file.read(1) != b"\n"
        file.write(b"\n" * unfinished + line.encode() + b"\n")
