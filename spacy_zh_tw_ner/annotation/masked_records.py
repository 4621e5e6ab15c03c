"""Mask the annotated records of a job, and collect the map, from which `unmask` restores the original texts."""

import secrets
from dataclasses import replace

from ..atomic_writes import write_whole
from ..masking import Masker
from .job import AnnotationJob, FileMasking
from .records import InputRecord, LoadedChunk, RejectedRecord
from .writers import AnnotatedRecord, record_fields

KEY = "pseudonym.key"  # name of the file in the folder of the job


class RecordMasker:
    """Masks the entities of annotated records and, if the job keeps a map, collects the lines of the map.

    The map is a file with the original texts of the masked entities, from which `unmask` restores the texts. It has
    one JSON line per record. The caller writes the lines that `take_map` returns.

    job (AnnotationJob): The job. Used are its format of the input, and the name of its field with the text.
    masking (FileMasking): The policy, the key, the fields to keep, and the path of the map (None for no map).
    """

    def __init__(self, job: AnnotationJob, masking: FileMasking) -> None:
        self.has_map = masking.map is not None
        self._job, self._fields = job, masking.keep_fields
        self._masker = Masker(masking.policy, key=masking.key)
        self._lines: list[bytes] = []

    def __call__(self, annotated: AnnotatedRecord, loaded: LoadedChunk) -> AnnotatedRecord:
        """Mask a record. If the job has a map, also store the line with the original texts for `take_map`.

        annotated (AnnotatedRecord): The record with its entities.
        loaded (LoadedChunk): The chunk of the record, which has the other columns of a Parquet input.
        RETURNS (AnnotatedRecord): The masked text, its entities with offsets in this text, and the fields to keep.
        """
        record = annotated.record
        masked = self._masker.mask_text(record.text, annotated.found)
        if self.has_map:
            self._lines.append(masked.map.to_line())
        fields = record_fields(record, loaded) if self._fields else {}
        kept = {name: fields[name] for name in self._fields if name in fields}
        line = {"line": record.line} if self._job.reads == "text" else {}
        fields = {**line, **kept, self._job.text_field: masked.text}
        return AnnotatedRecord(InputRecord(record.line, masked.text, fields), masked.entities)

    def take_map(self) -> bytes:
        """Return the new lines of the map since the last call, as JSON lines in UTF-8; empty if the job has no map."""
        lines, self._lines = self._lines, []
        return b"".join(lines)


def without_content(reject: RejectedRecord) -> RejectedRecord:
    """Return a copy of a rejected record for the list of rejects, without any text from the record.

    Rejected records are not masked, so the list must not quote them. In the copy, `seen` (the beginning of the record)
    is empty, and `reason` ends before its first colon, because the record may be quoted after it.
    """
    return RejectedRecord(reject.line, reject.reason.partition(":")[0], "")


def with_key(job: AnnotationJob) -> AnnotationJob:
    """Return a copy of a job with a random key, if its policy uses pseudonyms and no key is set. Else return the job.

    The key is stored in the folder of the job until the output is written, in a file that only the owner can read. So a
    job that is continued after an interruption uses the same pseudonyms.
    """
    masking = job.masking
    if masking is None or masking.key is not None or not masking.policy.uses("pseudonym"):
        return job
    path = job.folder / KEY
    if not path.is_file():
        write_whole(path, secrets.token_bytes(32), private=True)
    return replace(job, masking=replace(masking, key=path.read_bytes()))
