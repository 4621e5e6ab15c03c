"""Record the finished chunks of a job in a journal, from which an interrupted job continues.

The first line identifies the job. Each further line is a finished chunk: a group of records of the input. A chunk is
recorded after its files are renamed into place. If the process is killed in between, the chunk is annotated again,
which writes the same bytes to the same files.
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
from ..errors import Errors, OutputError, UnreadableFileError
from ..masking.keys import fingerprint
from ..recognizers.pipelines import source_folder
from ..untrusted import parse_json, reading, require, require_type, sha256_of, whole_number
from .job import AnnotationJob, AnnotationTally, FileMasking

NAME = "journal.jsonl"
CHUNK = re.compile(r"\d{8}\.(jsonl|ndjson|parquet|spacy|txt|map|rejects)", re.IGNORECASE)
OURS = re.compile(rf"{CHUNK.pattern}|journal\.jsonl|pseudonym\.key|\..*\.zh-tw-ner-\w+", re.IGNORECASE)


def identify(job: AnnotationJob, digest: str) -> dict[str, Any]:
    """Return the settings and digests on which the output of a job depends.

    An interrupted job continues only if all of them are unchanged.

    job (AnnotationJob): The job.
    digest (str): SHA-256 of the input.
    RETURNS (dict[str, Any]): Name of the setting or digest, as error messages show it → value.
    RAISES (ZhTwNerError): If the pipeline does not exist.
    """
    return {
        "version": __version__,
        "input's name": job.source.name,
        "input's size": job.source.stat().st_size,
        "input's content (SHA-256)": digest,
        "pipeline": job.pipeline,
        "pipeline's content (SHA-256)": _folder_digest(source_folder(job.pipeline)),
        "--text-field": job.text_field,
        "--entities-field": job.entities_field,
        "--chunk-size": job.chunk_size,
        **({} if job.masking is None else _identify_masking(job.masking)),
    }


def _identify_masking(masking: FileMasking) -> dict[str, Any]:
    return {
        "policy": masking.policy.to_dict(),
        "key (fingerprint)": None if masking.key is None else fingerprint(masking.key),
        "--keep-field": sorted(masking.keep_fields),
        "--map": masking.map is not None,
    }


def _folder_digest(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc"):
        digest.update(f"{path.relative_to(folder).as_posix()}\0{sha256_of(path)}\0".encode())
    return digest.hexdigest()


class Journal:
    """The journal of a job, open for new entries: one line for each finished chunk.

    The entries of an interrupted process are kept if all files of their chunks exist. The attribute `done` has all
    entries: number of the chunk → its counts. As a context manager, the journal closes its file at the end.

    job (AnnotationJob): The job. Its folder is created if it does not exist.
    identity (dict[str, Any]): The result of `identify`.
    anew (bool): If the folder has the journal of a job with another identity, discard it instead of raising an error.
    RAISES (UnreadableFileError): If the journal in the folder is damaged, or has another identity and `anew` is False.
    RAISES (OutputError): If the folder of the job contains a file that no annotation job writes, or files of chunks
        but no journal.
    """

    def __init__(self, job: AnnotationJob, identity: dict[str, Any], *, anew: bool = False) -> None:
        self.job = job
        self.done: dict[int, AnnotationTally] = {}
        job.folder.mkdir(parents=True, exist_ok=True)
        foreign = sorted(path.name for path in job.folder.iterdir() if not OURS.fullmatch(path.name))
        if foreign:
            raise OutputError(Errors.ZT671.format(path=job.folder, seen=f"it holds {foreign[0]}"))
        path = job.folder / NAME
        chunks = sorted(path.name for path in job.folder.iterdir() if CHUNK.fullmatch(path.name))
        if chunks and not path.is_file():  # files of the user that are named like chunks
            raise OutputError(Errors.ZT671.format(path=job.folder, seen=f"it holds {chunks[0]}"))
        # If the process was killed, the last line may be incomplete.
        whole = [line for line in path.read_bytes().splitlines(True) if line.endswith(b"\n")] if path.exists() else []
        header = json.dumps(identity, ensure_ascii=False).encode() + b"\n"
        with reading(path):
            begun = require_type("line 1", parse_json(whole[0]), dict) if whole else identity
            require(not identity.keys().isdisjoint(begun), "line 1", sorted(begun), "the settings of a job")
            if begun != identity and anew:
                whole = []
            else:
                _require_same(begun, identity, path)
            for number, line in enumerate(whole[1:], start=2):
                index, tally = _entry(f"line {number}", parse_json(line))
                if all(part.is_file() for part in job.parts(index)):
                    self.done[index] = tally
        write_whole(path, b"".join([header, *map(_line, self.done.items())]))
        self._file = path.open("ab")

    def enter(self, index: int, tally: AnnotationTally) -> None:
        """Record that the files of a chunk are complete: append a line to the journal file.

        index (int): Number of the chunk in the job, from 0.
        tally (AnnotationTally): Counts of the chunk.
        """
        self.done[index] = tally
        self._file.write(_line((index, tally)))
        self._file.flush()

    def total(self) -> AnnotationTally:
        """Return the sum of the counts of all finished chunks, also of those that an interrupted process finished."""
        total = AnnotationTally()
        for tally in self.done.values():
            total.add(tally)
        return total

    def remove(self) -> None:
        """Close the journal, delete it and the files of all chunks, and delete the folder of the job if it is empty.

        Files whose names no annotation job uses are kept.
        """
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


def has_journal(job: AnnotationJob) -> bool:
    """Return whether the folder of a job has a journal: the job has been started and is unfinished."""
    return (job.folder / NAME).is_file()


def _line(entry: tuple[int, AnnotationTally]) -> bytes:
    return json.dumps({"chunk": entry[0], **asdict(entry[1])}).encode() + b"\n"


def _entry(key: str, data: object) -> tuple[int, AnnotationTally]:
    """Convert a line of the journal to the number of a chunk and its counts, after checking them.

    key (str): Name of the line in error messages, such as "line 2".
    data (object): The JSON value of the line.
    RETURNS (tuple[int, AnnotationTally]): Number of the chunk, and its counts.
    RAISES (UnreadableFileError): If the value is not an object of whole numbers, or its keys are not "chunk" and the
        fields of `AnnotationTally`.
    """
    entry = require_type(key, data, dict)
    names = {"chunk", *vars(AnnotationTally())}
    require(entry.keys() == names, key, sorted(entry), ", ".join(sorted(names)))
    numbers = {name: whole_number(f"{key}: {name}", value, 0, 2**62) for name, value in entry.items()}
    return numbers.pop("chunk"), AnnotationTally(**numbers)


def _require_same(seen: dict[str, Any], expected: dict[str, Any], path: Path) -> None:
    for what, value in expected.items():
        if seen.get(what) != value:
            raise UnreadableFileError(Errors.ZT520.format(path=path, what=what, seen=seen.get(what), expected=value))
