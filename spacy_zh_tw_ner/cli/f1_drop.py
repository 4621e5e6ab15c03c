"""Refuse an output whose F is too far below that of its source."""

from pathlib import Path

from ..errors import Errors
from .printer import msg

IGNORE_HELP = "Write OUT whatever F is lost, and without --dev."


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
    msg.warn(f"Written all the same. {message.partition(' Nothing')[0]}")
