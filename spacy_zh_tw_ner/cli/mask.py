"""`mask IN OUT`: mask the personal data of a file of texts."""

import time
from pathlib import Path

import typer

from .main import zh_tw_ner_cli
from .terminal import msg


@zh_tw_ner_cli.command("mask")
def mask_cli(
    source: Path = typer.Argument(..., metavar="IN", help="A .jsonl, .parquet or .txt file; .txt has a text a line."),
    target: Path = typer.Argument(..., metavar="OUT", help="A .jsonl or .parquet file, or .txt for a .txt input."),
    policy: Path | None = typer.Option(
        None, "--policy", help="TOML file with the action of each label; without it, personal data is replaced."
    ),
    map: Path | None = typer.Option(
        None, "--map", help="File for the original texts, which `unmask` needs; readable by you only."
    ),
    key_file: Path | None = typer.Option(
        None, "--key-file", help="Secret of hashes and pseudonyms: the same key gives the same ones in every file."
    ),
    pipeline: str = typer.Option(
        "zh_tw_ner", "--pipeline", "-p", help="spaCy pipeline (folder or package) or exported model."
    ),
    text_field: str = typer.Option("text", "--text-field", help="Field or column of the text."),
    entities_field: str = typer.Option("entities", "--entities-field", help="Field or column for the entities."),
    keep_fields: list[str] = typer.Option(
        [], "--keep-field", help="Another field to copy, unmasked; repeat it for several. All others are left out."
    ),
    workers: int = typer.Option(
        0, "--workers", "-w", min=0, help="Worker processes; 0 for one per core or, with --gpu, one per GPU."
    ),
    gpu: bool = typer.Option(False, "--gpu", help="Give each worker a GPU."),
    chunk_size: int = typer.Option(
        500, "--chunk-size", min=1, help="Records per chunk; an interruption loses at most the chunks in progress."
    ),
    force: bool = typer.Option(False, "--force", "-F", help="Mask again, and replace OUT and the map."),
) -> None:
    """Mask personal data in a file of texts.

    An interrupted job continues when the same command is run again. Records that cannot be read are listed, with line
    and reason, in a file named after OUT with .rejects.jsonl.
    """
    from ..annotation.annotate import annotate
    from ..annotation.job import AnnotationJob, FileMasking
    from ..masking import Masker, MaskingPolicy, read_key, read_policy

    key = None if key_file is None else read_key(key_file)
    actions = MaskingPolicy() if policy is None else read_policy(policy)
    Masker(actions, key=key)  # a hash without a key is an error before the pipeline is loaded
    masking = FileMasking(actions, map, key, tuple(keep_fields))
    job = AnnotationJob(source, target, pipeline, text_field, entities_field, chunk_size, masking)
    start = time.perf_counter()
    total = annotate(job, workers=workers, gpus=gpu, force=force)
    seconds = time.perf_counter() - start
    msg.good(f"Wrote {target}: {total.records:,} records, {total.entities:,} entities, {seconds:,.0f} s")
    if total.rejected:
        msg.warn(f"{total.rejected:,} records could not be read. They are in {job.rejects}, with line and reason.")
