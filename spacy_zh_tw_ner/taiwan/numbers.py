"""Find identifiers, telephone numbers and other numbers, also with spaces, dashes or line breaks between the digits.

An ASCII stretch is a sequence of ASCII characters in a text. It is split into groups of letters and digits. From each
group on, up to `MAX_GROUPS` groups are joined:

    "電話 02-2311 3731"   groups 02, 2311, 3731   joined 02 · 022311 · 0223113731 (PHONE) · 2311 · 23113731 · 3731

Only the rules for the length of a joined number are applied to it. Context words, such as 電話, are searched only
around numbers that are valid by a rule. The work for each group is bounded, whatever the text.
"""

import re

from .context_words import ContextFinder
from .findings import Finding
from .number_rules import rules_for
from .number_scores import Number, find_extent, score_number

GROUP = re.compile(r"[A-Za-z0-9]+")
MAX_GROUPS = 6
MAX_SINGLE_DIGITS = 10  # groups that are joined if the first one is a single character: 0 9 1 2 3 4 5 6 7 8
MAX_LENGTH = 23  # letters and digits of a joined number
# Between the groups of one number: a dash with spaces, parentheses of an area code or bank code, or one line break.
SEPARATOR = re.compile(r" ?-? ?|\)[ \-]?|\(|-?\r?\n[ \-]?|\. ?|\) - ")
# Signs that join a number to a longer one, if a letter or digit follows: 2024-04595257, ming.0912345678@mail.tw.
JOINING_SIGNS = frozenset("-._@\\")


def find_numbers(view: str, start: int, end: int, contexts: ContextFinder) -> list[Finding]:
    """Find the numbers in one ASCII stretch, a sequence of ASCII characters of a text.

    view (str): The whole text, in which `fold_widths` has replaced full-width characters and dashes by ASCII.
    start (int), end (int): The span of the stretch; the end is exclusive.
    contexts (ContextFinder): Finds context words, such as 電話, in this text.
    RETURNS (list[Finding]): Span, label, score and rule of all numbers with a score above 0; they may overlap.
    """
    found: list[Finding] = []
    groups = [match.span() for match in GROUP.finditer(view, start, end)]
    for first, (begin, end_of_first) in enumerate(groups):
        if (end_of_first - begin > 3 or first + 1 == len(groups)) and view[begin:end_of_first].isalpha():
            continue
        if not _is_edge(view, begin - 1, begin - 2):
            continue
        limit = MAX_SINGLE_DIGITS if end_of_first - begin == 1 else MAX_GROUPS
        joined, end_of_last, is_single = "", begin, False
        for begin_of_group, stop in groups[first : first + limit]:
            group = view[begin_of_group:stop]
            if joined:
                if len(joined) + len(group) > MAX_LENGTH or not SEPARATOR.fullmatch(view, end_of_last, begin_of_group):
                    break
                # Only old license plates have letters after the first group (1234-AB).
                if not group.isdigit() and end_of_last != end_of_first:
                    break
                # Single digits are a number after a strong context word (手機 0 9 1 2 …), and a table otherwise.
                if is_single and len(group) == 1 and not contexts.find(begin, begin).is_strong:
                    break
            joined, end_of_last, is_single = joined + group, stop, len(group) == 1
            if len(joined) >= 5 and _is_edge(view, stop, stop + 1):
                found += _find_valid(view, joined.upper(), begin, stop, contexts)
    return found


def _is_edge(view: str, place: int, beyond: int) -> bool:
    """Return whether a number may begin or end next to a character.

    view (str): The text, in which `fold_widths` has replaced full-width characters and dashes by ASCII.
    place (int): Position of the character just before or just after the number.
    beyond (int): Position of the next character away from the number: `place` − 1 or `place` + 1.
    RETURNS (bool): False if the two characters join the number to a longer one: 2024- and 04595257.
    """
    if not 0 <= beyond < len(view) or view[place] not in JOINING_SIGNS:
        return True
    return view[place] != "_" and not (view[beyond].isascii() and view[beyond].isalnum())


def _find_valid(view: str, digits: str, begin: int, stop: int, contexts: ContextFinder) -> list[Finding]:
    """Return a finding, with its score, for each rule that finds a number to be valid.

    view (str): The text, in which `fold_widths` has replaced full-width characters and dashes by ASCII.
    digits (str): The letters (upper case) and digits of the number, without separators.
    begin (int), stop (int): The span of the number in the text.
    contexts (ContextFinder): Finds context words in the text.
    """
    valid = [rule for rule in rules_for(digits) if rule.is_valid(digits)]
    if not valid:
        return []
    context, number = contexts.find(begin, stop), Number(view, begin, stop, digits, view[begin:stop])
    scores = [(rule, score_number(rule, number, context)) for rule in valid]
    return [
        Finding(*find_extent(rule, number), rule.label, round(score, 3), rule.name)
        for rule, score in scores
        if score > 0.0
    ]
