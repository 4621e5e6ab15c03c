"""`export IN OUT`: a corpus, or what a pipeline proposes, for a labelling tool."""

from pathlib import Path

import typer
from wasabi import msg

from .gpu import use_gpu
from .main import fails_in_words, zh_tw_ner_cli


@zh_tw_ner_cli.command("export")
@fails_in_words
def export_cli(
    source: Path = typer.Argument(
        ...,
        metavar="IN",
        help="A .spacy file, or any other that `convert` reads. With --model also plain text, a text a line.",
    ),
    target: Path = typer.Argument(..., metavar="OUT", help="The file to write; for brat an empty or new folder."),
    format: str = typer.Option(
        ..., "--format", "-f", help="doccano, label-studio, bio, bioes, jsonl (spaCy, Prodigy), brat, or hf."
    ),
    model: str | None = typer.Option(
        None, "--model", "-m", help="Folder or package name of a pipeline that annotates, for people to correct."
    ),
    order: str = typer.Option(
        "file", "--order", help="'uncertain' puts first what the pipeline is least certain of; needs --model."
    ),
    gpu_id: int = typer.Option(-1, "--gpu-id", "-g", help="GPU, or -1 for the CPU."),
) -> None:
    """Write annotations for a labelling tool: those of a corpus, or a pipeline's with their scores.

    What people have corrected, `convert` reads again. Nothing is written unless the format can hold all of it.
    """
    import spacy

    from ..corpora.export import export
    from .progress import progress

    use_gpu(gpu_id)
    nlp = spacy.load(model) if model is not None else None
    with progress(source) as (notify, advance):
        n = export(source, target, format, nlp=nlp, model=model or "", order=order, notify=notify, advance=advance)
    msg.good(f"Wrote {n} texts to {target}")
