"""Run annotation in local worker processes, one per core or GPU."""

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

from ..errors import Errors
from .chunks import Chunk
from .job import Job
from .records import Tally
from .worker import Worker

THREADS = "OMP_NUM_THREADS"
_workers: list[Worker] = []  # of this process: one, once it has begun
_failures: list[Exception] = []  # error of this process, if its pipeline could not be loaded


def run_processes(job: Job, chunks: list[Chunk], workers: int, gpus: bool) -> Iterator[tuple[Chunk, Tally]]:
    """Annotate chunks in this machine's processes.

    job (Job): What to do.
    chunks (list[Chunk]): What is left to do.
    workers (int): Processes; 0 for one a core or, with `gpus`, one a GPU.
    gpus (bool): Whether each has a GPU.
    YIELDS (tuple[Chunk, Tally]): What is finished, as it comes.
    RAISES (ValueError): If a process was killed, or there are fewer GPUs than workers.
    """
    workers = min(_count(workers, gpus), max(1, len(chunks)))
    # A copy of a process that has used CUDA or threads of OpenMP hangs; a new one does not.
    context = get_context("spawn")
    ids: SimpleQueue[int | None] = context.SimpleQueue()
    for i in range(workers):
        ids.put(i if gpus else None)
    left, running = deque(chunks), dict[Future[Tally], Chunk]()
    with _threads_of_workers(gpus), ProcessPoolExecutor(workers, context, _begin, (job, ids)) as pool:
        try:
            while left or running:
                while left and len(running) < 2 * workers:  # one to work on, one to go on with
                    chunk = left.popleft()
                    running[pool.submit(_work, chunk)] = chunk
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    yield running.pop(future), future.result()
        except BrokenProcessPool as error:
            raise ValueError(Errors.ZT527.format(reason=error, folder=job.folder)) from error
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


@contextmanager
def _threads_of_workers(gpus: bool) -> Iterator[None]:
    """Have processes that begin meanwhile compute in one thread each, in numpy, too, which asks when it is imported.

    There is a process a core. And the last digits of a sum depend on how many threads have a part in it: so they are
    the same on every machine, and those of Ray, which sets this for its workers itself.
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
    """RETURNS (int): Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _count(workers: int, gpus: bool) -> int:
    if workers < 0:
        remedy = "Give 1 or more, or 0 for one a core or GPU."
        raise ValueError(Errors.ZT528.format(setting="--workers", value=workers, remedy=remedy))
    if not gpus:
        return workers or n_cores()
    import torch

    from ..devices import check_gpu

    if workers > torch.cuda.device_count():
        raise ValueError(Errors.ZT533.format(workers=workers, gpus=torch.cuda.device_count()))
    if not workers:
        check_gpu(0)
    return workers or torch.cuda.device_count()


def _begin(job: Job, ids: "SimpleQueue[int | None]") -> None:
    Thread(target=_die_with_parent, daemon=True).start()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends all of them
    try:
        _workers.append(Worker(job, ids.get()))
    except Exception as error:  # raised by the first chunk: raised here, it would look like a worker that was killed
        _failures.append(error if isinstance(error, ValueError | OSError) else ValueError(repr(error)))


def _die_with_parent() -> None:
    """End when the parent is killed: the pool's own processes would wait for work for ever."""
    parent = parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)


def _work(chunk: Chunk) -> Tally:
    if _failures:
        raise _failures[0]
    return _workers[0](chunk)
