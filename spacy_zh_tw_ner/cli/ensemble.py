"""Define `ensemble PIPELINE... OUT`, which combines several pipelines into one."""

from pathlib import Path

import typer

from .main import zh_tw_ner_cli
from .options import FORCE_FOLDER
from .terminal import msg


@zh_tw_ner_cli.command("ensemble")
def ensemble_cli(
    pipelines: list[str] = typer.Argument(
        ..., metavar="PIPELINE", help="Folders or package names of two or more pipelines."
    ),
    output: Path = typer.Argument(..., metavar="OUT", help="Folder for the ensemble, with a copy of each pipeline."),
    min_score: float | None = typer.Option(
        None,
        "--min-score",
        min=0.0,
        max=1.0,
        help="Lowest score of the ensemble's entities; by default the min_score of the first pipeline.",
    ),
    force: bool = FORCE_FOLDER,
) -> None:
    """Combine pipelines with the same labels into one that averages their predictions.

    The pipelines may be trained with different seeds or encoders.
    """
    from ..components.ensemble import combine
    from ..outputs import output_folder
    from ..recognizers.pipelines import load_pipeline, pipeline_places

    with output_folder(output, force=force, inputs=pipeline_places(*pipelines)) as folder:
        nlp = combine([(name, load_pipeline(name)) for name in pipelines], min_score=min_score)
        nlp.to_disk(folder)
    msg.good(f"Wrote {output}: an ensemble of {len(pipelines)} pipelines.")
