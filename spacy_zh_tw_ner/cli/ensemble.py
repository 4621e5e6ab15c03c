"""`ensemble A B C OUT`: several pipelines as one."""

from pathlib import Path

import typer

from .main import zh_tw_ner_cli
from .options import FORCE_FOLDER
from .terminal import msg


@zh_tw_ner_cli.command("ensemble")
def ensemble_cli(
    pipelines: list[str] = typer.Argument(..., help="Folders or package names of two pipelines or more."),
    output: Path = typer.Argument(..., help="Folder for the ensemble, which contains a copy of each."),
    min_score: float | None = typer.Option(
        None, "--min-score", min=0.0, max=1.0, help="min_score of the ensemble; default: that of the first pipeline."
    ),
    force: bool = FORCE_FOLDER,
) -> None:
    """Average pipelines with the same labels, such as pipelines trained with different seeds or encoders."""
    from ..components.ensemble import combine
    from ..outputs import output_folder
    from ..recognizers.pipelines import load_pipeline, pipeline_places

    with output_folder(output, force=force, inputs=pipeline_places(*pipelines)) as folder:
        nlp = combine([(name, load_pipeline(name)) for name in pipelines], min_score=min_score)
        nlp.to_disk(folder)
    msg.good(f"Wrote {output}: {len(pipelines)} pipelines as one.")
