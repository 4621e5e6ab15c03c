"""Define `calibrate PIPELINE CORPUS OUT`, which calibrates scores by temperature scaling."""

from pathlib import Path

import typer

from .main import zh_tw_ner_cli
from .options import COMPONENT_HELP, FORCE_FOLDER, GPU_HELP, PIPELINE_HELP, use_gpu
from .terminal import msg


@zh_tw_ner_cli.command("calibrate")
def calibrate_cli(
    pipeline: str = typer.Argument(..., metavar="PIPELINE", help=PIPELINE_HELP),
    data: Path = typer.Argument(
        ..., metavar="CORPUS", help="A .spacy file with gold annotation that was not used for training, such as dev."
    ),
    output: Path = typer.Argument(
        ...,
        metavar="OUT",
        help="Folder for the calibrated pipeline; with --force it may be the folder of PIPELINE itself.",
    ),
    diagram: Path | None = typer.Option(None, "--diagram", "-d", help="File for a reliability diagram, .svg or .png."),
    component: str | None = typer.Option(None, "--component", help=COMPONENT_HELP),
    gpu_id: int = typer.Option(-1, "--gpu-id", "-g", min=-1, help=GPU_HELP),
    force: bool = FORCE_FOLDER,
) -> None:
    """Calibrate the scores of a pipeline by temperature scaling on held-out data.

    A calibrated score is the probability that an entity is correct: of entities with score 0.8, about 80 % are.
    """

    from ..atomic_writes import write_whole
    from ..components.calibration import calibrate
    from ..components.inspection import find_recognizer
    from ..evaluation.calibration_error import entity_confidence
    from ..evaluation.figures import draw_reliability, picture_bytes, require_picture
    from ..evaluation.predictions import predict_pairs
    from ..outputs import output_folder
    from ..recognizers.pipelines import load_pipeline, pipeline_places
    from .terminal import warn_of_unknown_labels

    places = pipeline_places(pipeline)
    if diagram is not None:
        require_picture(diagram, inputs=[*places, data])
    with output_folder(output, force=force, inputs=[data], source=places) as folder:
        use_gpu(gpu_id)
        nlp = load_pipeline(pipeline)
        find_recognizer(nlp, component)
        pairs = list(predict_pairs(nlp, data))
        warn_of_unknown_labels(nlp, (gold for gold, _ in pairs), data)
        before = entity_confidence(pairs)
        temperature = calibrate(nlp, [gold for gold, _ in pairs], component)
        after = entity_confidence(predict_pairs(nlp, data))
        confidence = "overconfident" if temperature > 1 else "underconfident"
        msg.info(f"Temperature {temperature:.3f} ({confidence} before)")
        msg.info(f"Expected calibration error on this data: {before.error:.4f} → {after}")
        nlp.to_disk(folder)
    msg.good(f"Wrote {output}")
    if diagram is not None:
        drawing = draw_reliability({"before": before.reliability, "after": after.reliability})
        write_whole(diagram, picture_bytes(drawing, diagram))
        msg.good(f"Wrote {diagram}: open it in a browser.")
