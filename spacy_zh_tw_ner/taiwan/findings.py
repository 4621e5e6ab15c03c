"""Define what the rules for personal data share: labels, the type of the spans that they find, and word patterns."""

import re
from collections.abc import Iterable
from typing import NamedTuple

LABELS = (
    "NATIONAL_ID",
    "RESIDENT_ID",
    "COMPANY_ID",
    "NHI_CARD",
    "PASSPORT",
    "DRIVER_LICENSE",
    "MEDICAL_LICENSE",
    "MILITARY_ID",
    "HOUSEHOLD_ID",
    "PHONE",
    "LICENSE_PLATE",
    "BANK_ACCOUNT",
    "CREDIT_CARD",
    "EMAIL",
    "URL",
    "IP",
    "LINE_ID",
    "PTT_ID",
    "SOCIAL",
    "SECRET",
    "ADDRESS",
    "BIRTHDAY",
    "DATE",
)


class Finding(NamedTuple):
    """A span of a text that a rule has found.

    start, end (int): Offsets in code points; `end` is exclusive.
    label (str): One of `LABELS`, or PERSON or ORG for a name that the rules of `taiwan.names` have found.
    score (float): How certain the rule is, from 0 to 1.
    rule (str): The name of the rule, such as "national_id_checksum".
    """

    start: int
    end: int
    label: str
    score: float
    rule: str


def one_of(words: Iterable[str]) -> str:
    """Return a pattern that matches the longest of some words at each place: 統一編號 rather than 統一.

    Words with the same first character share one branch of the pattern, so that `re` compares few branches.
    """
    rests: dict[str, list[str]] = {}
    for word in sorted(set(words), key=len, reverse=True):
        rests.setdefault(word[0], []).append(re.escape(word[1:]))
    return "|".join(f"{re.escape(first)}(?:{'|'.join(rest)})" for first, rest in rests.items())
