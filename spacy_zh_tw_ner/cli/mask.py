"""Define `mask IN OUT`, which masks personal data in a file of texts."""

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
)
from .terminal import msg


@zh_tw_ner_cli.command("mask")
def mask_cli(
    source: Path = typer.Argument(
        ..., metavar="IN", help="A .jsonl or .parquet file, or a .txt file with one text per line."
    ),
    target: Path = typer.Argument(..., metavar="OUT", help="A .jsonl or .parquet file, or .txt for a .txt input."),
    policy: Path | None = typer.Option(
        None,
        "--policy",
        help="TOML file with the action for each label; by default, personal data is replaced by placeholders.",
    ),
    map: Path | None = typer.Option(
        None, "--map", help="File for the original texts, which `unmask` needs. Only you can read it."
    ),
    key_file: Path | None = typer.Option(
        None,
        "--key-file",
        help="File with the secret key. Hashes need one; pseudonyms use a random key by default. With the same key, a "
        "name has the same pseudonym in every file.",
    ),
    pipeline: str = typer.Option("zh_tw_ner", "--pipeline", "-p", help=RECOGNIZER_HELP),
    text_field: str = typer.Option("text", "--text-field", help=TEXT_FIELD_HELP),
    entities_field: str = typer.Option("entities", "--entities-field", help=ENTITIES_FIELD_HELP),
    keep_fields: list[str] = typer.Option(
        [],
        "--keep-field",
        help="Name of another field to copy unmasked; may be repeated. All other fields are left out.",
    ),
    workers: int = typer.Option(0, "--workers", "-w", min=0, help=WORKERS_HELP),
    gpu: bool = typer.Option(False, "--gpu", help=WORKER_GPU_HELP),
    chunk_size: int = typer.Option(500, "--chunk-size", min=1, help=CHUNK_SIZE_HELP),
    force: bool = typer.Option(
        False,
        "--force",
        "-F",
        help="Replace OUT and the map. If an interrupted job had other settings, discard its results; otherwise "
        "continue it.",
    ),
) -> None:
    """Mask the personal data in a file of texts.

    To continue an interrupted job, run the same command again. Records that cannot be read are listed with line and
    reason, but without their text, in a file next to OUT whose name ends in .rejects.jsonl.
    """
    from ..annotation.annotate import annotate
    from ..annotation.job import AnnotationJob, FileMasking
    from ..masking import Masker, MaskingPolicy, read_key, read_policy

    key = None if key_file is None else read_key(key_file)
    actions = MaskingPolicy() if policy is None else read_policy(policy)
    Masker(actions, key=key)  # raises an error for a hash without a key, before the pipeline is loaded
    masking = FileMasking(actions, map, key, tuple(keep_fields), tuple(filter(None, (policy, key_file))))
    job = AnnotationJob(source, target, pipeline, text_field, entities_field, chunk_size, masking)
    start = time.perf_counter()
    total = annotate(job, workers=workers, gpus=gpu, force=force)
    seconds = time.perf_counter() - start
    msg.good(f"Wrote {target}: {total.records:,} records, {total.entities:,} entities, {seconds:,.0f} s")
    if total.rejected:
        msg.warn(
            f"{total.rejected:,} records could not be read. They are listed with line and reason in {job.rejects}."
        )
