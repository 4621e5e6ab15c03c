"""Scan a text for personal data in one pass, in time that is linear in its length.

One compiled pattern finds stretches of ASCII (numbers, addresses of e-mail, …) and single Chinese characters at which
an address or a date may be. The rules for its kind then look at each place:

    text ──fold_widths──▶ view ──ANCHORS──▶ ASCII stretch ─▶ numbers, texts, numeric dates
                                            路 街 道 號 ───▶ addresses
                                            年 月 曆 ─────▶ dates

The view has the length of the text, so offsets need no mapping. Rules look back or ahead a bounded number of
characters.
"""

import re
from collections.abc import Collection, Iterator

from ..interval_scheduling import Segment, choose
from .account_rules import find_accounts, find_secrets
from .addresses import find_address, find_english_address
from .date_rules import find_lunar, find_month_and_day, find_year
from .findings import LABELS, Finding
from .numbers import find_numbers
from .numeric_dates import find_numeric
from .text_rules import find_texts
from .widths import fold_widths

DEFAULT_MIN_SCORE = 0.5
ANCHORS = re.compile(r"[A-Za-z0-9+(@][ -~\r\n\t]*|-----BEGIN[ -~\r\n\t]*|[路街道號年月曆]")
DATES = {"年": find_year, "月": find_month_and_day, "曆": find_lunar}
SHORTEST = 4  # characters of a stretch in which something may be found
SHORTEST_TOKEN = 16  # characters of a secret without signs


def scan(text: str, *, min_score: float = DEFAULT_MIN_SCORE, labels: Collection[str] | None = None) -> list[Finding]:
    """Find personal data that does not overlap.

    text (str): Any text.
    min_score (float): Findings with a lower score are left out.
    labels (Optional[Collection[str]]): Labels to find; default: all of `LABELS`.
    RETURNS (list[Finding]): In order. Of findings that overlap, those with the largest sum of score × length are kept.
    """
    found = [finding for finding in find_candidates(text, labels=labels) if finding.score >= min_score]
    return [found[segment.kind] for segment in choose(_segments(found), 0.0)]


def _segments(found: list[Finding]) -> list[Segment]:
    # Long findings outweigh their parts: a whole address, and not the phone number that its house numbers look like.
    return [Segment(f.start, f.end, index, f.score * (f.end - f.start)) for index, f in enumerate(found)]


def find_candidates(text: str, *, labels: Collection[str] | None = None) -> Iterator[Finding]:
    """Yield everything that a rule accepts, whatever its score; findings may overlap.

    text (str), labels (Optional[Collection[str]]): See `scan`.
    """
    wanted = frozenset(LABELS if labels is None else labels)
    return (finding for finding in _find_all(fold_widths(text)) if finding.label in wanted)


def _find_all(view: str) -> Iterator[Finding]:
    address_end = 0
    for match in ANCHORS.finditer(view):
        start, end = match.span()
        char = view[start]
        if char.isascii():
            yield from _find_in_stretch(view, start, end)
        elif char in DATES:
            date = DATES[char](view, start)
            if date is not None:
                yield date
        elif start >= address_end:
            address = find_address(view, start)
            if address is not None:
                address_end = address.end
                yield address


def _find_in_stretch(view: str, start: int, end: int) -> Iterator[Finding]:
    while view[end - 1].isspace():
        end -= 1
    if end - start < SHORTEST and "/" not in view[start:end]:
        return
    stretch = view[start:end]
    if not stretch.isalpha() and not (stretch.isdigit() and len(stretch) < 5):
        yield from find_numbers(view, start, end)
        yield from find_numeric(view, start, end)
    if not stretch.isalnum() or len(stretch) >= SHORTEST_TOKEN:
        yield from find_texts(view, start, end)
        if view.find("No.", start, end) >= 0:
            yield from find_english_address(view, start, end)
    yield from find_accounts(view, start, end)
    yield from find_secrets(view, start, end)
