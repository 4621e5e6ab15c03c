"""`annotate IN OUT`: a file of texts → a file of entities, however large."""

import time
from pathlib import Path

import typer
from wasabi import msg

from .main import zh_tw_ner_cli


@zh_tw_ner_cli.command("annotate")
def annotate_cli(
    source: Path = typer.Argument(..., metavar="IN", help="A .jsonl, .parquet or .txt file; .txt has a text a line."),
    target: Path = typer.Argument(..., metavar="OUT", help="A .jsonl, .parquet or .spacy file."),
    pipeline: str = typer.Option("zh_tw_ner", "--pipeline", "-p", help="Folder, of export-onnx too, or package name."),
    text_field: str = typer.Option("text", "--text-field", help="Field or column of the text."),
    entities_field: str = typer.Option("entities", "--entities-field", help="Field or column for the entities."),
    workers: int = typer.Option(0, "--workers", "-w", help="Processes; 0 for one a core or, with --gpu, one a GPU."),
    gpu: bool = typer.Option(False, "--gpu", help="Give each worker a GPU."),
    chunk_size: int = typer.Option(500, "--chunk-size", help="Records done at once: what an interruption costs."),
    engine: str = typer.Option("local", "--engine", help="local, or ray for Ray Data."),
    address: str | None = typer.Option(None, "--address", help="Of a Ray cluster, which must see all files."),
) -> None:
    """Annotate a file with several processes.

    A command that was interrupted, in whatever way, goes on when it is given again. Records that cannot be read are
    written to OUT's name with .rejects.jsonl, with line and reason.
    """
    from ..annotation.annotate import annotate
    from ..annotation.job import Job

    job = Job(source, target, pipeline, text_field, entities_field, chunk_size)
    start = time.perf_counter()
    total = annotate(job, engine=engine, workers=workers, gpus=gpu, address=address)
    seconds = time.perf_counter() - start
    msg.good(f"Wrote {target}: {total.records:,} records, {total.entities:,} entities, {seconds:,.0f} s")
    if total.rejected:
        msg.warn(f"{total.rejected:,} records could not be read. They are in {job.rejects}, with line and reason.")
