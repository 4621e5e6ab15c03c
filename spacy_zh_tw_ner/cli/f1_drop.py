"""`--max-f1-drop`: what fewer bits may cost."""

from pathlib import Path

from wasabi import msg

from ..errors import Errors


def check_drop(data: Path, before: float, after: float, *, limit: float, force: bool, instead: str) -> None:
    """Refuse, or with `force` say, that F falls too far.

    data (Path): What F was measured on.
    before, after (float): Micro F of exact spans, 0 to 100.
    limit (float): Points that may be lost.
    force (bool): Only say it.
    instead (str): The `--to` that costs less.
    RAISES (ValueError): Where it falls by more.
    """
    drop = before - after
    if drop <= limit:
        return
    said = Errors.ZT543.format(data=data, drop=drop, before=before, after=after, limit=limit, instead=instead)
    if not force:
        raise ValueError(said)
    msg.warn(f"Written all the same. {said.partition(' Nothing')[0]}")
