"""A job from its first chunk to the file in its place, begun or gone on with."""

from collections.abc import Iterator

from tqdm import tqdm

from ..errors import Errors
from ..files import write_streamed
from .assembly import ASSEMBLERS, concatenate, require_room
from .chunks import Chunk, find_chunks
from .job import Job
from .journal import Journal, identify
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
    progress (bool): Whether to show a bar.
    RETURNS (Tally): What was done, earlier runs included.
    RAISES (ValueError): For input, settings or a journal that cannot be used.
    """
    if engine not in ENGINES:
        remedy = f"Choose from {', '.join(ENGINES)}."
        raise ValueError(Errors.ZT528.format(setting="--engine", value=engine, remedy=remedy))
    before = _stamp(job)
    chunks, digest = find_chunks(job)
    with Journal(job, identify(job, digest)) as journal:
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
    return total


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
    write_streamed(job.target, lambda file: ASSEMBLERS[job.writes](job, parts, file))


def _stamp(job: Job) -> tuple[int, int]:
    found = job.source.stat()
    return found.st_size, found.st_mtime_ns
