"""`export-onnx PIPELINE OUT`: a pipeline with a Transformer for ONNX Runtime, checked before it is reported."""

from pathlib import Path

import typer
from wasabi import msg

from .main import fails_in_words, zh_tw_ner_cli


@zh_tw_ner_cli.command("export-onnx")
@fails_in_words
def export_onnx_cli(
    pipeline: str = typer.Argument(..., help="Folder or package name of a pipeline with a Transformer."),
    output: Path = typer.Argument(..., metavar="OUT", help="Folder for model.onnx, pieces.npz and pipeline.json."),
    component: str | None = typer.Option(
        None, "--component", "-c", help="Name of the component, if there are several."
    ),
) -> None:
    """Write encoder and head as ONNX, and all else that finding entities takes without torch and spaCy.

    Random texts go through both; nothing is written if emissions or tags differ.
    """
    import spacy

    from ..encoders.transformer.onnx_graph import require_onnx
    from ..files import write_folder
    from ..pipeline.export_onnx import write_onnx

    require_onnx()
    nlp = spacy.load(pipeline)

    def write(folder: Path) -> None:
        agreement = write_onnx(nlp, folder, component)
        sizes = ", ".join(f"{file.name} {file.stat().st_size / 2**20:,.1f} MiB" for file in sorted(folder.iterdir()))
        msg.info(sizes)
        msg.info(
            f"{agreement.characters:,} random characters: all tags equal, emissions to {agreement.difference:.1e} of "
            f"the largest. Characters/s: {agreement.speed_before:,.0f} torch, {agreement.speed:,.0f} ONNX Runtime"
        )

    write_folder(output, write)
    msg.good(f"Wrote {output}")
