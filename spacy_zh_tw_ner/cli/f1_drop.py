"""Refuse an output whose F is too far below that of its source."""

from pathlib import Path

from ..errors import Errors
from .printer import msg

IGNORE_HELP = "Write OUT even if F falls by more than --max-f1-drop, or if there is no --dev to measure it."


def check_drop(data: Path, before: float, after: float, *, limit: float, ignore: bool, instead: str) -> None:
    """Compare F before and after.

    data (Path): What F was measured on.
    before, after (float): Micro F of exact spans, 0 to 100.
    limit (float): Points that may be lost.
    ignore (bool): Only warn.
    instead (str): The `--to` that costs less.
    RAISES (ValueError): If F falls by more than the limit.
    """
    drop = before - after
    if drop <= limit:
        return
    message = Errors.ZT543.format(data=data, drop=drop, before=before, after=after, limit=limit, instead=instead)
    if not ignore:
        raise ValueError(message)
    msg.warn(f"Written anyway. {message.partition(' Nothing')[0]}")
