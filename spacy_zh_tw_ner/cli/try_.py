"""`try PIPELINE TEXT`: what an installed pipeline finds in a sentence."""

import json
from pathlib import Path

import typer

from .main import zh_tw_ner_cli
from .terminal import msg, print_table

EXAMPLE = "蔡英文總統在臺北市接見台積電董事長。"


@zh_tw_ner_cli.command("try")
def try_cli(
    pipeline: str = typer.Argument("zh_tw_ner", help="Folder or package name of a pipeline."),
    text: str = typer.Argument(EXAMPLE, help="The text to read."),
    output: Path | None = typer.Option(None, "--output", "-o", help="Write the entities as JSON, too."),
) -> None:
    """Load a pipeline and print the entities of one text with their scores."""
    from ..atomic_writes import write_whole
    from ..outputs import require_report
    from ..recognizers.pipelines import load_pipeline, pipeline_places

    if output is not None:
        require_report(output, "JSON", inputs=pipeline_places(pipeline))
    doc = load_pipeline(pipeline)(text)
    found = [
        {"text": ent.text, "label": ent.label_, "score": ent._.score if ent.has_extension("score") else None}
        for ent in doc.ents
    ]
    msg.text(text)
    print_table(
        [(e["text"], e["label"], f"{e['score']:.3f}" if e["score"] is not None else "") for e in found],
        header=("text", "label", "score"),
        aligns="llr",
    )
    if output is not None:
        write_whole(
            output,
            json.dumps({"pipeline": pipeline, "text": text, "ents": found}, ensure_ascii=False, indent=2).encode(),
        )
