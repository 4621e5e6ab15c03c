"""Settings of an annotation job: input, pipeline and output."""

from dataclasses import dataclass
from pathlib import Path

from ..errors import Errors

READS = {".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet", ".txt": "text"}
META = "meta"  # beside the text, where the output has no room for fields of any kind
WRITES = {".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet", ".spacy": "spacy"}


@dataclass(frozen=True)
class Job:
    """One input, one pipeline, one output.

    source (Path): JSON lines, Parquet, or text with one text a line.
    target (Path): JSON lines, Parquet or `.spacy`.
    pipeline (str): Folder or package name.
    text_field (str): Where JSON lines or Parquet have their texts.
    entities_field (str): Where the entities go.
    chunk_size (int): Records that are annotated, and lost by an interruption, at once.
    RAISES (ValueError): For names that say no format, and for a chunk without records.
    """

    source: Path
    target: Path
    pipeline: str
    text_field: str = "text"
    entities_field: str = "entities"
    chunk_size: int = 500

    def __post_init__(self) -> None:
        for role, path, formats in (("IN", self.source, READS), ("OUT", self.target, WRITES)):
            if path.suffix.lower() not in formats:
                raise ValueError(Errors.ZT521.format(role=role, path=path, choices=", ".join(formats)))
        if self.chunk_size < 1:
            raise ValueError(
                Errors.ZT528.format(setting="--chunk-size", value=self.chunk_size, remedy="Give 1 or more.")
            )
        if len({self.text_field, self.entities_field, META}) < 3:
            remedy = f"Texts and entities need two fields, and neither may be {META!r}."
            raise ValueError(Errors.ZT528.format(setting="--entities-field", value=self.entities_field, remedy=remedy))
        if not self.source.is_file():
            raise ValueError(Errors.ZT522.format(path=self.source))

    @property
    def reads(self) -> str:
        """Format of the input: "jsonl", "parquet" or "text"."""
        return READS[self.source.suffix.lower()]

    @property
    def writes(self) -> str:
        """Format of the output: "jsonl", "parquet" or "spacy"."""
        return WRITES[self.target.suffix.lower()]

    @property
    def folder(self) -> Path:
        """Where finished chunks are kept until the last one is there."""
        return self.target.with_name(f"{self.target.name}.parts")

    @property
    def rejects(self) -> Path:
        """Where records go that cannot be annotated."""
        return self.target.with_name(f"{self.target.stem}.rejects.jsonl")

    def part(self, index: int) -> Path:
        """Where the output of a chunk is kept."""
        return self.folder / f"{index:08}{self.target.suffix}"

    def part_rejects(self, index: int) -> Path:
        """Where what was rejected of a chunk is kept."""
        return self.folder / f"{index:08}.rejects"
