"""Define `annotate IN OUT`, which annotates a file of texts of any size."""

import time
from pathlib import Path

import typer

from .main import zh_tw_ner_cli
from .options import (
    CHUNK_SIZE_HELP,
    ENTITIES_FIELD_HELP,
    RECOGNIZER_HELP,
    TEXT_FIELD_HELP,
    WORKER_GPU_HELP,
    WORKERS_HELP,
    one_of,
)
from .terminal import msg


@zh_tw_ner_cli.command("annotate")
def annotate_cli(
    source: Path = typer.Argument(
        ..., metavar="IN", help="A .jsonl or .parquet file, or a .txt file with one text per line."
    ),
    target: Path = typer.Argument(..., metavar="OUT", help="A .jsonl, .parquet or .spacy file."),
    pipeline: str = typer.Option("zh_tw_ner", "--pipeline", "-p", help=RECOGNIZER_HELP),
    model: str | None = typer.Option(None, "--model", "-m", hidden=True, help="The old name of --pipeline."),
    text_field: str = typer.Option("text", "--text-field", help=TEXT_FIELD_HELP),
    entities_field: str = typer.Option("entities", "--entities-field", help=ENTITIES_FIELD_HELP),
    workers: int = typer.Option(0, "--workers", "-w", min=0, help=WORKERS_HELP),
    gpu: bool = typer.Option(False, "--gpu", help=WORKER_GPU_HELP),
    chunk_size: int = typer.Option(500, "--chunk-size", min=1, help=CHUNK_SIZE_HELP),
    engine: str = typer.Option(
        "local",
        "--engine",
        parser=one_of("local", "ray"),
        metavar="[local|ray]",
        help="Run in processes on this machine, or with Ray Data.",
    ),
    address: str | None = typer.Option(
        None,
        "--address",
        help="Address of a Ray cluster; all its nodes must have IN, OUT and the pipeline at the same paths.",
    ),
    force: bool = typer.Option(
        False,
        "--force",
        "-F",
        help="Replace OUT. If an interrupted job had other settings, discard its results; otherwise continue it.",
    ),
) -> None:
    """Annotate the texts of a file in several processes.

    To continue an interrupted job, run the same command again. A finished job is repeated only with --force. Records
    that cannot be read are listed with line and reason in a file next to OUT whose name ends in .rejects.jsonl.
    """
    from ..annotation.annotate import annotate
    from ..annotation.job import AnnotationJob
    from ..runtime.folder import is_exported

    if gpu and engine == "local" and not is_exported(Path(model or pipeline)):
        from ..devices import check_gpu  # imports torch, which exported models do not need

        if notice := check_gpu(0):
            msg.info(notice)
    job = AnnotationJob(source, target, model or pipeline, text_field, entities_field, chunk_size)
    start = time.perf_counter()
    total = annotate(job, engine=engine, workers=workers, gpus=gpu, address=address, force=force)
    seconds = time.perf_counter() - start
    msg.good(f"Wrote {target}: {total.records:,} records, {total.entities:,} entities, {seconds:,.0f} s")
    if total.rejected:
        msg.warn(
            f"{total.rejected:,} records could not be read. They are listed with line and reason in {job.rejects}."
        )
