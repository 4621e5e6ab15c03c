"""A pipeline that annotates chunk by chunk: what each process runs, whatever engine has started it."""

import json
from collections.abc import Iterator

import spacy
import torch
from spacy.tokens import Doc
from thinc.api import require_gpu

from ..files import write_whole
from .chunks import Chunk
from .job import Job
from .readers import Reader
from .records import SEEN, Loaded, Record, Reject, Tally
from .writers import WRITERS


class Worker:
    """Loads the pipeline once, and puts the parts of each chunk in their places.

    job (Job): What to do.
    gpu (int | None): Number of the GPU; None for one core.
    """

    def __init__(self, job: Job, gpu: int | None = None) -> None:
        if gpu is None:
            # As many threads as cores in each of as many processes would stand in each other's way.
            torch.set_num_threads(1)
        else:
            require_gpu(gpu)
        self.job = job
        self.nlp = spacy.load(job.pipeline)
        self.read = Reader(job)

    def __call__(self, chunk: Chunk) -> Tally:
        """Annotate a chunk.

        RETURNS (Tally): What was done; its parts are written then.
        """
        loaded = self.read(chunk)
        tally = Tally()
        # Strings of these texts are forgotten afterwards, so that memory does not grow with the corpus.
        with self.nlp.memory_zone():
            writer = WRITERS[self.job.writes](self.job, loaded)
            for doc, record in self.nlp.pipe(self._docs(loaded), as_tuples=True):
                writer.add(record, doc)
                tally.records += 1
                tally.tokens += len(doc)
                tally.characters += len(record.text)
                tally.entities += len(doc.ents)
            data = writer.to_bytes()
        rejects = sorted(loaded.rejects, key=lambda reject: reject.line)
        tally.rejected = len(rejects)
        rows = (json.dumps(r.to_json(self.job.source.name), ensure_ascii=False) + "\n" for r in rejects)
        write_whole(self.job.part_rejects(chunk.index), "".join(rows).encode(errors="replace"))
        write_whole(self.job.part(chunk.index), data)
        return tally

    def _docs(self, loaded: Loaded) -> Iterator[tuple[Doc, Record]]:
        for record in loaded.records:
            try:
                doc = self.nlp.make_doc(record.text)
            except ValueError as error:  # half of a UTF-16 pair; longer than the nlp.max_length of another language
                reason = " ".join(str(error).split())
                loaded.rejects.append(Reject(record.line, reason, record.text[:SEEN]))
            else:
                yield doc, record
