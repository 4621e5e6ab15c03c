"""Define `model-card PIPELINE OUT`, which writes the model card of a pipeline."""

from pathlib import Path

import typer

from .main import zh_tw_ner_cli
from .options import FORCE_FOLDER, PIPELINE_HELP
from .terminal import msg

LICENSES = "LICENSES_SOURCES"  # `spacy package` includes a file of this name


@zh_tw_ner_cli.command("model-card")
def model_card_cli(
    pipeline: str = typer.Argument(..., metavar="PIPELINE", help=PIPELINE_HELP),
    output: Path = typer.Argument(
        ..., metavar="OUT", help="An .md file, or a folder for a copy of the pipeline with the card."
    ),
    metrics: Path | None = typer.Option(None, "--metrics", help="JSON file of scores that `evaluate --output` wrote."),
    name: str = typer.Option("", "--name", help="Package name of the pipeline, such as zh_tw_ner."),
    corpus: str = typer.Option("", "--corpus", help="Name of the training corpus."),
    corpus_license: str = typer.Option("", "--corpus-license", help="Licence of the training corpus."),
    license_: str = typer.Option("", "--license", help="Licence of the pipeline."),
    license_file: Path | None = typer.Option(
        None, "--license-file", help="Licences of parts of the pipeline, such as LICENSE.txt of its base model."
    ),
    force: bool = FORCE_FOLDER,
) -> None:
    """Write a model card: labels, corpus, licence, scores by label, calibration, limits and citation.

    If OUT is a folder, it becomes a copy of the pipeline with the card as README.md, with description, licence and
    corpus in meta.json, and with --license-file as LICENSES_SOURCES. `spacy package` uses these three files.
    """
    import shutil

    from ..atomic_writes import write_whole
    from ..evaluation.model_card import CardDetails, read_meta, read_metrics, render_model_card, write_card_into
    from ..outputs import output_folder, require_new
    from ..recognizers.pipelines import data_folder, pipeline_places

    if license_file is not None and output.suffix == ".md":
        raise typer.BadParameter("--license-file needs a folder as OUT.")
    source = data_folder(pipeline)
    details = CardDetails(name or source.name, corpus, corpus_license, license_)
    scores = read_metrics(metrics) if metrics is not None else None
    inputs = [*pipeline_places(pipeline), *filter(None, [metrics, license_file])]
    if output.suffix == ".md":
        require_new(output, force=force, inputs=inputs)
        write_whole(output, render_model_card(read_meta(source), details, scores).encode())
    else:
        with output_folder(output, force=force, inputs=inputs) as folder:
            shutil.copytree(source, folder, dirs_exist_ok=True)
            write_card_into(folder, details, scores)
            if license_file is not None:
                shutil.copyfile(license_file, folder / LICENSES)
    msg.good(f"Wrote {output}.")
