"""Define `quantize PIPELINE OUT`, which reduces the precision of an encoder for CPUs, and measures the effect."""

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from .main import zh_tw_ner_cli
from .options import FORCE_FOLDER, IGNORE_HELP, check_drop, one_of
from .terminal import msg, print_table

if TYPE_CHECKING:
    from ..evaluation.footprint import Footprint


@zh_tw_ner_cli.command("quantize")
def quantize_cli(
    pipeline: str = typer.Argument(
        ..., metavar="PIPELINE", help="Folder or package name of a pipeline with a Transformer or BiLSTM."
    ),
    output: Path = typer.Argument(..., metavar="OUT", help="Folder for the quantized pipeline."),
    to: str | None = typer.Option(
        None,
        "--to",
        parser=one_of("int8", "bf16"),
        metavar="[int8|bf16]",
        help="Precision: int8 for a Transformer; bf16 for a Transformer or BiLSTM, on CPUs that support it. By default "
        "int8 for a Transformer, else bf16.",
    ),
    dev: Path | None = typer.Option(
        None, "--dev", help="A .spacy file to measure F; by default the dev corpus of the training config."
    ),
    max_f1_drop: float = typer.Option(0.5, "--max-f1-drop", help="Largest allowed drop of F, in points of 100."),
    ignore_f1_drop: bool = typer.Option(False, "--ignore-f1-drop", help=IGNORE_HELP),
    force: bool = FORCE_FOLDER,
) -> None:
    """Quantize the encoder of a pipeline: a Transformer to 8 or 16 bits, a BiLSTM to 16 bits.

    Head and CRF stay in 32 bits. Size, peak memory, speed and F of both pipelines are printed. Nothing is written if F
    falls by more than --max-f1-drop.
    """
    from ..errors import CorpusError, Errors
    from ..evaluation.footprint import folder_size, measure_footprint
    from ..evaluation.predictions import read_golds
    from ..export.quantize import default_target, require_encoder, write_quantized
    from ..outputs import output_folder, require_replaceable
    from ..recognizers.pipelines import load_pipeline, pipeline_folder, pipeline_places
    from .terminal import warn_of_unknown_labels

    inputs = [*pipeline_places(pipeline), *filter(None, [dev])]
    require_replaceable(output, force=force, inputs=inputs)
    source = pipeline_folder(pipeline)
    nlp = load_pipeline(pipeline)
    target = to or default_target(nlp)
    require_encoder(nlp, target)  # before the user is asked for a dev corpus in vain
    dev = dev or Path(nlp.config["paths"].get("dev") or "nowhere")
    if not dev.is_file() and not ignore_f1_drop:
        raise CorpusError(Errors.ZT545.format(path=dev))
    if dev.is_file():
        warn_of_unknown_labels(nlp, read_golds(nlp, dev), dev)

    with output_folder(output, force=force, inputs=[*inputs, dev]) as folder:
        write_quantized(nlp, folder, target, force=ignore_f1_drop)
        if dev.is_file():
            before, after = measure_footprint(pipeline, dev), measure_footprint(str(folder), dev)
            _print(before, after)
            check_drop(dev, before.f_score, after.f_score, limit=max_f1_drop, ignore=ignore_f1_drop, instead="bf16")
        else:
            msg.warn(f"F was not measured. Size: {_megabytes(folder_size(source))} → {_megabytes(folder_size(folder))}")
    msg.good(f"Wrote {output}: spacy.load({str(output)!r})")


def _print(before: "Footprint", after: "Footprint") -> None:
    print_table(
        [
            ("size", _megabytes(before.size), _megabytes(after.size)),
            ("peak memory", _megabytes(before.peak), _megabytes(after.peak)),
            ("characters/s", f"{before.speed:,.0f}", f"{after.speed:,.0f}"),
            ("F on dev", f"{before.f_score:.2f}", f"{after.f_score:.2f}"),
        ],
        header=("", "before", "after"),
        aligns="lrr",
    )


def _megabytes(size: int | None) -> str:
    return "" if size is None else f"{size / 2**20:,.0f} MiB"
