"""Run an annotation job from its input to the finished output, or continue an interrupted one."""

import json
from collections.abc import Iterator
from pathlib import Path

from tqdm import tqdm

from ..atomic_writes import claimed, resolve, write_streamed
from ..errors import CorpusError, Errors, OutputError, UsageError
from ..masking.maps import write_map_lines
from ..outputs import require_apart, require_new, require_report
from ..recognizers.pipelines import pipeline_places, source_folder
from .chunks import Chunk, find_chunks, parquet
from .job import AnnotationJob, AnnotationTally, require_readable
from .journal import Journal, has_journal, identify
from .masked_records import with_key
from .processes import run_processes
from .ray_data import ray_data, run_ray
from .writers import JOIN, concatenate, require_room

ENGINES = ("local", "ray")


def annotate(
    job: AnnotationJob,
    *,
    engine: str = "local",
    workers: int = 0,
    gpus: bool = False,
    address: str | None = None,
    force: bool = False,
    progress: bool = True,
) -> AnnotationTally:
    """Annotate a file in worker processes.

    Each worker has one chunk in memory at a time. Only a `.spacy` output is in memory as a whole, at the end. Finished
    chunks are kept in `job.folder`. After an interruption or error, a call with the same job annotates only the chunks
    that are not finished, and writes the same bytes as a job without interruption.

    job (AnnotationJob): Input, pipeline and output.
    engine (str): "local" for processes on this machine, "ray" for Ray Data.
    workers (int): Number of worker processes; 0 for one per core or, with `gpus`, one per GPU.
    gpus (bool): Give each worker a GPU; otherwise, all workers run on the CPU.
    address (str | None): Address of a Ray cluster; None starts Ray on this machine.
    force (bool): Replace an existing output. Also discard the chunks of an interrupted job with other settings.
    progress (bool): Show a progress bar.
    RETURNS (AnnotationTally): Counts of the whole job, including its earlier runs.
    RAISES (OutputError): If the output is finished already, or another process is writing it.
    RAISES (ZhTwNerError): If the input or a setting cannot be used, if no record can be read, or if the list of
        finished chunks in `job.folder` is damaged or belongs to a job with other settings.
    """
    if engine not in ENGINES:
        remedy = f"Choose from {', '.join(ENGINES)}."
        raise UsageError(Errors.ZT528.format(setting="--engine", value=engine, remedy=remedy))
    _require_outputs(job, force)
    if "parquet" in (job.reads, job.writes):
        parquet()
    if engine == "ray":
        ray_data()
    source_folder(job.pipeline)
    require_readable(job)
    with claimed(resolve(job.folder)):
        return _annotate(job, engine, workers, gpus, address, force, progress)


def _annotate(
    job: AnnotationJob, engine: str, workers: int, gpus: bool, address: str | None, force: bool, progress: bool
) -> AnnotationTally:
    before = _stamp(job)
    chunks, digest = find_chunks(job)
    job = with_key(job)
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
            raise CorpusError(Errors.ZT526.format(path=job.source))
        _assemble(job, len(chunks), total)
        journal.remove()
    if not total.records:
        raise CorpusError(_nothing_read(job, total))
    return total


def _require_outputs(job: AnnotationJob, force: bool) -> None:
    """Check that the outputs of a job replace neither its inputs nor other files that must be kept.

    job (AnnotationJob): The job.
    force (bool): Whether an existing output may be replaced. The output of an interrupted job may always be replaced.
    RAISES (OutputError): If the output is a folder or an input; if the output or the map (`job.masking.map`, from which
        `unmask` restores masked texts) exists and may not be replaced; or if the list of rejects would replace a file
        that is not a list of rejects.
    RAISES (UsageError): If the map has the path of another output, or is in the folder of the job.
    """
    inputs = [job.source, *pipeline_places(job.pipeline), *(job.masking.files if job.masking else ())]
    for path in (job.target, job.folder):
        require_apart(path, inputs)
    require_report(job.rejects, "a list of rejects", inputs=inputs)
    if job.target.is_dir():
        raise OutputError(Errors.ZT671.format(path=job.target, seen="a folder, not a file"))
    if job.target.is_file() and job.target.stat().st_size and not force and not has_journal(job):
        raise OutputError(Errors.ZT685.format(path=job.target))
    _require_map(job, inputs, force)


def _require_map(job: AnnotationJob, inputs: list[Path], force: bool) -> None:
    path = None if job.masking is None else job.masking.map
    if path is None:
        return
    outputs = {"OUT": job.target, "the list of rejects": job.rejects, "the working folder of the job": job.folder}
    for role, other in outputs.items():
        if resolve(other) in (place := resolve(path), *place.parents):
            raise UsageError(Errors.ZT882.format(path=path, role=role))
    require_new(path, force=force or has_journal(job), inputs=inputs)


def _nothing_read(job: AnnotationJob, total: AnnotationTally) -> str:
    if not total.rejected:
        return Errors.ZT686.format(path=job.source)
    with job.rejects.open(encoding="utf-8") as file:
        reason = json.loads(file.readline())["reason"]
    return Errors.ZT687.format(path=job.source, n=total.rejected, reason=reason, rejects=job.rejects)


def _run(
    job: AnnotationJob, chunks: list[Chunk], engine: str, workers: int, gpus: bool, address: str | None
) -> Iterator[tuple[Chunk, AnnotationTally]]:
    if not chunks:
        return iter(())
    if engine == "ray":
        return run_ray(job, chunks, workers, gpus, address)
    return run_processes(job, chunks, workers, gpus)


def _assemble(job: AnnotationJob, n_chunks: int, total: AnnotationTally) -> None:
    parts = [job.part(index) for index in range(n_chunks)]
    if total.rejected:
        write_streamed(job.rejects, lambda file: concatenate(job, map(job.part_rejects, range(n_chunks)), file))
    else:
        job.rejects.unlink(missing_ok=True)
    if total.records and job.masking is not None and job.masking.map is not None:
        # Before the output: a masked file without its map could not be restored; a map alone is written again.
        write_map_lines(job.masking.map, lambda file: concatenate(job, map(job.part_map, range(n_chunks)), file))
    if total.records:
        write_streamed(job.target, lambda file: JOIN[job.writes](job, parts, file))


def _stamp(job: AnnotationJob) -> tuple[int, int]:
    found = job.source.stat()
    return found.st_size, found.st_mtime_ns
