"""`evaluate PIPELINE DATA`: exact-span scores, printed and as JSON."""

import json
from pathlib import Path

import typer
from wasabi import msg

from .main import fails_in_words, zh_tw_ner_cli


@zh_tw_ner_cli.command("evaluate")
@fails_in_words
def evaluate_cli(
    pipeline: str = typer.Argument(..., help="Folder or package name of a pipeline."),
    data: Path = typer.Argument(..., help="A .spacy file."),
    output: Path | None = typer.Option(None, "--output", "-o", help="Write the scores as JSON, too."),
    diagram: Path | None = typer.Option(None, "--diagram", "-d", help="Draw scores against facts, as an SVG picture."),
    gpu_id: int = typer.Option(-1, "--gpu-id", "-g", help="GPU, or -1 for the CPU."),
) -> None:
    """Score a pipeline on gold data: precision, recall and F of exact spans, micro and by label."""
    import spacy
    from thinc.api import require_gpu
    from tqdm import tqdm

    from ..evaluation.confidence import entity_confidence
    from ..evaluation.diagram import draw_reliability
    from ..evaluation.exact import count_exact, micro
    from ..evaluation.predict import predict_pairs
    from ..files import write_whole

    if gpu_id >= 0:
        require_gpu(gpu_id)
    nlp = spacy.load(pipeline)
    pairs = list(tqdm(predict_pairs(nlp, data), unit=" sentences", leave=False))
    by_label = count_exact(pairs)
    total = micro(by_label)
    rows = [
        (name, *(f"{value:.2f}" for value in (s["p"], s["r"], s["f"])), s["gold"])
        for name, s in [("micro", total.to_json()), *((label, c.to_json()) for label, c in by_label.items())]
    ]
    msg.table(rows, header=("", "P", "R", "F", "gold"), divider=True, aligns=tuple("lrrrr"))
    found = entity_confidence(pairs)
    if found.has_scores:
        msg.info(f"Expected calibration error of the scores: {found}")
    if output is not None:
        scores = {
            "pipeline": pipeline,
            "data": str(data),
            "micro": total.to_json(),
            "per_type": {k: v.to_json() for k, v in by_label.items()},
            "calibration": found.to_json() if found.has_scores else None,
        }
        write_whole(output, json.dumps(scores, ensure_ascii=False, indent=2).encode())
        msg.good(f"Wrote {output}")
    if diagram is not None and not found.has_scores:
        msg.warn(f"No entity has a score: there is nothing to draw in {diagram}.")
    elif diagram is not None:
        write_whole(diagram, draw_reliability({data.stem: found.reliability}).encode())
        msg.good(f"Wrote {diagram}: open it in a browser.")
