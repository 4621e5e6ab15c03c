"""Define `export IN OUT`, which writes annotations or predictions for annotation tools."""

from pathlib import Path

import typer

from .main import zh_tw_ner_cli
from .options import FORCE_FILE, GPU_HELP, export_format, one_of, use_gpu
from .terminal import msg


@zh_tw_ner_cli.command("export")
def export_cli(
    source: Path = typer.Argument(
        ...,
        metavar="IN",
        help="A .spacy file, or another file that `convert` reads. With --pipeline also plain text, one text per line.",
    ),
    target: Path = typer.Argument(..., metavar="OUT", help="The output file; for brat a new or empty folder."),
    format: str = typer.Option(
        ...,
        "--format",
        "-f",
        parser=export_format,
        metavar="FORMAT",
        help="Format of OUT: doccano, label-studio, bio, bioes, jsonl (spaCy, Prodigy), brat, or hf.",
    ),
    pipeline: str | None = typer.Option(
        None,
        "--pipeline",
        "-p",
        help="Folder or package name of a pipeline whose predictions are exported for correction.",
    ),
    model: str | None = typer.Option(None, "--model", "-m", hidden=True, help="The old name of --pipeline."),
    order: str = typer.Option(
        "file",
        "--order",
        parser=one_of("file", "uncertain", "diverse", "margin"),
        metavar="[file|uncertain|diverse|margin]",
        help="Order of the texts; all but 'file' need --pipeline. 'uncertain': the largest entropy over all readings "
        "first; for pipelines without a CRF, the lowest score. 'margin': the smallest difference between the two best "
        "readings first. 'diverse': uncertain texts that differ from those before.",
    ),
    spans: str = typer.Option(
        "",
        "--spans",
        help="Export doc.spans[KEY] instead of doc.ents. Its entities may overlap; bio, bioes and hf cannot hold that.",
    ),
    gpu_id: int = typer.Option(-1, "--gpu-id", "-g", min=-1, help=GPU_HELP),
    force: bool = FORCE_FILE,
) -> None:
    """Write annotations for an annotation tool: those of a corpus, or predictions of a pipeline with their scores.

    `convert` reads the corrected file again. Nothing is written if the format cannot hold one of the texts. For
    label-studio, the labelling configuration is written to OUT with the suffix .config.xml instead of .json.
    """

    from ..corpora.export import export
    from ..outputs import require_apart
    from ..proposals.annotation_queue import choose_ranking
    from ..recognizers.pipelines import load_pipeline, pipeline_places
    from .terminal import progress

    pipeline = pipeline or model
    if order != "file" and pipeline is None:
        raise typer.BadParameter(f"{order!r} needs --pipeline.", param_hint="'--order'")
    if pipeline is not None:
        require_apart(target, pipeline_places(pipeline))
    use_gpu(gpu_id)
    nlp = load_pipeline(pipeline) if pipeline is not None else None
    with progress(source) as (notify, advance):
        n = export(
            source,
            target,
            format,
            nlp=nlp,
            model=pipeline or "",
            order="uncertain" if order == "uncertain" else "file",
            spans_key=spans,
            ranking=choose_ranking(nlp, order) if nlp is not None else None,
            force=force,
            notify=notify,
            advance=advance,
        )
    msg.good(f"Wrote {n} texts to {target}")
