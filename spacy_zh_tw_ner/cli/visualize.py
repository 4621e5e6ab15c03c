"""Define `visualize PIPELINE CORPUS OUT`, which writes a page of highlighted sentences with errors marked."""

from pathlib import Path

import typer

from .main import zh_tw_ner_cli
from .options import CORPUS_HELP, PIPELINE_HELP
from .terminal import msg


@zh_tw_ner_cli.command("visualize")
def visualize_cli(
    pipeline: str = typer.Argument(..., metavar="PIPELINE", help=PIPELINE_HELP),
    data: Path = typer.Argument(..., metavar="CORPUS", help=CORPUS_HELP),
    output: Path = typer.Argument(..., metavar="OUT", help="The HTML page to write."),
    limit: int = typer.Option(200, "--limit", "-n", min=0, help="Number of sentences; 0 for all."),
) -> None:
    """Write a self-contained HTML page that shows the correct, wrong and missed entities of a pipeline."""
    from ..atomic_writes import write_whole
    from ..components.inspection import only_spans_key
    from ..evaluation.html_page import render_page
    from ..evaluation.predictions import predict_pairs
    from ..outputs import require_report
    from ..recognizers.pipelines import load_pipeline, pipeline_places

    require_report(output, "HTML", inputs=[*pipeline_places(pipeline), data])
    nlp = load_pipeline(pipeline)
    pairs = list(predict_pairs(nlp, data, limit=limit))
    page = render_page(pairs, title=f"{pipeline} · {data.name}", spans_key=only_spans_key(nlp))
    write_whole(output, page.encode())
    msg.good(f"Wrote {output}: open it in a browser.")
