"""`visualize PIPELINE DATA OUT`: write one page of highlighted sentences with errors marked."""

from pathlib import Path

import typer

from .main import zh_tw_ner_cli
from .terminal import msg


@zh_tw_ner_cli.command("visualize")
def visualize_cli(
    pipeline: str = typer.Argument(..., help="Folder or package name of a pipeline."),
    data: Path = typer.Argument(..., help="A .spacy file."),
    output: Path = typer.Argument(..., help="The HTML page to write."),
    limit: int = typer.Option(200, "--limit", "-n", min=0, help="Number of sentences; 0 for all."),
) -> None:
    """Write a self-contained page that shows what a pipeline finds, what it gets wrong, and what it misses."""
    from ..atomic_writes import write_whole
    from ..evaluation.html_page import render_page
    from ..evaluation.predictions import predict_pairs
    from ..outputs import require_report
    from ..recognizers.pipelines import load_pipeline, pipeline_places

    require_report(output, "HTML", inputs=[*pipeline_places(pipeline), data])
    pairs = list(predict_pairs(load_pipeline(pipeline), data, limit=limit))
    page = render_page(pairs, title=f"{pipeline} · {data.name}")
    write_whole(output, page.encode())
    msg.good(f"Wrote {output}: open it in a browser.")
