"""Annotate chunks on a Ray cluster: the rows of a Ray dataset are chunks, and a pool of actors annotates them.

Ray transfers ranges of the file, not texts: each worker reads its records from the input, and writes its chunks next to
the output. So input, output and pipeline must have the same paths on all machines. Ray retries the chunks of lost
workers.
"""

import logging
import os
import socket
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from types import ModuleType
from typing import Any

from ..errors import DeviceError, Errors, ZhTwNerError
from ..extras import import_extra
from ..recognizers.pipelines import is_installed
from ..runtime.folder import is_exported
from .chunks import Chunk
from .job import AnnotationJob, AnnotationTally
from .processes import Worker, n_cores

MAX_BLOCKS = 4096  # Ray keeps a data structure for each block
CONNECT_TIMEOUT = 10  # seconds


def ray_data() -> ModuleType:
    """Return the module `ray.data`.

    RAISES (MissingExtraError): If Ray is not installed.
    """
    return import_extra("ray.data", "ray", needed_by="--engine ray")


class RayWorker:
    """Actor of Ray Data, which annotates one chunk per call.

    job (AnnotationJob): Input, pipeline and output.
    gpu (bool): Whether to annotate on the GPU of the actor instead of the CPU.
    """

    def __init__(self, job: AnnotationJob, gpu: bool) -> None:
        self.work = Worker(job, 0 if gpu else None)  # Ray makes only its own GPU visible to each actor

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        """Annotate one chunk. Ray Data calls this method for each row of the dataset.

        row (dict[str, Any]): The fields of `Chunk` by name.
        RETURNS (dict[str, Any]): The same fields, and the counts of the chunk: for each field of `AnnotationTally`, its
            name with the prefix "done_", such as "done_records" → number.
        """
        chunk = Chunk(**{name: int(value) for name, value in row.items()})
        return {**row, **{f"done_{name}": value for name, value in asdict(self.work(chunk)).items()}}


def run_ray(
    job: AnnotationJob, chunks: list[Chunk], workers: int, gpus: bool, address: str | None
) -> Iterator[tuple[Chunk, AnnotationTally]]:
    """Annotate chunks on Ray Data.

    job (AnnotationJob): Input, pipeline and output.
    chunks (list[Chunk]): The chunks that are not finished yet.
    workers (int): Number of actors; 0 for one per core or, with `gpus`, one per GPU of the cluster.
    gpus (bool): Give each actor a GPU; otherwise, all actors run on the CPU.
    address (str | None): Address of a Ray cluster; None starts Ray on this machine.
    YIELDS (tuple[Chunk, AnnotationTally]): Chunks whose output is written to `job.folder`, with their counts, in any
        order. After the last one, `ray.shutdown` is called.
    RAISES (ZhTwNerError): If Ray is not installed or cannot be reached, or a chunk fails.
    """
    data = ray_data()
    import ray

    job = replace(job, source=job.source.resolve(), target=job.target.resolve(), pipeline=_absolute(job.pipeline))
    _start(workers, address)
    try:
        resource = "GPU" if gpus else "CPU"
        workers = min(workers or int(ray.cluster_resources().get(resource, 0)), len(chunks))
        if not workers:
            raise DeviceError(Errors.ZT533.format(workers=workers, gpus=0))
        context = data.DataContext.get_current()
        context.enable_progress_bars = False  # `annotate` shows one
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
            yield Chunk(**{name: int(row[name]) for name in Chunk.__annotations__}), AnnotationTally(**counts)
    except ray.exceptions.RayError as error:
        reason = str(getattr(error, "cause", None) or error).strip().splitlines()[-1]
        raise ZhTwNerError(Errors.ZT527.format(reason=reason, folder=job.folder)) from error
    finally:
        ray.shutdown()


def _start(workers: int, address: str | None) -> None:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # no telemetry
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")  # errors are raised as exceptions
    import ray

    settings: dict[str, Any] = {"address": address or "local", "log_to_driver": False, "logging_level": logging.ERROR}
    if address is None:
        # Ray waits forever to start an actor without a free core, so it starts with at least one core per worker.
        settings |= {"include_dashboard": False, "num_cpus": max(workers, n_cores())}
    try:
        _require_reachable(address)
        ray.init(**settings)
    except (OSError, RuntimeError, ValueError) as error:
        where = f" at {address}" if address else ""
        raise ZhTwNerError(
            Errors.ZT532.format(address=where, reason=next(iter(str(error).splitlines()), "?"))
        ) from error
    logging.getLogger("ray.data").setLevel(logging.ERROR)


def _require_reachable(address: str | None) -> None:
    """Check that the host of a cluster's address accepts connections.

    Without this check, Ray would wait for minutes for an unreachable host, and then end this process.

    address (str | None): Such as "ray://head:10001" or "head:6379". Without a port, and for None, nothing is checked.
    RAISES (OSError): If the connection fails.
    """
    host, colon, port = (address or "").rpartition("://")[2].rpartition(":")
    if colon and port.isdigit():
        socket.create_connection((host, int(port)), timeout=CONNECT_TIMEOUT).close()


def _absolute(pipeline: str) -> str:
    """Return the absolute path of a pipeline's folder, since actors have another working directory.

    pipeline (str): Folder, or name of an installed package, which is returned unchanged.
    """
    is_package = is_installed(pipeline) and not is_exported(Path(pipeline))
    return pipeline if is_package else str(Path(pipeline).resolve())
