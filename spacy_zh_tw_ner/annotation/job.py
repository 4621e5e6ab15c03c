"""Settings and counts of an annotation job, and a check of its input before it starts."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import CorpusError, Errors, UsageError
from ..masking import MaskingPolicy

READS = {".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet", ".txt": "text"}
WRITES = {".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet", ".spacy": "spacy"}
# `mask` writes no documents of spaCy, which hold the original text; .txt has a text a line, as its input has
WRITES_MASKED = {".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet", ".txt": "text"}
META = "meta"  # field for the other fields of a record, in outputs that cannot hold fields of any type
START = 2**20  # bytes of the input that are checked
BOM = b"\xef\xbb\xbf"
# File types by their first bytes
SIGNATURES = {
    b"\xff\xfe": "UTF-16 text",
    b"\xfe\xff": "UTF-16 text",
    b"\x1f\x8b": "compressed by gzip",
    b"PK\x03\x04": "a ZIP archive",
    b"\xfd7zXZ": "compressed by xz",
    b"BZh": "compressed by bzip2",
    b"(\xb5/\xfd": "compressed by Zstandard",
    b"PAR1": "Parquet",
}


@dataclass(frozen=True)
class FileMasking:
    """Settings for masking the texts of a file.

    policy (MaskingPolicy): The action of each label.
    map (Path | None): File for the originals, which `unmask` needs.
    key (bytes | None): Secret for hashes and pseudonyms; None for a random one, which the job deletes at its end.
    keep_fields (tuple[str, ...]): Other fields that are copied to the output as they are. All others are left out:
        they may hold the same personal data as the text.
    """

    policy: MaskingPolicy
    map: Path | None = None
    key: bytes | None = field(default=None, repr=False)
    keep_fields: tuple[str, ...] = ()


@dataclass(frozen=True)
class AnnotationJob:
    """One input, one pipeline, one output.

    source (Path): JSON lines, Parquet, or text with one text a line.
    target (Path): JSON lines, Parquet or `.spacy`.
    pipeline (str): Folder or package name.
    text_field (str): Field or column of the text.
    entities_field (str): Field or column for the entities.
    chunk_size (int): Records per chunk; an interruption loses the chunks in progress.
    masking (FileMasking | None): Mask the entities; None to annotate alone.
    RAISES (ZhTwNerError): For file names without a known format, a missing input, and settings out of range.
    """

    source: Path
    target: Path
    pipeline: str
    text_field: str = "text"
    entities_field: str = "entities"
    chunk_size: int = 500
    masking: FileMasking | None = None

    def __post_init__(self) -> None:
        for role, path, formats in (("IN", self.source, READS), ("OUT", self.target, self._formats)):
            if path.suffix.lower() not in formats:
                raise UsageError(Errors.ZT521.format(role=role, path=path, choices=", ".join(formats)))
        if self.writes == "text" != self.reads:
            names = {"command": "mask", "path": self.target, "source": self.source}
            raise UsageError(Errors.ZT881.format(**names, choices=".jsonl or .parquet"))
        if self.chunk_size < 1:
            remedy = "Give 1 or more."
            raise UsageError(Errors.ZT528.format(setting="--chunk-size", value=self.chunk_size, remedy=remedy))
        if len({self.text_field, self.entities_field, META}) < 3:
            setting, remedy = "--entities-field", f"Texts and entities need two fields, and neither may be {META!r}."
            raise UsageError(Errors.ZT528.format(setting=setting, value=self.entities_field, remedy=remedy))
        if not self.source.is_file():
            raise CorpusError(Errors.ZT522.format(path=self.source))

    @property
    def reads(self) -> str:
        """Format of the input: "jsonl", "parquet" or "text"."""
        return READS[self.source.suffix.lower()]

    @property
    def writes(self) -> str:
        """Format of the output: "jsonl", "parquet", "spacy" or, masked, "text"."""
        return self._formats[self.target.suffix.lower()]

    @property
    def _formats(self) -> dict[str, str]:
        return WRITES if self.masking is None else WRITES_MASKED

    @property
    def folder(self) -> Path:
        """Folder of the finished chunks, until the output is written."""
        return self.target.with_name(f"{self.target.name}.parts")

    @property
    def rejects(self) -> Path:
        """File of the records that cannot be annotated."""
        return self.target.with_name(f"{self.target.stem}.rejects.jsonl")

    def part(self, index: int) -> Path:
        """Return the path of the output of a chunk."""
        return self.folder / f"{index:08}{self.target.suffix}"

    def part_map(self, index: int) -> Path:
        """Return the path of the originals of a masked chunk."""
        return self.folder / f"{index:08}.map"

    def parts(self, index: int) -> list[Path]:
        """Return the paths of all files of a finished chunk."""
        has_map = self.masking is not None and self.masking.map is not None
        return [self.part(index), self.part_rejects(index), *([self.part_map(index)] if has_map else [])]

    def part_rejects(self, index: int) -> Path:
        """Return the path of the rejects of a chunk."""
        return self.folder / f"{index:08}.rejects"


@dataclass
class AnnotationTally:
    """Counts of one chunk, or of a job. Tokens are counted for `.spacy` only, whose number is limited."""

    records: int = 0
    characters: int = 0
    entities: int = 0
    rejected: int = 0
    tokens: int = 0

    def add(self, other: "AnnotationTally") -> None:
        """Add the counts of another tally."""
        for name, value in vars(other).items():
            setattr(self, name, getattr(self, name) + value)


def require_readable(job: AnnotationJob) -> None:
    """Check the beginning of JSON lines or text for mistakes that would reject all records.

    RAISES (ZhTwNerError): For another type of file, for one JSON array, and if no record has the field of the text.
    """
    if job.reads == "parquet":
        return  # pyarrow reports errors of Parquet
    with job.source.open("rb") as file:
        start = file.read(START)
        is_all = not file.read(1)
    for signature, seen in SIGNATURES.items():
        if start.startswith(signature):
            raise CorpusError(Errors.ZT688.format(path=job.source, seen=seen))
    if job.reads == "jsonl":
        _require_objects(job, start.removeprefix(BOM), is_all)


def _require_objects(job: AnnotationJob, start: bytes, is_all: bool) -> None:
    lines = start.split(b"\n")
    if not is_all:
        lines.pop()  # the last line may be cut off
    lines = [line for line in lines if line.strip()]
    if start.lstrip().startswith(b"[") and (len(lines) < 2 or not isinstance(_parse(lines[0]), list)):
        raise CorpusError(Errors.ZT689.format(path=job.source))
    records = [record for record in map(_parse, lines) if isinstance(record, dict)]
    if records and not any(job.text_field in record for record in records):
        fields = list(dict.fromkeys(name for record in records for name in record))
        seen = ", ".join(fields[:10]) or "none"
        raise CorpusError(Errors.ZT690.format(path=job.source, n=len(records), field=job.text_field, fields=seen))


def _parse(line: bytes) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None
