"""Record finished chunks, so that a killed job can continue: one line identifies the job, then one line per chunk.

A chunk is entered when its parts have been renamed into place. What was killed between the two is done again, over the
same names and with the same bytes.
"""

import hashlib
import json
import re
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any

from .. import __version__
from ..atomic_writes import write_whole
from ..components.folders import pipeline_folder
from ..errors import Errors, OutputError
from ..runtime.folder import is_exported
from ..untrusted import parse_json, reading, require, require_type, whole_number
from .job import Job
from .records import Tally

NAME = "journal.jsonl"
OURS = re.compile(r"\d{8}\.(jsonl|ndjson|parquet|spacy|rejects)|journal\.jsonl|\..*\.zh-tw-ner-\w+", re.IGNORECASE)


def identify(job: Job, digest: str) -> dict[str, Any]:
    """Name all that decides the bytes of the output.

    digest (str): Fingerprint of the input.
    RETURNS (dict): By words for a message.
    RAISES (ValueError): If there is no such pipeline.
    """
    return {
        "version": __version__,
        "input's name": job.source.name,
        "input's size": job.source.stat().st_size,
        "input's content (SHA-256)": digest,
        "pipeline": job.pipeline,
        "pipeline's content (SHA-256)": _folder_digest(_folder_of(job.pipeline)),
        "--text-field": job.text_field,
        "--entities-field": job.entities_field,
        "--chunk-size": job.chunk_size,
    }


def _folder_of(name: str) -> Path:
    return Path(name) if is_exported(Path(name)) else pipeline_folder(name)


def _folder_digest(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc"):
        digest.update(f"{path.relative_to(folder).as_posix()}\0{path.stat().st_size}\0".encode())
        with path.open("rb") as file:
            while block := file.read(2**20):
                digest.update(block)
    return digest.hexdigest()


class Journal:
    """The journal of a job, open for more.

    job (Job): Its folder is made when it is not there.
    identity (dict): See `identify`.
    anew (bool): Discard the parts of an unfinished job.
    RAISES (ValueError): If what is there was begun by another job, or by nobody of ours.
    """

    def __init__(self, job: Job, identity: dict[str, Any], *, anew: bool = False) -> None:
        self.job = job
        self.done: dict[int, Tally] = {}
        job.folder.mkdir(parents=True, exist_ok=True)
        foreign = sorted(path.name for path in job.folder.iterdir() if not OURS.fullmatch(path.name))
        if foreign:
            raise OutputError(Errors.ZT671.format(path=job.folder, seen=f"it holds {foreign[0]}"))
        path = job.folder / NAME
        # A kill may leave the last line without an end: what it said is then not known.
        whole = [line for line in path.read_bytes().splitlines(True) if line.endswith(b"\n")] if path.exists() else []
        header = json.dumps(identity, ensure_ascii=False).encode() + b"\n"
        with reading(path):
            begun = require_type("line 1", parse_json(whole[0]), dict) if whole else identity
            if begun != identity and anew:
                whole = []
            else:
                _require_same(begun, identity, job.folder)
            for number, line in enumerate(whole[1:], start=2):
                index, tally = _entry(f"line {number}", parse_json(line))
                if job.part(index).is_file() and job.part_rejects(index).is_file():
                    self.done[index] = tally
        write_whole(path, b"".join([header, *map(_line, self.done.items())]))
        self._file = path.open("ab")

    def enter(self, index: int, tally: Tally) -> None:
        """Note that the parts of a chunk are in their places."""
        self.done[index] = tally
        self._file.write(_line((index, tally)))
        self._file.flush()

    def total(self) -> Tally:
        """RETURNS (Tally): Of all finished chunks."""
        total = Tally()
        for tally in self.done.values():
            total.add(tally)
        return total

    def remove(self) -> None:
        """Remove the parts after the output has been written. Files that the job did not write are kept."""
        self._file.close()
        for path in self.job.folder.iterdir():
            if OURS.fullmatch(path.name):
                path.unlink()
        with suppress(OSError):
            self.job.folder.rmdir()

    def __enter__(self) -> "Journal":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()


def has_journal(job: Job) -> bool:
    """Return whether a job has started and is not finished."""
    return (job.folder / NAME).is_file()


def _line(entry: tuple[int, Tally]) -> bytes:
    return json.dumps({"chunk": entry[0], **asdict(entry[1])}).encode() + b"\n"


def _entry(key: str, data: object) -> tuple[int, Tally]:
    """Check a line of the journal: the number of a chunk, and its tally."""
    entry = require_type(key, data, dict)
    names = {"chunk", *vars(Tally())}
    require(entry.keys() == names, key, sorted(entry), ", ".join(sorted(names)))
    numbers = {name: whole_number(f"{key}: {name}", value, 0, 2**62) for name, value in entry.items()}
    return numbers.pop("chunk"), Tally(**numbers)


def _require_same(seen: dict[str, Any], expected: dict[str, Any], folder: Path) -> None:
    for what, value in expected.items():
        if seen.get(what) != value:
            raise ValueError(Errors.ZT520.format(folder=folder, what=what, seen=seen.get(what), expected=value))
