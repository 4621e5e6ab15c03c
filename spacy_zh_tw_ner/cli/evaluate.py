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
    gpu_id: int = typer.Option(-1, "--gpu-id", "-g", help="GPU, or -1 for the CPU."),
) -> None:
    """Score a pipeline on gold data: precision, recall and F of exact spans, micro and by label."""
    import spacy
    from thinc.api import require_gpu
    from tqdm import tqdm

    from ..corpora.docbin import write_whole
    from ..evaluation.exact import count_exact, micro
    from ..evaluation.predict import predict_pairs

    if gpu_id >= 0:
        require_gpu(gpu_id)
    nlp = spacy.load(pipeline)
    by_label = count_exact(tqdm(predict_pairs(nlp, data), unit=" sentences", leave=False))
    total = micro(by_label)
    rows = [
        (name, *(f"{value:.2f}" for value in (s["p"], s["r"], s["f"])), s["gold"])
        for name, s in [("micro", total.to_json()), *((label, c.to_json()) for label, c in by_label.items())]
    ]
    msg.table(rows, header=("", "P", "R", "F", "gold"), divider=True, aligns=tuple("lrrrr"))
    if output is not None:
        scores = {
            "pipeline": pipeline,
            "data": str(data),
            "micro": total.to_json(),
            "per_type": {k: v.to_json() for k, v in by_label.items()},
        }
        write_whole(output, json.dumps(scores, ensure_ascii=False, indent=2).encode())
        msg.good(f"Wrote {output}")
