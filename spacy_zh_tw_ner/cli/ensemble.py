"""`ensemble A B C OUT`: several pipelines as one."""

from pathlib import Path

import typer
from wasabi import msg

from .main import zh_tw_ner_cli


@zh_tw_ner_cli.command("ensemble")
def ensemble_cli(
    pipelines: list[str] = typer.Argument(..., help="Folders or package names of two pipelines or more."),
    output: Path = typer.Argument(..., help="Folder for the ensemble, which holds them whole."),
    min_score: float | None = typer.Option(None, "--min-score", help="As of zh_tw_crf_ner; by default the first's."),
) -> None:
    """Average pipelines with equal labels: trained with other seeds, say, or on other encoders."""
    import spacy

    from ..errors import Errors
    from ..files import write_folder
    from ..pipeline.ensemble import combine

    if any(Path(pipeline).resolve() == output.resolve() for pipeline in pipelines):
        raise ValueError(Errors.ZT374.format(path=output))
    nlp = combine([(name, spacy.load(name)) for name in pipelines], min_score=min_score)
    write_folder(output, nlp.to_disk)
    msg.good(f"Wrote {output}: {len(pipelines)} pipelines as one.")
