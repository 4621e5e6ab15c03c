"""Define the settings and counts of an annotation job, and check its input before it starts."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import CorpusError, Errors, UsageError
from ..masking import MaskingPolicy

READS = {".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet", ".txt": "text"}
WRITES = {".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet", ".spacy": "spacy"}
# No .spacy: its documents would hold the original texts. A .txt output has one text per line, like a .txt input.
WRITES_MASKED = {".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet", ".txt": "text"}
META = "meta"  # field for the other fields of a record, as JSON, in formats with fixed columns
START = 2**20  # bytes at the beginning of the input that are checked
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

    policy (MaskingPolicy): The action for each label.
    map (Path | None): File to which the original texts are written, for `unmask`; None to write none.
    key (bytes | None): Secret key for hashes and pseudonyms. If it is None, hashes are an error, and pseudonyms use a
        random key, which is deleted when the output is complete.
    keep_fields (tuple[str, ...]): Names of other fields to copy unchanged. All other fields are left out, because they
        may contain the same personal data as the text.
    files (tuple[Path, ...]): The files of the policy and the key, which no output may replace.
    """

    policy: MaskingPolicy
    map: Path | None = None
    key: bytes | None = field(default=None, repr=False)
    keep_fields: tuple[str, ...] = ()
    files: tuple[Path, ...] = ()


@dataclass(frozen=True)
class AnnotationJob:
    """Settings of an annotation job: one input, one pipeline, one output.

    source (Path): Input file of JSON lines, Parquet, or plain text with one text per line.
    target (Path): Output file of JSON lines, Parquet or `.spacy`; a masked output is JSON lines, Parquet or text.
    pipeline (str): Folder or package name of a pipeline, or folder of an exported model.
    text_field (str): Field or column of the text.
    entities_field (str): Field or column to which the entities are written.
    chunk_size (int): Maximum number of records per chunk. After an interruption, unfinished chunks start again.
    masking (FileMasking | None): Settings of masking; None to annotate without masking.
    RAISES (UsageError): If a file name has no known suffix, or a setting is out of range.
    RAISES (CorpusError): If the input does not exist.
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
            setting, remedy = "--entities-field", f"Give a name that differs from --text-field and from {META!r}."
            raise UsageError(Errors.ZT528.format(setting=setting, value=self.entities_field, remedy=remedy))
        if not self.source.is_file():
            raise CorpusError(Errors.ZT522.format(path=self.source))

    @property
    def overlapping_field(self) -> str:
        """Field or column for the overlapping entities of `zh_tw_crf_spans`: "overlapping_" and `entities_field`."""
        return f"overlapping_{self.entities_field}"

    @property
    def reads(self) -> str:
        """Format of the input: "jsonl", "parquet" or "text"."""
        return READS[self.source.suffix.lower()]

    @property
    def writes(self) -> str:
        """Format of the output: "jsonl", "parquet" or "spacy"; "text" for a masked output."""
        return self._formats[self.target.suffix.lower()]

    @property
    def _formats(self) -> dict[str, str]:
        return WRITES if self.masking is None else WRITES_MASKED

    @property
    def folder(self) -> Path:
        """Folder of the finished chunks, next to the output; it is removed when the output is complete.

        Its name is that of the output with ".parts" added.
        """
        return self.target.with_name(f"{self.target.name}.parts")

    @property
    def rejects(self) -> Path:
        """Path of the JSON lines file, next to the output, that lists the records that cannot be annotated."""
        return self.target.with_name(f"{self.target.stem}.rejects.jsonl")

    def part(self, index: int) -> Path:
        """Return the path of the file with the annotated records of chunk `index` (from 0), in the output format."""
        return self.folder / f"{index:08}{self.target.suffix}"

    def part_map(self, index: int) -> Path:
        """Return the path of the map of chunk `index` (from 0), from which its masked texts can be restored."""
        return self.folder / f"{index:08}.map"

    def parts(self, index: int) -> list[Path]:
        """Return the paths of all files of chunk `index` (from 0): records, rejects and, if there are maps, its map."""
        has_map = self.masking is not None and self.masking.map is not None
        return [self.part(index), self.part_rejects(index), *([self.part_map(index)] if has_map else [])]

    def part_rejects(self, index: int) -> Path:
        """Return the path of the file that lists the rejected records of chunk `index` (from 0)."""
        return self.folder / f"{index:08}.rejects"


@dataclass
class AnnotationTally:
    """Counts of one chunk or job.

    records (int): Number of annotated records.
    characters (int): Number of characters in the texts of these records.
    entities (int): Number of entities found in these records.
    rejected (int): Number of records that cannot be annotated.
    tokens (int): Number of tokens of the documents, if the output is `.spacy`, because this format has a maximum. 0 for
        other formats.
    """

    records: int = 0
    characters: int = 0
    entities: int = 0
    rejected: int = 0
    tokens: int = 0

    def add(self, other: "AnnotationTally") -> None:
        """Add the counts of another tally to this one."""
        for name, value in vars(other).items():
            setattr(self, name, getattr(self, name) + value)


def require_readable(job: AnnotationJob) -> None:
    """Raise an error if the first MiB of the input shows that none of its records can be read.

    Parquet is not checked here, because pyarrow reports its errors.

    RAISES (CorpusError): If the first bytes are those of UTF-16 text, an archive or another binary file; if JSON lines
        are expected, and the file is one JSON array; or if none of the objects in the first MiB has the text field.
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
