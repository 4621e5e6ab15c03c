"""Define `try PIPELINE TEXT`, which prints the entities of one text."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from .main import zh_tw_ner_cli
from .options import RECOGNIZER_HELP
from .terminal import msg, print_table

if TYPE_CHECKING:
    from ..entities import Found

EXAMPLE = "蔡英文總統在臺北市接見台積電董事長。"


@zh_tw_ner_cli.command("try")
def try_cli(
    pipeline: str = typer.Argument("zh_tw_ner", metavar="PIPELINE", help=RECOGNIZER_HELP),
    text: str = typer.Argument(EXAMPLE, metavar="TEXT", help="The text to annotate."),
    output: Path | None = typer.Option(None, "--output", "-o", help="JSON file for the entities."),
) -> None:
    """Print the entities of one text, with their scores.

    Entities that do not overlap (`doc.ents`) come first. If the pipeline has the component zh_tw_crf_spans, its
    entities, which may overlap, follow.
    """
    from ..atomic_writes import write_whole
    from ..entities import spans_of
    from ..outputs import require_report
    from ..recognizers import load_recognizer
    from ..recognizers.pipelines import pipeline_places

    if output is not None:
        require_report(output, "JSON", inputs=pipeline_places(pipeline))
    (entities,) = load_recognizer(pipeline)([text])
    found = {"ents": _rows(text, entities)}
    spans = spans_of(entities)
    if spans is not None:
        found["spans"] = _rows(text, spans)
    msg.text(text)
    for rows in found.values() if entities else list(found.values())[-1:]:
        print_table(
            [(e["text"], e["label"], f"{e['score']:.3f}" if e["score"] is not None else "") for e in rows],
            header=("text", "label", "score"),
            aligns="llr",
        )
    if output is not None:
        write_whole(
            output,
            json.dumps({"pipeline": pipeline, "text": text, **found}, ensure_ascii=False, indent=2).encode(),
        )


def _rows(text: str, entities: "Sequence[Found]") -> list[dict[str, Any]]:
    return [{"text": text[ent.start : ent.end], "label": ent.label, "score": ent.score} for ent in entities]
