"""Run an annotation job from its first chunk to the finished file, or continue one that was stopped."""

import json
from collections.abc import Iterator
from pathlib import Path

from tqdm import tqdm

from ..atomic_writes import claimed, resolve, write_streamed
from ..components.folders import pipeline_folder, pipeline_places
from ..errors import Errors, OutputError
from ..outputs import require_apart, require_report
from ..runtime.folder import is_exported
from .assembly import ASSEMBLERS, concatenate, require_room
from .chunks import Chunk, find_chunks
from .extras import parquet, ray_data
from .input_check import require_readable
from .job import Job
from .journal import Journal, has_journal, identify
from .processes import run_processes
from .ray_data import run_ray
from .records import Tally

ENGINES = ("local", "ray")


def annotate(
    job: Job,
    *,
    engine: str = "local",
    workers: int = 0,
    gpus: bool = False,
    address: str | None = None,
    force: bool = False,
    progress: bool = True,
) -> Tally:
    """Annotate a file.

    Nothing of it needs to fit into memory but a chunk a worker (and what `.spacy` asks for at the end). Finished
    chunks stay in `job.folder`; called again with the same job, whether it was killed or has failed, it goes on from
    there, and gives the same bytes as a job that was never stopped.

    job (Job): What to do.
    engine (str): "local", or "ray" for Ray Data.
    workers (int): Processes; 0 for one a core or GPU.
    gpus (bool): Whether each worker has a GPU.
    address (str | None): Of a Ray cluster; None starts Ray on this machine.
    force (bool): Replace an output that exists, and the parts of another job.
    progress (bool): Whether to show a bar.
    RETURNS (Tally): What was done, earlier runs included.
    RAISES (ValueError): For input, settings or a journal that cannot be used, and if not one record could be read.
        OutputError, if the output is finished already, or another process is writing it.
    """
    if engine not in ENGINES:
        remedy = f"Choose from {', '.join(ENGINES)}."
        raise ValueError(Errors.ZT528.format(setting="--engine", value=engine, remedy=remedy))
    _require_outputs(job, force)
    if "parquet" in (job.reads, job.writes):
        parquet()
    if engine == "ray":
        ray_data()
    if not is_exported(Path(job.pipeline)):
        pipeline_folder(job.pipeline)
    require_readable(job)
    with claimed(resolve(job.folder)):
        return _annotate(job, engine, workers, gpus, address, force, progress)


def _annotate(
    job: Job, engine: str, workers: int, gpus: bool, address: str | None, force: bool, progress: bool
) -> Tally:
    before = _stamp(job)
    chunks, digest = find_chunks(job)
    with Journal(job, identify(job, digest), anew=force) as journal:
        left = [chunk for chunk in chunks if chunk.index not in journal.done]
        count = sum(chunk.count for chunk in chunks)
        begun = count - sum(chunk.count for chunk in left)
        total = journal.total()
        with tqdm(total=count, initial=begun, unit=" records", disable=not progress) as bar:
            for chunk, tally in _run(job, left, engine, workers, gpus, address):
                journal.enter(chunk.index, tally)
                total.add(tally)
                require_room(job, total.tokens)
                bar.update(chunk.count)
        if _stamp(job) != before:
            raise ValueError(Errors.ZT526.format(path=job.source))
        _assemble(job, len(chunks), total)
        journal.remove()
    if not total.records:
        raise ValueError(_nothing_read(job, total))
    return total


def _require_outputs(job: Job, force: bool) -> None:
    """Check that a job may start.

    RAISES (OutputError): If it is finished already, or would replace files that it did not write.
    """
    inputs = [job.source, *pipeline_places(job.pipeline)]
    for path in (job.target, job.folder):
        require_apart(path, inputs)
    require_report(job.rejects, "a list of rejects", inputs=inputs)
    if job.target.is_dir():
        raise OutputError(Errors.ZT671.format(path=job.target, seen="a folder, not a file"))
    if job.target.is_file() and job.target.stat().st_size and not force and not has_journal(job):
        raise OutputError(Errors.ZT685.format(path=job.target))


def _nothing_read(job: Job, total: Tally) -> str:
    if not total.rejected:
        return str(Errors.ZT686.format(path=job.source))
    with job.rejects.open(encoding="utf-8") as file:
        reason = json.loads(file.readline())["reason"]
    return str(Errors.ZT687.format(path=job.source, n=total.rejected, reason=reason, rejects=job.rejects))


def _run(
    job: Job, chunks: list[Chunk], engine: str, workers: int, gpus: bool, address: str | None
) -> Iterator[tuple[Chunk, Tally]]:
    if not chunks:
        return iter(())
    if engine == "ray":
        return run_ray(job, chunks, workers, gpus, address)
    return run_processes(job, chunks, workers, gpus)


def _assemble(job: Job, n_chunks: int, total: Tally) -> None:
    parts = [job.part(index) for index in range(n_chunks)]
    if total.rejected:
        write_streamed(job.rejects, lambda file: concatenate(job, map(job.part_rejects, range(n_chunks)), file))
    else:
        job.rejects.unlink(missing_ok=True)
    if total.records:
        write_streamed(job.target, lambda file: ASSEMBLERS[job.writes](job, parts, file))


def _stamp(job: Job) -> tuple[int, int]:
    found = job.source.stat()
    return found.st_size, found.st_mtime_ns
