"""Define `from-hf MODEL OUT`, which converts a Hugging Face token classification model to a spaCy pipeline."""

from pathlib import Path

import typer

from .main import zh_tw_ner_cli
from .options import FORCE_FOLDER, one_of
from .terminal import msg


@zh_tw_ner_cli.command("from-hf")
def from_hf_cli(
    model: str = typer.Argument(..., metavar="MODEL", help="Id of a model on the Hugging Face Hub, or its folder."),
    output: Path = typer.Argument(..., metavar="OUT", help="Folder for the pipeline."),
    revision: str | None = typer.Option(None, "--revision", "-r", help="Branch, tag or commit of the model."),
    size: int = typer.Option(254, "--size", min=1, help="Wordpieces per window of a long document."),
    overlap: int = typer.Option(16, "--overlap", min=0, help="Wordpieces of context on each side of a window."),
    save_dtype: str | None = typer.Option(
        None,
        "--save-dtype",
        parser=one_of("fp16", "bf16"),
        metavar="[fp16|bf16]",
        help="Save weights in half the size.",
    ),
    force: bool = FORCE_FOLDER,
) -> None:
    """Convert a Hugging Face token classification model to a spaCy pipeline, without training."""
    from ..export.from_hf import pipeline_from_hf
    from ..outputs import output_folder

    inputs = [Path(model)] if Path(model).exists() else []
    with output_folder(output, force=force, inputs=inputs) as folder:
        nlp = pipeline_from_hf(model, revision=revision, size=size, overlap=overlap, save_dtype=save_dtype)
        msg.info(f"Labels: {', '.join(nlp.pipe_labels['ner'])}")
        nlp.to_disk(folder)
    msg.good(f"Wrote {output}: spacy.load({str(output)!r})")
    if "ckip" in model.lower():
        msg.warn("CKIP's weights are licensed under the GPL-3.0, so the pipeline is, too. See the model's card.")
