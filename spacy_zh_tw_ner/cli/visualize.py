"""`visualize PIPELINE DATA OUT`: one page of highlighted sentences, errors against gold marked."""

from pathlib import Path

import typer
from wasabi import msg

from .main import zh_tw_ner_cli


@zh_tw_ner_cli.command("visualize")
def visualize_cli(
    pipeline: str = typer.Argument(..., help="Folder or package name of a pipeline."),
    data: Path = typer.Argument(..., help="A .spacy file."),
    output: Path = typer.Argument(..., help="The HTML page to write."),
    limit: int = typer.Option(200, "--limit", "-n", help="Number of sentences; 0 for all."),
) -> None:
    """Write a self-contained page that shows what a pipeline finds, what it gets wrong, and what it misses."""
    import spacy

    from ..evaluation.page import render_page
    from ..evaluation.predict import predict_pairs
    from ..files import write_whole

    page = render_page(list(predict_pairs(spacy.load(pipeline), data, limit=limit)), title=f"{pipeline} · {data.name}")
    write_whole(output, page.encode())
    msg.good(f"Wrote {output}: open it in a browser.")
