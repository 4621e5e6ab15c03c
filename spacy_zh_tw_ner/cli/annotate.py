"""`annotate IN OUT`: annotate a file of texts of any size."""

import time
from pathlib import Path

import typer

from .main import zh_tw_ner_cli
from .options import one_of
from .terminal import msg


@zh_tw_ner_cli.command("annotate")
def annotate_cli(
    source: Path = typer.Argument(..., metavar="IN", help="A .jsonl, .parquet or .txt file; .txt has a text a line."),
    target: Path = typer.Argument(..., metavar="OUT", help="A .jsonl, .parquet or .spacy file."),
    pipeline: str = typer.Option(
        "zh_tw_ner", "--pipeline", "-p", help="spaCy pipeline (folder or package) or exported model."
    ),
    model: str | None = typer.Option(None, "--model", "-m", hidden=True, help="Another name of --pipeline."),
    text_field: str = typer.Option("text", "--text-field", help="Field or column of the text."),
    entities_field: str = typer.Option("entities", "--entities-field", help="Field or column for the entities."),
    workers: int = typer.Option(
        0, "--workers", "-w", min=0, help="Worker processes; 0 for one per core or, with --gpu, one per GPU."
    ),
    gpu: bool = typer.Option(False, "--gpu", help="Give each worker a GPU."),
    chunk_size: int = typer.Option(
        500, "--chunk-size", min=1, help="Records per chunk; an interruption loses at most the chunks in progress."
    ),
    engine: str = typer.Option(
        "local", "--engine", parser=one_of("local", "ray"), metavar="[local|ray]", help="Local processes, or Ray Data."
    ),
    address: str | None = typer.Option(
        None, "--address", help="Address of a Ray cluster whose nodes can access all files."
    ),
    force: bool = typer.Option(False, "--force", "-F", help="Annotate again, and replace OUT."),
) -> None:
    """Annotate a file with several processes.

    An interrupted job continues when the same command is run again; a finished one is replaced only with --force.
    Records that cannot be read are listed, with line and reason, in a file named after OUT with .rejects.jsonl.
    """
    from ..annotation.annotate import annotate
    from ..annotation.job import AnnotationJob
    from ..runtime.folder import is_exported

    if gpu and engine == "local" and not is_exported(Path(model or pipeline)):
        from ..devices import check_gpu  # imports torch, which an exported folder does without

        if notice := check_gpu(0):
            msg.info(notice)
    job = AnnotationJob(source, target, model or pipeline, text_field, entities_field, chunk_size)
    start = time.perf_counter()
    total = annotate(job, engine=engine, workers=workers, gpus=gpu, address=address, force=force)
    seconds = time.perf_counter() - start
    msg.good(f"Wrote {target}: {total.records:,} records, {total.entities:,} entities, {seconds:,.0f} s")
    if total.rejected:
        msg.warn(f"{total.rejected:,} records could not be read. They are in {job.rejects}, with line and reason.")
