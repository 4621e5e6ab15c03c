"""Scan a text for personal data in one pass, in time that is linear in its length.

One compiled pattern finds ASCII stretches (sequences of ASCII characters, such as numbers and e-mail addresses) and
single Chinese characters that addresses and dates contain. Each of these places is passed to the rules for its kind:

    text ──fold_widths──▶ view ──ANCHORS──▶ ASCII stretch ─▶ numbers, dates in digits, e-mail …, accounts, secrets
                                            路 街 道 號 ───▶ addresses
                                            年 月 曆 ─────▶ dates in words

The view is the text with ASCII characters in place of full-width ones. It has the length of the text, so offsets need
no mapping. Rules look back and ahead a bounded number of characters.
"""

import re
from collections.abc import Collection, Iterator

from ..interval_scheduling import Segment, choose
from .account_rules import find_accounts, find_secrets
from .addresses import find_address, find_english_address
from .date_rules import find_lunar, find_month_and_day, find_year
from .findings import LABELS, Finding
from .numbers import find_numbers
from .numeric_dates import find_numeric_dates
from .text_rules import find_texts
from .widths import fold_widths

DEFAULT_MIN_SCORE = 0.5
ANCHORS = re.compile(r"[A-Za-z0-9+(@][ -~\r\n\t]*|-----BEGIN[ -~\r\n\t]*|[路街道號年月曆]")
DATE_RULES = {"年": find_year, "月": find_month_and_day, "曆": find_lunar}
MIN_STRETCH = 4  # characters; shorter stretches contain at most a date such as 3/8
MIN_TOKEN = 16  # characters of a stretch of letters and digits that may be an access token


def scan(text: str, *, min_score: float = DEFAULT_MIN_SCORE, labels: Collection[str] | None = None) -> list[Finding]:
    """Find personal data. The findings do not overlap.

    text (str): Any text.
    min_score (float): Findings with a lower score (from 0 to 1) are left out.
    labels (Optional[Collection[str]]): Labels to find; default: all of `LABELS`.
    RETURNS (list[Finding]): In the order of the text. Among overlapping findings, those with the largest sum of
        score × length are kept.
    """
    found = [finding for finding in find_candidates(text, labels=labels) if finding.score >= min_score]
    return [found[segment.kind] for segment in choose(_segments(found), 0.0)]


def find_candidates(text: str, *, labels: Collection[str] | None = None) -> Iterator[Finding]:
    """Yield the findings of all rules with any score; they may overlap.

    text (str), labels (Optional[Collection[str]]): See `scan`.
    """
    wanted = frozenset(LABELS if labels is None else labels)
    return (finding for finding in _find_all(fold_widths(text)) if finding.label in wanted)


def _segments(found: list[Finding]) -> list[Segment]:
    """Return findings as segments for interval scheduling, with their indices in `found` as kinds.

    The weight is score × length, so that a whole address outweighs a number in it.
    """
    return [Segment(f.start, f.end, index, f.score * (f.end - f.start)) for index, f in enumerate(found)]


def _find_all(view: str) -> Iterator[Finding]:
    """Yield the findings of all labels in a text, as `fold_widths` returns it."""
    address_end = 0
    for match in ANCHORS.finditer(view):
        start, end = match.span()
        char = view[start]
        if char.isascii():
            yield from _find_in_stretch(view, start, end)
        elif char in DATE_RULES:
            date = DATE_RULES[char](view, start)
            if date is not None:
                yield date
        elif start >= address_end:
            address = find_address(view, start)
            if address is not None:
                address_end = address.end
                yield address


def _find_in_stretch(view: str, start: int, end: int) -> Iterator[Finding]:
    """Yield the findings in one ASCII stretch. Rules that cannot apply to its characters are skipped."""
    while view[end - 1].isspace():
        end -= 1
    if end - start < MIN_STRETCH and "/" not in view[start:end]:
        return
    stretch = view[start:end]
    if not stretch.isalpha() and not (stretch.isdigit() and len(stretch) < 5):
        yield from find_numbers(view, start, end)
        yield from find_numeric_dates(view, start, end)
    if not stretch.isalnum() or len(stretch) >= MIN_TOKEN:
        yield from find_texts(view, start, end)
        if view.find("No.", start, end) >= 0:
            yield from find_english_address(view, start, end)
    yield from find_accounts(view, start, end)
    yield from find_secrets(view, start, end)
