"""Read and write `progress.jsonl`, the reports of a training run with one line per evaluation."""

import json
import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from ..atomic_writes import write_whole


@dataclass(frozen=True)
class ProgressReport:
    """Step, scores, losses, learning rates, speed and memory at one evaluation of a run: a line of `progress.jsonl`."""

    step: int  # counted from 0, as in spaCy
    epoch: int  # counted from 0, as in spaCy
    loss: float  # per character, since the last report
    losses: dict[str, float]  # component → loss per character
    p: float | None  # precision of exact spans in percent; None if no component scores entities
    r: float | None  # recall
    f: float | None  # F-score
    found: int | None  # number of predicted entities
    score: float  # by which the best pipeline is chosen; at most 1
    rates: dict[str, float]  # "encoder", "head" or "all" → learning rate
    characters_per_second: float | None  # speed of training, without evaluation
    peak_memory_mib: float | None  # of the process or the GPU
    memory: str | None  # kind of `peak_memory_mib`: "GPU" or "RSS"
    seconds: float  # since the start of the run
    seconds_left: float | None  # estimated
    warnings: tuple[str, ...] = ()  # messages of this evaluation

    def to_line(self) -> str:
        """Serialize the report as JSON without a line break. NaN and infinite numbers become null."""
        return json.dumps(_plain(asdict(self)), ensure_ascii=False, allow_nan=False)

    @classmethod
    def from_line(cls, line: str) -> "ProgressReport":
        """Parse a line of `progress.jsonl`. A loss or score of null becomes NaN.

        RAISES (ValueError): If the line is not JSON or lacks a field.
        """
        found = json.loads(line)
        names = {field.name for field in fields(cls)}
        if not isinstance(found, dict) or not names <= set(found):
            raise ValueError(line)
        found = {name: found[name] for name in names}
        for name in ("loss", "score"):
            found[name] = math.nan if found[name] is None else found[name]
        found["losses"] = {name: math.nan if loss is None else loss for name, loss in found["losses"].items()}
        return cls(**found | {"warnings": tuple(found["warnings"])})


def _plain(value: Any) -> Any:
    """Convert a field of a report, or a dictionary of fields, to values for JSON.

    Floats are rounded to six significant digits. NaN and infinite numbers become None.
    """
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    if isinstance(value, float):
        # Six digits are enough to compare runs.
        return float(f"{value:.6g}") if math.isfinite(value) else None
    return value


def after(reports: Iterable[ProgressReport], report: ProgressReport) -> list[ProgressReport]:
    """Append a new report, and drop the old reports of the same or a later step.

    A resumed run repeats the steps after its checkpoint and reports them again, so the old reports are obsolete.

    reports (Iterable[ProgressReport]): The old reports, in order.
    report (ProgressReport): The new report.
    RETURNS (list[ProgressReport]): Reports with ascending steps.
    """
    return [*(earlier for earlier in reports if earlier.step < report.step), report]


def read_progress(path: Path) -> list[ProgressReport]:
    """Read the reports of the last run in a file.

    Each report makes the reports of the same or later steps before it in the file obsolete. So a new run replaces an
    older one, and a resumed run keeps its reports from before its checkpoint.

    path (Path): A `progress.jsonl`, which may be missing or have incomplete lines.
    RETURNS (list[ProgressReport]): Reports with ascending steps.
    """
    reports: list[ProgressReport] = []
    if path.is_file():
        for line in path.read_text(encoding="utf-8", errors="replace").split("\n"):
            try:
                reports = after(reports, ProgressReport.from_line(line))
            except ValueError:
                continue  # a process was killed while it wrote this line
    return reports


def drop_reports(path: Path, step: int) -> None:
    """Remove the reports that a resumed run will write again, and incomplete lines, from the end of a file.

    path (Path): A `progress.jsonl`, which may be missing. It is replaced atomically, and only if a line is removed.
    step (int): The first step of the resumed run. Reports of this step and of later steps are removed.
    """
    if not path.is_file():
        return
    lines = path.read_bytes().splitlines(keepends=True)
    kept = list(lines)
    while kept:
        try:
            found = ProgressReport.from_line(kept[-1].decode(errors="replace")).step
        except ValueError:
            found = None  # a process was killed while it wrote this line
        if found is not None and found < step:
            break
        kept.pop()
        if found == 0:
            break  # first report of the run; earlier lines belong to another run
    if len(kept) < len(lines):
        write_whole(path, b"".join(kept))


def append_line(path: Path, line: str) -> None:
    """Append a line to a file and close the file, so that the line survives if the process is killed later.

    path (Path): The file. Missing folders are created; an unfinished last line is ended first.
    line (str): The line without line break.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab+") as file:
        size = file.seek(0, 2)
        if size:
            file.seek(size - 1)
        unfinished = size > 0 and file.read(1) != b"\n"
        file.write(b"\n" * unfinished + line.encode() + b"\n")
