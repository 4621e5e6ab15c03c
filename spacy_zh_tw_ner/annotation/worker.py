"""Annotate chunks of records; every worker process runs one, with the local engine and with Ray."""

import json

from ..atomic_writes import write_whole
from .annotators import load_annotator
from .chunks import Chunk
from .job import Job
from .readers import Reader
from .records import Tally
from .writers import WRITERS


class Worker:
    """Loads what annotates once, and puts the parts of each chunk in their places.

    job (Job): What to do.
    gpu (int | None): Number of the GPU; None for one core.
    """

    def __init__(self, job: Job, gpu: int | None = None) -> None:
        self.job = job
        self.annotate = load_annotator(job, gpu)
        self.read = Reader(job)

    def __call__(self, chunk: Chunk) -> Tally:
        """Annotate a chunk.

        RETURNS (Tally): What was done; its parts are written then.
        """
        loaded = self.read(chunk)
        tally = Tally()
        with self.annotate.zone():  # so that memory does not grow with the corpus
            writer = WRITERS[self.job.writes](self.job, loaded)
            for annotated in self.annotate(loaded):
                writer.add(annotated)
                tally.records += 1
                tally.tokens += annotated.n_tokens
                tally.characters += len(annotated.record.text)
                tally.entities += len(annotated.found)
            data = writer.to_bytes()
        rejects = sorted(loaded.rejects, key=lambda reject: reject.line)
        tally.rejected = len(rejects)
        rows = (json.dumps(r.to_json(self.job.source.name), ensure_ascii=False) + "\n" for r in rejects)
        write_whole(self.job.part_rejects(chunk.index), "".join(rows).encode(errors="replace"))
        write_whole(self.job.part(chunk.index), data)
        return tally
