"""The engine for a cluster: chunks as a dataset of Ray Data, workers as its pool of actors.

Ray moves numbers about, not texts: each worker reads its chunk from the input and writes its part beside the output, so
that both, and the pipeline, must be where all machines see them under one path. A worker that Ray loses is started
again by Ray, and its chunk with it.
"""

import logging
import os
import socket
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from ..errors import Errors
from ..runtime.folder import is_exported
from .chunks import Chunk
from .extras import ray_data
from .job import Job
from .processes import n_cores
from .records import Tally
from .worker import Worker

MAX_BLOCKS = 4096  # Ray keeps books of each
KNOCK = 10  # seconds


class RayWorker:
    """A worker as Ray Data calls it: a row that is a chunk → a row with what was done."""

    def __init__(self, job: Job, gpu: bool) -> None:
        self.work = Worker(job, 0 if gpu else None)  # Ray shows each actor its own GPU only

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        """Annotate a chunk."""
        chunk = Chunk(**{name: int(value) for name, value in row.items()})
        return {**row, **{f"done_{name}": value for name, value in asdict(self.work(chunk)).items()}}


def run_ray(
    job: Job, chunks: list[Chunk], workers: int, gpus: bool, address: str | None
) -> Iterator[tuple[Chunk, Tally]]:
    """Annotate chunks on Ray Data.

    job (Job), chunks (list[Chunk]): What is left to do.
    workers (int): Actors; 0 for as many as the cluster has cores or, with `gpus`, GPUs.
    gpus (bool): Whether each takes a GPU.
    address (str | None): Of a cluster; None starts Ray on this machine.
    YIELDS (tuple[Chunk, Tally]): What is finished, as it comes.
    RAISES (ValueError): If Ray is not there, not reached, or gave up a chunk.
    """
    data = ray_data()
    import ray

    job = replace(job, source=job.source.resolve(), target=job.target.resolve(), pipeline=_everywhere(job.pipeline))
    _start(workers, address)
    try:
        resource = "GPU" if gpus else "CPU"
        workers = min(workers or int(ray.cluster_resources().get(resource, 0)), len(chunks))
        if not workers:
            raise ValueError(Errors.ZT533.format(workers=workers, gpus=0))
        context = data.DataContext.get_current()
        context.enable_progress_bars = False  # there is one already
        rows = data.from_items([asdict(chunk) for chunk in chunks], override_num_blocks=min(len(chunks), MAX_BLOCKS))
        done = rows.map(
            RayWorker,
            fn_constructor_args=(job, gpus),
            compute=data.ActorPoolStrategy(size=workers),
            num_cpus=0 if gpus else 1,
            num_gpus=1 if gpus else 0,
        )
        for row in done.iter_rows():
            counts = {name[5:]: int(value) for name, value in row.items() if name.startswith("done_")}
            yield Chunk(**{name: int(row[name]) for name in Chunk.__annotations__}), Tally(**counts)
    except ray.exceptions.RayError as error:
        reason = str(getattr(error, "cause", None) or error).strip().splitlines()[-1]
        raise ValueError(Errors.ZT527.format(reason=reason, folder=job.folder)) from error
    finally:
        ray.shutdown()


def _start(workers: int, address: str | None) -> None:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # it would tell its makers
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")  # all else comes as exceptions
    import ray

    settings: dict[str, Any] = {"address": address or "local", "log_to_driver": False, "logging_level": logging.ERROR}
    if address is None:
        # An actor for which there is no core would be waited for without end.
        settings |= {"include_dashboard": False, "num_cpus": max(workers, n_cores())}
    try:
        _knock(address)
        ray.init(**settings)
    except (OSError, RuntimeError, ValueError) as error:
        where = f" at {address}" if address else ""
        raise ValueError(Errors.ZT532.format(address=where, reason=next(iter(str(error).splitlines()), "?"))) from error
    logging.getLogger("ray.data").setLevel(logging.ERROR)


def _knock(address: str | None) -> None:
    """RAISES (OSError): If nobody answers; Ray would wait for minutes, and then end the process."""
    host, colon, port = (address or "").rpartition("://")[2].rpartition(":")
    if colon and port.isdigit():
        socket.create_connection((host, int(port)), timeout=KNOCK).close()


def _everywhere(pipeline: str) -> str:
    """The name of a package, or the full path of a folder: workers have another working directory."""
    if is_exported(Path(pipeline)):
        return str(Path(pipeline).resolve())
    from spacy.util import is_package

    return pipeline if is_package(pipeline) else str(Path(pipeline).resolve())
