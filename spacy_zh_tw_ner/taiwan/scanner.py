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
from bisect import bisect_left
from collections.abc import Collection
from functools import cached_property

from ..interval_scheduling import Segment, choose
from .account_rules import ACCOUNT_WORDS, CHARS_BEFORE, find_accounts
from .addresses import find_address, find_english_address
from .context_words import ContextFinder
from .date_rules import find_lunar, find_month_and_day, find_year
from .findings import Finding, one_of
from .numbers import find_numbers
from .numeric_dates import find_numeric_dates
from .secret_rules import SECRET_WORDS, find_secrets
from .text_rules import find_texts
from .widths import fold_widths

DEFAULT_MIN_SCORE = 0.5
# ASCII stretches end before white space. They have at least four characters, except dates such as 3/8.
# The pattern begins with a set of characters, so that `re` skips all other characters quickly.
ANCHORS = re.compile(
    r"[-A-Za-z0-9+(@路街道號年月曆]"
    r"(?:(?<=[A-Za-z0-9+(@])(?:[ -~\r\n\t]{2,}[!-~]|/[0-9])"
    r"|(?<=-)----BEGIN[ -~\r\n\t]*[!-~]"
    r"|(?<=[路街道號年月曆]))"
)
# Words and signs, one of which is near each account and each secret.
WORD_NEAR_ACCOUNT = re.compile(one_of((*ACCOUNT_WORDS, *SECRET_WORDS)))
LONGEST_WORD = max(map(len, (*ACCOUNT_WORDS, *SECRET_WORDS)))
SIGN_IN_ACCOUNT = re.compile(r"[!@#$%^&*+]")
DATE_RULES = {"年": find_year, "月": find_month_and_day, "曆": find_lunar}
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


def find_candidates(text: str, *, labels: Collection[str] | None = None) -> list[Finding]:
    """Return the findings of all rules with any score, in no particular order; they may overlap.

    text (str): Any text.
    labels (Optional[Collection[str]]): Labels to find; default: all of `LABELS`.
    """
    found = _find_all(fold_widths(text))
    wanted = None if labels is None else frozenset(labels)
    return found if wanted is None else [finding for finding in found if finding.label in wanted]


class _AccountWords:
    """Positions of the words near which accounts and secrets are searched, such as LINE, 帳號 and 密碼.

    All positions are found in one pass when they are first needed.

    view (str): The text with full-width characters replaced by half-width ones (`fold_widths`); offsets are the same.
    """

    def __init__(self, view: str) -> None:
        self._view = view

    @cached_property
    def _starts(self) -> list[int]:
        return [match.start() for match in WORD_NEAR_ACCOUNT.finditer(self._view)]

    def are_near(self, start: int, end: int) -> bool:
        """Return whether one of the words is in an ASCII stretch or in the `CHARS_BEFORE` characters before it.

        start (int), end (int): The span of the stretch.
        """
        # A place that overlaps a longer word is not in the list, but that word is.
        first = bisect_left(self._starts, start - CHARS_BEFORE - LONGEST_WORD)
        return first < len(self._starts) and self._starts[first] < end


def _segments(found: list[Finding]) -> list[Segment]:
    """Convert findings to segments (weighted intervals), of which `choose` keeps those that do not overlap.

    The `kind` of a segment is the index of its finding. Its `score`, the weight, is score × length of the finding, so
    that a whole address outweighs a number in the address.
    """
    return [Segment(f.start, f.end, index, f.score * (f.end - f.start)) for index, f in enumerate(found)]


def _find_all(view: str) -> list[Finding]:
    """Return the findings of all labels, with any score, in a text that `fold_widths` has returned."""
    found: list[Finding] = []
    contexts, words = ContextFinder(view), _AccountWords(view)
    address_end = 0
    for match in ANCHORS.finditer(view):
        start, end = match.span()
        char = view[start]
        finding = None
        if char.isascii():
            found += _find_in_stretch(view, start, end, contexts, words)
        elif char in DATE_RULES:
            finding = DATE_RULES[char](view, start, contexts)
        elif start >= address_end:
            finding = find_address(view, start)
            address_end = address_end if finding is None else finding.end
        if finding is not None:
            found.append(finding)
    return found


def _find_in_stretch(view: str, start: int, end: int, contexts: ContextFinder, words: _AccountWords) -> list[Finding]:
    """Return the findings in one sequence of ASCII characters. Rules that cannot apply to its characters are skipped.

    view (str): The text with full-width characters replaced by half-width ones (`fold_widths`); offsets are the same.
    start (int), end (int): The span of the sequence in the view.
    contexts (ContextFinder): Finds words near a number that tell what the number is.
    words (_AccountWords): Finds words such as 帳號 and 密碼, near which accounts and secrets are searched.
    """
    found: list[Finding] = []
    stretch = view[start:end]
    if not stretch.isalpha() and not (len(stretch) < 5 and stretch.isdigit()):
        found += find_numbers(view, start, end, contexts)
        found += find_numeric_dates(view, start, end, contexts)
    if not stretch.isalnum() or len(stretch) >= MIN_TOKEN:
        found += find_texts(view, start, end)
        if "No." in stretch:
            found += find_english_address(view, start, end)
    # "(" at the end may begin （批踢踢帳號）, in which only the parenthesis is ASCII.
    if words.are_near(start, end) or stretch[-1] == "(" or SIGN_IN_ACCOUNT.search(stretch):
        found += find_accounts(view, start, end)
        found += find_secrets(view, start, end)
    return found
