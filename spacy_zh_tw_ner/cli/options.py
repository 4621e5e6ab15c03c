"""Define what several commands share: options, parsers of their values, and what --gpu-id and --max-f1-drop do."""

from collections.abc import Callable, Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import typer

from ..errors import Errors
from .terminal import msg

FORCE_FOLDER: Any = typer.Option(
    False, "--force", "-F", help="Replace the output folder if this package has written it. Others are never replaced."
)
FORCE_FILE: Any = typer.Option(False, "--force", "-F", help="Replace OUT if it exists.")
IGNORE_HELP = "Write OUT even if F falls by more than --max-f1-drop, or if there is no --dev to measure it."


def one_of(*choices: str) -> Callable[[str], str]:
    """Return a parser for an option with a fixed set of values, upper or lower case."""
    return lambda value: pick(value, choices)


def corpus_format(value: str) -> str:
    """Parse the name of an input format of corpora."""
    from ..corpora.formats.detection import FORMATS

    return pick(value, ("auto", *FORMATS))


def export_format(value: str) -> str:
    """Parse the name of an output format of corpora."""
    from ..corpora.export import WRITERS

    return pick(value, WRITERS)


def offset_unit(value: str) -> str:
    """Parse the unit of offsets."""
    from ..corpora.offsets import CONVENTIONS

    return pick(value, ("auto", *CONVENTIONS))


def pick(value: str, choices: Iterable[str]) -> str:
    """Find a value among the choices, ignoring case.

    RETURNS (str): The choice as it is listed.
    RAISES (typer.BadParameter): If there is none; the message suggests the most similar choice and lists all.
    """
    known = list(choices)
    found = next((choice for choice in known if choice.lower() == value.strip().lower()), None)
    if found is None:
        near = get_close_matches(value.lower(), known, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise typer.BadParameter(f"{value!r} is not one of {', '.join(map(repr, known))}.{hint}")
    return found


def use_gpu(gpu_id: int) -> None:
    """Select the device of pipelines that are loaded from now on; print a line if only the encoders run on the GPU.

    gpu_id (int): Number of the GPU, or -1 for the CPU.
    RAISES (DeviceError): If there is no such GPU.
    """
    if gpu_id >= 0:
        from ..devices import require_gpu

        require_gpu(gpu_id, notify=msg.info)


def check_drop(data: Path, before: float, after: float, *, limit: float, ignore: bool, instead: str) -> None:
    """Compare F before and after.

    data (Path): The data that F was measured on.
    before, after (float): Micro F of exact spans, 0 to 100.
    limit (float): Points that may be lost.
    ignore (bool): Only warn.
    instead (str): The value of `--to` that loses less.
    RAISES (ValueError): If F falls by more than the limit.
    """
    drop = before - after
    if drop <= limit:
        return
    message = Errors.ZT543.format(data=data, drop=drop, before=before, after=after, limit=limit, instead=instead)
    if not ignore:
        raise ValueError(message)
    msg.warn(f"Written anyway. {message.partition(' Nothing')[0]}")
