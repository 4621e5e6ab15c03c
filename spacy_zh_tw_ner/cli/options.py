"""Define the arguments, options, value parsers and checks that several commands share."""

from collections.abc import Callable, Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import typer

from ..errors import Errors
from .terminal import msg

PIPELINE_HELP = "Folder or package name of a pipeline."
RECOGNIZER_HELP = "Folder or package name of a pipeline, or folder of an exported model."
CORPUS_HELP = "A .spacy file with gold annotation."
GPU_HELP = "Number of the GPU, from 0; -1 for the CPU."
COMPONENT_HELP = "Name of the component, if the pipeline has several recognizers."
TEXT_FIELD_HELP = "Field or column of the text."
ENTITIES_FIELD_HELP = "Field or column to which the entities are written."
WORKERS_HELP = "Number of worker processes; 0 for one per core or, with --gpu, one per GPU."
WORKER_GPU_HELP = "Give each worker a GPU."
CHUNK_SIZE_HELP = "Maximum number of records per chunk; after an interruption, unfinished chunks start again."
RESUME: Any = typer.Option(
    False, "--resume", help="Continue from the checkpoint in the output folder, if there is one."
)
CHECKPOINT_EVERY: Any = typer.Option(
    0, "--checkpoint-every", min=0, help="Updates between checkpoints; 0 for one at each evaluation."
)
FORCE_FOLDER: Any = typer.Option(
    False, "--force", "-F", help="Replace the folder OUT if this package wrote it. Other folders are never replaced."
)
FORCE_FILE: Any = typer.Option(False, "--force", "-F", help="Replace OUT if it exists.")
IGNORE_HELP = "Write OUT even if F falls by more than --max-f1-drop, or if there is no --dev corpus to measure it."


def one_of(*choices: str) -> Callable[[str], str]:
    """Return a parser for an option that accepts only the given values, ignoring case.

    The parser takes the value that the user gave, and returns the matching choice, spelled as in `choices`. It raises a
    typer.BadParameter if no choice matches.
    """
    return lambda value: pick(value, choices)


def corpus_format(value: str) -> str:
    """Return the format that `convert --format` names, ignoring case: "auto" or a key of
    `corpora.formats.detection.FORMATS`.

    RAISES (typer.BadParameter): If there is no such format.
    """
    from ..corpora.formats.detection import FORMATS

    return pick(value, ("auto", *FORMATS))


def export_format(value: str) -> str:
    """Return the format that `export --format` names, ignoring case: a key of `corpora.export.WRITERS`.

    RAISES (typer.BadParameter): If there is no such format.
    """
    from ..corpora.export import WRITERS

    return pick(value, WRITERS)


def offset_unit(value: str) -> str:
    """Return the unit of offsets that `--offsets` names, ignoring case: "auto" or a key of
    `corpora.offsets.CONVENTIONS`.

    RAISES (typer.BadParameter): If there is no such unit.
    """
    from ..corpora.offsets import CONVENTIONS

    return pick(value, ("auto", *CONVENTIONS))


def pick(value: str, choices: Iterable[str]) -> str:
    """Find the value of an option among its choices, ignoring case.

    value (str): The value that the user gave.
    choices (Iterable[str]): The allowed values.
    RETURNS (str): The matching choice, spelled as in `choices`.
    RAISES (typer.BadParameter): If no choice matches; the message lists all and suggests the most similar one.
    """
    known = list(choices)
    found = next((choice for choice in known if choice.lower() == value.strip().lower()), None)
    if found is None:
        near = get_close_matches(value.lower(), known, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise typer.BadParameter(f"{value!r} is not one of {', '.join(map(repr, known))}.{hint}")
    return found


def use_gpu(gpu_id: int) -> None:
    """Select the device on which pipelines are loaded from now on.

    Print a message if only the encoders can run on the GPU, because CuPy is missing.

    gpu_id (int): Number of the GPU; -1 for the CPU, which is the default, so that nothing is changed.
    RAISES (DeviceError): If there is no such GPU.
    """
    if gpu_id >= 0:
        from ..devices import require_gpu

        require_gpu(gpu_id, notify=msg.info)


def require_resume_or_force(resume: bool, force: bool) -> None:
    """Check that --resume and --force are not both given.

    resume (bool): Value of --resume.
    force (bool): Value of --force.
    RAISES (typer.BadParameter): If both are given.
    """
    if resume and force:
        raise typer.BadParameter("--resume continues a run and --force replaces it. Give only one of them.")


def check_drop(data: Path, before: float, after: float, *, limit: float, ignore: bool, instead: str) -> None:
    """Check that quantization by `quantize` or `export-onnx` does not lower F too much.

    If F falls by more than the limit, an error is raised or, if `ignore` is True, a warning is printed.

    data (Path): The corpus on which F was measured.
    before, after (float): Micro F of exact spans before and after quantization, 0 to 100.
    limit (float): Largest allowed difference `before - after`, in percentage points.
    ignore (bool): Whether the user accepts the loss of F (--ignore-f1-drop).
    instead (str): Another value of `--to`, which lowers F less. The message recommends it.
    RAISES (ValueError): If F falls by more than the limit and `ignore` is False.
    """
    drop = before - after
    if drop <= limit:
        return
    message = Errors.ZT543.format(data=data, drop=drop, before=before, after=after, limit=limit, instead=instead)
    if not ignore:
        raise ValueError(message)
    msg.warn(f"Written anyway. {message.partition(' Nothing')[0]}")
