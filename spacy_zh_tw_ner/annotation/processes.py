"""Annotate chunks in worker processes on this machine, one per core or GPU."""

import json
import os
import signal
from collections import deque
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import connection, get_context, parent_process
from multiprocessing.queues import SimpleQueue
from threading import Thread

from ..atomic_writes import write_whole
from ..errors import DeviceError, Errors, UsageError, ZhTwNerError
from ..recognizers import load_recognizer, recognize_docs
from .chunks import Chunk
from .job import AnnotationJob, AnnotationTally
from .masked_records import RecordMasker, without_content
from .records import ChunkReader, LoadedChunk
from .writers import WRITERS, AnnotatedRecord

THREADS = "OMP_NUM_THREADS"


class Worker:
    """Annotates chunks with a recognizer that is loaded once. Each local process and each Ray actor has one worker.

    job (AnnotationJob): Input, pipeline and output.
    gpu (int | None): Number of the GPU. None for the CPU with one thread, because there is one process per core.
    RAISES (ZhTwNerError): If the pipeline cannot be loaded.
    """

    def __init__(self, job: AnnotationJob, gpu: int | None = None) -> None:
        self.job = job
        self._recognizer = load_recognizer(
            job.pipeline, threads=1 if gpu is None else 0, gpu_id=-1 if gpu is None else gpu
        )
        self._read = ChunkReader(job)
        self._mask = None if job.masking is None else RecordMasker(job, job.masking)

    def __call__(self, chunk: Chunk) -> AnnotationTally:
        """Annotate a chunk, and return its counts.

        The annotated records, the list of rejected records and, if the job keeps one, the map of masked texts are
        written to the folder of the job.
        """
        loaded, tally = self._read(chunk), AnnotationTally()
        # Masked records have only the fields to keep, so the writer must not use the table of the input.
        writer = WRITERS[self.job.writes](self.job, loaded if self._mask is None else LoadedChunk())
        for annotated in self._annotate(loaded):
            writer.add(annotated if self._mask is None else self._mask(annotated, loaded))
            tally.records += 1
            tally.characters += len(annotated.record.text)
            tally.entities += len(annotated.found)
            tally.tokens += 0 if annotated.doc is None else len(annotated.doc)
        rejects = sorted(loaded.rejects, key=lambda reject: reject.line)
        if self._mask is not None:
            rejects = [without_content(reject) for reject in rejects]
            if self._mask.has_map:
                write_whole(self.job.part_map(chunk.index), self._mask.take_map(), private=True)
        tally.rejected = len(rejects)
        rows = (json.dumps(r.to_json(self.job.source.name), ensure_ascii=False) + "\n" for r in rejects)
        write_whole(self.job.part_rejects(chunk.index), "".join(rows).encode(errors="replace"))
        write_whole(self.job.part(chunk.index), writer.to_bytes())
        return tally

    def _annotate(self, loaded: LoadedChunk) -> Iterator[AnnotatedRecord]:
        """Yield the annotated records of a chunk in order.

        loaded (LoadedChunk): The records that were read from the chunk. Those with texts that the recognizer cannot
            process are not yielded, but added to `loaded.rejects`.
        """
        records = loaded.readable(self._recognizer.check)
        texts = [record.text for record in records]
        if self.job.writes == "spacy":
            for record, (doc, found) in zip(records, recognize_docs(self._recognizer, texts), strict=True):
                yield AnnotatedRecord(record, found, doc)
        else:
            for record, found in zip(records, self._recognizer(texts), strict=True):
                yield AnnotatedRecord(record, found)


_workers: list[Worker] = []  # the worker of this process, after `_begin`
_failures: list[Exception] = []  # the error, if this process could not load the pipeline


def run_processes(
    job: AnnotationJob, chunks: list[Chunk], workers: int, gpus: bool
) -> Iterator[tuple[Chunk, AnnotationTally]]:
    """Annotate chunks in worker processes on this machine.

    job (AnnotationJob): Input, pipeline and output.
    chunks (list[Chunk]): The chunks that are not finished yet.
    workers (int): Number of processes; 0 for one per core or, with `gpus`, one per GPU.
    gpus (bool): Give each process a GPU; otherwise, all processes run on the CPU.
    YIELDS (tuple[Chunk, AnnotationTally]): Finished chunks with their counts, in any order.
    RAISES (ZhTwNerError): If a process is killed, or there are fewer GPUs than workers.
    """
    workers = min(_count(workers, gpus), max(1, len(chunks)))
    # A forked process hangs if its parent has used CUDA or OpenMP threads.
    context = get_context("spawn")
    ids: SimpleQueue[int | None] = context.SimpleQueue()
    for i in range(workers):
        ids.put(i if gpus else None)
    left, running = deque(chunks), dict[Future[AnnotationTally], Chunk]()
    with _threads_of_workers(gpus), ProcessPoolExecutor(workers, context, _begin, (job, ids)) as pool:
        try:
            while left or running:
                while left and len(running) < 2 * workers:  # one chunk per worker in progress, one in the queue
                    chunk = left.popleft()
                    running[pool.submit(_work, chunk)] = chunk
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    yield running.pop(future), future.result()
        except BrokenProcessPool as error:
            raise ZhTwNerError(Errors.ZT527.format(reason=error, folder=job.folder)) from error
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


@contextmanager
def _threads_of_workers(gpus: bool) -> Iterator[None]:
    """Context manager: set `OMP_NUM_THREADS` to 1 for the CPU workers that start inside it, unless the user set it.

    There is one process per core, so more threads would compete for the cores. Also, the last digits of a sum depend on
    the number of threads. With one thread they are equal on every machine, and equal to those of `--engine ray`: Ray
    sets the same variable.

    gpus (bool): Whether the workers use GPUs. If so, the variable is not set.
    """
    given = os.environ.get(THREADS)
    if given is None and not gpus:
        os.environ[THREADS] = "1"
    try:
        yield
    finally:
        if given is None:
            os.environ.pop(THREADS, None)


def n_cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _count(workers: int, gpus: bool) -> int:
    if workers < 0:
        remedy = "Give 1 or more, or 0 for one per core or GPU."
        raise UsageError(Errors.ZT528.format(setting="--workers", value=workers, remedy=remedy))
    if not gpus:
        return workers or n_cores()
    import torch

    from ..devices import check_gpu

    if workers > torch.cuda.device_count():
        raise DeviceError(Errors.ZT533.format(workers=workers, gpus=torch.cuda.device_count()))
    if not workers:
        check_gpu(0)
    return workers or torch.cuda.device_count()


def _begin(job: AnnotationJob, ids: "SimpleQueue[int | None]") -> None:
    Thread(target=_die_with_parent, daemon=True).start()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent process stops all workers
    try:
        _workers.append(Worker(job, ids.get()))
    except Exception as error:  # raised by the first chunk; an error raised here looks like a killed worker
        _failures.append(error if isinstance(error, ValueError | OSError) else ValueError(repr(error)))


def _die_with_parent() -> None:
    """Wait until the parent process ends, then exit this worker process. Run it in a thread of the worker.

    Without it, a worker whose parent was killed would wait for work forever.
    """
    parent = parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)


def _work(chunk: Chunk) -> AnnotationTally:
    if _failures:
        raise _failures[0]
    return _workers[0](chunk)
