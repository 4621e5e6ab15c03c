"""Find numbers: what letters and digits, joined over spaces, dashes and line breaks, are valid as.

A stretch of ASCII is cut into pieces of letters and digits. From each piece on, up to six pieces are joined:

    "電話 02-2311 3731"   pieces 02, 2311, 3731   joined 02 · 022311 · 0223113731 (PHONE) · 2311 · 23113731 · 3731

A joined number is looked up by its count of letters and digits, so only rules of this shape run, and only numbers that
pass one are searched for context words. The work per piece is bounded, whatever the text.
"""

import re
from collections.abc import Iterator

from .findings import Context, Finding, find_context
from .number_rules import rules_for
from .number_scores import Number, find_extent, score_number

PIECE = re.compile(r"[A-Za-z0-9]+")
MAX_PIECES, MAX_SPELT, MAX_LENGTH = 6, 10, 23
# Between the pieces of one number: a dash with spaces, parentheses of an area code, or one line break.
SEPARATOR = re.compile(r" ?-? ?|\)[ \-]?|\(|-?\r?\n[ \-]?|\. ?|\) - ")
GLUED = re.compile(r"[\-._@\\]")


def find_numbers(view: str, start: int, end: int) -> Iterator[Finding]:
    """Find the numbers of one ASCII stretch.

    view (str): The text after `fold_widths`.
    start (int), end (int): The stretch.
    YIELDS (Finding): Also numbers that overlap and those with low scores.
    """
    contexts: dict[int, Context] = {}
    pieces = [match.span() for match in PIECE.finditer(view, start, end)]
    for first, (begin, stop) in enumerate(pieces):
        joined = view[begin:stop]
        if joined.isalpha() and (len(joined) > 3 or first + 1 == len(pieces)):
            continue
        if not _is_edge(view, begin - 1, begin - 2):
            continue
        most = MAX_SPELT if stop - begin == 1 else MAX_PIECES
        for last in range(first, min(first + most, len(pieces))):
            if last > first:
                gap = view[pieces[last - 1][1] : pieces[last][0]]
                piece = view[slice(*pieces[last])]
                if SEPARATOR.fullmatch(gap) is None or len(joined) + len(piece) > MAX_LENGTH:
                    break
                # Letters after the first piece are those of old plates alone (1234-AB).
                if not piece.isdigit() and last - first > 1:
                    break
                # Digits one by one are a number after its word (手機 0 9 1 2 …), and else a table.
                if pieces[last][1] - pieces[last - 1][0] == 2 + len(gap) and not (
                    find_context(view, begin, begin, contexts).is_strong
                ):
                    break
                joined += piece
            end_of_last = pieces[last][1]
            if len(joined) >= 5 and _is_edge(view, end_of_last, end_of_last + 1):
                yield from _classify(view, joined.upper(), begin, end_of_last, contexts)


def _is_edge(view: str, place: int, beyond: int) -> bool:
    """Return whether a number may end here: not in 2024-04595257, which is one longer number."""
    if not 0 <= beyond < len(view):
        return True
    if view[place] == "_":
        return False
    return not (GLUED.match(view[place]) and view[beyond].isascii() and view[beyond].isalnum())


def _classify(view: str, digits: str, begin: int, stop: int, contexts: dict[int, Context]) -> Iterator[Finding]:
    """Yield what one joined number is valid as, with scores that depend on the context words around it."""
    valid = [rule for rule in rules_for(digits) if rule.is_valid(digits)]
    if not valid:
        return
    context, number = find_context(view, begin, stop, contexts), Number(view, begin, stop, digits)
    for rule in valid:
        score = score_number(rule, number, context)
        if score > 0.0:
            yield Finding(*find_extent(rule, number), rule.label, round(score, 3), rule.name)
