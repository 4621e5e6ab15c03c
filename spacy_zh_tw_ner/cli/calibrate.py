"""`calibrate PIPELINE DATA OUT`: fit the temperature that makes scores probabilities."""

from pathlib import Path

import typer
from wasabi import msg

from .gpu import use_gpu
from .main import fails_in_words, zh_tw_ner_cli


@zh_tw_ner_cli.command("calibrate")
@fails_in_words
def calibrate_cli(
    pipeline: str = typer.Argument(..., help="Folder or package name of a pipeline."),
    data: Path = typer.Argument(..., help="A .spacy file of held-out sentences: dev, not train."),
    output: Path = typer.Argument(..., help="Folder for the calibrated pipeline; it may be the one it came from."),
    diagram: Path | None = typer.Option(None, "--diagram", "-d", help="Draw scores against facts, as an SVG picture."),
    component: str | None = typer.Option(
        None, "--component", "-c", help="Name of the component, if there are several."
    ),
    gpu_id: int = typer.Option(-1, "--gpu-id", "-g", help="GPU, or -1 for the CPU."),
) -> None:
    """Make an entity with a score of 0.8 right 8 times in 10: fit one temperature on held-out data."""
    import spacy

    from ..evaluation.confidence import entity_confidence
    from ..evaluation.diagram import draw_reliability
    from ..evaluation.predict import predict_pairs
    from ..files import write_folder, write_whole
    from ..pipeline.calibration import calibrate, find_recognizer

    use_gpu(gpu_id)
    nlp = spacy.load(pipeline)
    find_recognizer(nlp, component)
    pairs = list(predict_pairs(nlp, data))
    before = entity_confidence(pairs)
    temperature = calibrate(nlp, [gold for gold, _ in pairs], component)
    after = entity_confidence(predict_pairs(nlp, data))
    msg.info(f"Temperature {temperature:.3f} ({'too sure of itself' if temperature > 1 else 'not sure enough'} before)")
    msg.info(f"Expected calibration error on this data: {before.error:.4f} → {after}")
    write_folder(output, nlp.to_disk)
    msg.good(f"Wrote {output}")
    if diagram is not None:
        write_whole(diagram, draw_reliability({"before": before.reliability, "after": after.reliability}).encode())
        msg.good(f"Wrote {diagram}: open it in a browser.")
