"""Define `export-onnx PIPELINE OUT`, which exports a Transformer pipeline for ONNX Runtime."""

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from .main import zh_tw_ner_cli
from .options import COMPONENT_HELP, FORCE_FOLDER, IGNORE_HELP, check_drop, one_of
from .terminal import msg, print_table

if TYPE_CHECKING:
    from ..export.quantize_onnx import QuantizedComparison


@zh_tw_ner_cli.command("export-onnx")
def export_onnx_cli(
    pipeline: str = typer.Argument(
        ..., metavar="PIPELINE", help="Folder or package name of a pipeline with a Transformer."
    ),
    output: Path = typer.Argument(..., metavar="OUT", help="Folder for model.onnx, pieces.npz and pipeline.json."),
    component: str | None = typer.Option(None, "--component", help=COMPONENT_HELP),
    to: str = typer.Option(
        "float32",
        "--to",
        parser=one_of("float32", "int8"),
        metavar="[float32|int8]",
        help="Precision of the weights; int8 has a quarter of the size and is faster.",
    ),
    dev: Path | None = typer.Option(
        None, "--dev", help="For int8: a .spacy file to measure F; by default the dev corpus of the training config."
    ),
    max_f1_drop: float = typer.Option(
        0.5, "--max-f1-drop", help="Largest allowed drop of F by int8, in points of 100."
    ),
    ignore_f1_drop: bool = typer.Option(False, "--ignore-f1-drop", help=IGNORE_HELP),
    force: bool = FORCE_FOLDER,
) -> None:
    """Export a pipeline to ONNX, to run without torch and spaCy.

    Pipeline and export are compared on random texts, and nothing is written if emissions or tags differ. With
    `--to int8` the export is then quantized, and nothing is written if F falls by more than --max-f1-drop.
    """
    from ..errors import CorpusError, Errors
    from ..evaluation.predictions import read_golds
    from ..export.export_onnx import require_onnx, write_onnx
    from ..export.quantize_onnx import quantize_onnx
    from ..outputs import output_folder, require_replaceable
    from ..recognizers.pipelines import load_pipeline, pipeline_places
    from .terminal import warn_of_unknown_labels

    inputs = [*pipeline_places(pipeline), *filter(None, [dev])]
    require_replaceable(output, force=force, inputs=inputs)
    require_onnx()
    nlp = load_pipeline(pipeline)
    dev = dev or Path(nlp.config["paths"].get("dev") or "nowhere")
    if to == "int8" and not dev.is_file() and not ignore_f1_drop:
        raise CorpusError(Errors.ZT545.format(path=dev))

    with output_folder(output, force=force, inputs=[*inputs, dev]) as folder:
        agreement = write_onnx(nlp, folder, component)
        msg.info(
            f"{agreement.characters:,} random characters: all tags equal, emissions differ by up to "
            f"{agreement.difference:.1e} of the largest. Characters/s: {agreement.speed_before:,.0f} torch, "
            f"{agreement.speed:,.0f} ONNX Runtime"
        )
        if to == "int8":
            golds = list(read_golds(nlp, dev)) if dev.is_file() else []
            warn_of_unknown_labels(nlp, golds, dev)
            rounding = quantize_onnx(nlp, folder, component, golds)
            _print(rounding)
            if rounding.f_score is not None and rounding.f_score_before is not None:
                before, after = rounding.f_score_before, rounding.f_score
                check_drop(dev, before, after, limit=max_f1_drop, ignore=ignore_f1_drop, instead="float32")
        msg.info(", ".join(f"{file.name} {_mebibytes(file.stat().st_size)}" for file in sorted(folder.iterdir())))
    msg.good(f"Wrote {output}")


def _print(rounding: "QuantizedComparison") -> None:
    msg.info(
        f"In 8 bits {rounding.same:,} of {rounding.characters:,} random characters keep their tag; emissions differ by "
        f"up to {rounding.difference:.1%} of the largest"
    )
    rows = [
        ("size", _mebibytes(rounding.size_before), _mebibytes(rounding.size)),
        ("characters/s", f"{rounding.speed_before:,.0f}", f"{rounding.speed:,.0f}"),
    ]
    if rounding.f_score is None:
        msg.warn("F was not measured.")
    else:
        rows.append(("F on dev", f"{rounding.f_score_before:.2f}", f"{rounding.f_score:.2f}"))
    print_table(rows, header=("", "float32", "int8"), aligns="lrr")


def _mebibytes(size: int) -> str:
    return f"{size / 2**20:,.1f} MiB"
