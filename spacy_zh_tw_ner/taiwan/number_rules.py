"""Rules for numbers: what letters and digits, joined over spaces, dashes and line breaks, are valid as.

A stretch of ASCII is cut into pieces of letters and digits. From each piece on, up to six pieces are joined:

    "電話 02-2311 3731"   pieces 02, 2311, 3731   joined 02 · 022311 · 0223113731 (PHONE) · 2311 · 23113731 · 3731

A joined number is looked up by its count of letters and digits, so only rules of this shape run, and only numbers that
pass one are searched for context words. The work per piece is bounded, whatever the text.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from .findings import NO_CONTEXT, OTHER, Context, Finding, find_context
from .identifiers import (
    is_bank_code,
    is_company_id,
    is_credit_card,
    is_household_id,
    is_national_id,
    is_nhi_card,
    is_passport,
    is_resident_id,
)
from .phone import is_license_plate, is_phone, phone_kind

PIECE = re.compile(r"[A-Za-z0-9]+")
MAX_PIECES, MAX_SPELT, MAX_LENGTH = 6, 10, 23
SHAPE = re.compile(r"([A-Z]*)([0-9]*)")
# Between the pieces of one number: a dash with spaces, parentheses of an area code, or one line break.
SEPARATOR = re.compile(r" ?-? ?|\)[ \-]?|\(|-?\r?\n[ \-]?|\. ?|\) - ")
GLUED = re.compile(r"[\-._@\\]")
MILITARY_SIGN = re.compile(r"[天地玄黃宇宙洪荒日月軍海空](?:字第 ?)?$")
MILITARY_END = re.compile(" ?號")
EXTENSION = re.compile(r" ?(?:分機|轉分機|轉|[Ee][Xx][Tt]\.?|#)[ :]?[0-9]{1,6}(?![0-9])")
# Counters: 12345675 元 is a sum, whatever it is a check digit of.
AMOUNT = re.compile(r" ?[元股人件張筆個%萬億名噸坪度]")
BANK_CODE = re.compile(r"(?:7000021|[0-9]{3})(?:\) ?-?|-| - )(?! )")
NEW_PLATE = re.compile(r"[A-HJ-NP-Z]{3}-[0-35-9]{3,4}")
VEHICLE = re.compile(
    "汽車|機車|車牌|車輛|車號|行照|過戶|車主|司機|停車|車禍|開車|自小客|計程車|交通費|油資|里程|開來|騎|監理|駕駛|行駛|修理|碰撞"
)
FAR, NEAR = 300, 30  # characters before and after a plate in which a word for a vehicle counts
DOCUMENT = re.compile("第 ?$")  # 北市教字第1133782543號
NHI_WORD = re.compile("健保")
AREA = re.compile(r"(?:0[2-8]|037|049|082|0826|0836|089|\+?(?:002)?886)(?![0-9])|[0-9]+$")
LOCAL = re.compile(r"(?!412|449)[2-8][0-9]{6,7}")  # 412-8185 and 449-… are lines of firms, like 0800
COMPACT_DATE = re.compile(r"(?:19|20)[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])")


class NumberRule(NamedTuple):
    """A rule: the scores of a valid number without context words, with a weak one, and with a strong one."""

    label: str
    name: str
    is_valid: Callable[[str], bool]
    alone: float
    weak: float
    strong: float


def _digits(least: int, most: int) -> Callable[[str], bool]:
    return lambda number: number.isdigit() and least <= len(number) <= most


def _is_account(number: str) -> bool:
    return 10 <= len(number) <= 17 and phone_kind(number) != "mobile" and not number.startswith(("0800", "0809"))


def _has_bank_code(number: str) -> bool:
    return (13 <= len(number) <= 19 and is_bank_code(number[:3])) or (
        16 <= len(number) <= 21 and number.startswith("7000021")
    )


_ACCOUNT = NumberRule("BANK_ACCOUNT", "bank_account", _is_account, 0.0, 0.6, 0.9)
_BANK = NumberRule("BANK_ACCOUNT", "bank_code_and_account", _has_bank_code, 0.6, 0.8, 0.97)
_PHONE = NumberRule("PHONE", "phone", is_phone, 0.8, 0.95, 0.98)
_PLATE = NumberRule("LICENSE_PLATE", "license_plate", is_license_plate, 0.3, 0.85, 0.97)
_LOCAL = NumberRule(
    "PHONE", "phone_without_area_code", lambda number: LOCAL.fullmatch(number) is not None, 0.0, 0.0, 0.75
)
_CARD = NumberRule("CREDIT_CARD", "luhn_and_issuer", is_credit_card, 0.75, 0.9, 0.98)
_MILITARY = NumberRule("MILITARY_ID", "military_id", _digits(0, 9), 0.0, 0.0, 0.85)
_DRIVER = NumberRule("DRIVER_LICENSE", "driver_license", _digits(12, 12), 0.0, 0.0, 0.9)


def _rules_by_shape() -> dict[tuple[int, int], list[NumberRule]]:
    """Return the rules for each count of leading letters and of digits after them.

    Sources are in the docstrings of the validators. Numbers without one: bank accounts have 10 to 14 digits, with a
    bank code (財金資訊公司, 金融機構代號) of three before them; licenses of drivers have the national identification
    number, and 12 digits of the issuing office (道路交通安全規則, 管轄編號); the form of military numbers (兵籍號碼,
    兵籍規則 of the Ministry of National Defense) is not published, and accepted after its word only.
    """
    rules: defaultdict[tuple[int, int], list[NumberRule]] = defaultdict(list)
    rules[1, 9] += [
        NumberRule("NATIONAL_ID", "national_id_checksum", is_national_id, 0.95, 0.95, 0.99),
        NumberRule("RESIDENT_ID", "resident_id_checksum", is_resident_id, 0.95, 0.95, 0.99),
    ]
    # Numbers of invoices (發票) have two letters and eight digits as well.
    rules[2, 8] += [NumberRule("RESIDENT_ID", "resident_id_1990_checksum", is_resident_id, 0.65, 0.9, 0.99)]
    # One in five random numbers has a valid check digit, so that the check alone is below the default threshold.
    rules[0, 8] += [NumberRule("COMPANY_ID", "company_id_checksum", is_company_id, 0.3, 0.75, 0.97)]
    # A wrong check digit after a strong word is a misspelt number, for those who mask at a low threshold.
    rules[1, 9] += [NumberRule("NATIONAL_ID", "national_id_form", lambda number: number[1] in "12", 0.0, 0.0, 0.4)]
    rules[0, 8] += [NumberRule("COMPANY_ID", "company_id_form", str.isdigit, 0.0, 0.0, 0.4)]
    rules[0, 12] += [NumberRule("NHI_CARD", "nhi_card", is_nhi_card, 0.0, 0.7, 0.95), _DRIVER]
    rules[0, 9] += [NumberRule("PASSPORT", "passport", is_passport, 0.0, 0.6, 0.95)]
    for n_letters, n_digits in ((1, 7), (1, 8), (2, 7)):
        foreign = NumberRule("PASSPORT", "foreign_passport", is_passport, 0.0, 0.55, 0.9)
        rules[n_letters, n_digits] += [foreign]
    rules[1, 7] += [NumberRule("HOUSEHOLD_ID", "household_id", is_household_id, 0.0, 0.55, 0.95)]
    for n_digits in (6, 7, 8, 9):
        rules[0, n_digits] += [_MILITARY]
    rules[1, 6] += [_MILITARY._replace(is_valid=lambda number: number[1:].isdigit())]
    for n_digits in range(8, 16):
        rules[0, n_digits] += [_PHONE]
    rules[0, 7] += [_LOCAL]
    rules[0, 8] += [_LOCAL]
    for n_digits in range(14, 20):
        rules[0, n_digits] += [_CARD]
    for n_digits in range(10, 18):
        rules[0, n_digits] += [_ACCOUNT]
    for n_digits in range(13, 22):
        rules[0, n_digits] += [_BANK]
    for shape in ((3, 4), (3, 3), (2, 4), (2, 3), (1, 5)):
        rules[shape] += [_PLATE]
    return dict(rules)


RULES = _rules_by_shape()


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


def _is_about_cars(view: str, begin: int, stop: int) -> bool:
    return VEHICLE.search(view, max(0, begin - FAR), stop + NEAR) is not None


def _is_in_path(view: str, place: int, beyond: int) -> bool:
    """Return whether a slash joins a number to others, as in 2024/04595257; telephones are listed with slashes, too."""
    return 0 <= beyond < len(view) and view[place] == "/" and view[beyond].isascii() and view[beyond].isalnum()


def _classify(view: str, number: str, begin: int, stop: int, contexts: dict[int, Context]) -> Iterator[Finding]:
    """Yield what one joined number is valid as, with scores that depend on the context words around it."""
    valid = [rule for rule in _rules_for(number) if rule.is_valid(number)]
    if not valid:
        return
    context = find_context(view, begin, stop, contexts)
    raw = view[begin:stop]
    is_in_path = _is_in_path(view, begin - 1, begin - 2) or _is_in_path(view, stop, stop + 1)
    is_document = DOCUMENT.search(view, max(0, begin - 3), begin) is not None
    for rule in valid:
        if (is_in_path and rule.label != "PHONE") or (is_document and rule.label != "MILITARY_ID"):
            continue
        if (
            rule.label == "NHI_CARD"
            and context.label != rule.label
            and NHI_WORD.search(view, max(0, begin - 60), begin)
        ):
            score = rule.weak  # 健保卡遺失，新的卡號 000011674224
        elif context.label == rule.label:
            score = rule.strong if context.is_strong else rule.weak
        else:
            score = rule.alone * _doubt_from_context(rule, context, number)
            if (
                rule is _PLATE
                and context is NO_CONTEXT
                and NEW_PLATE.fullmatch(raw)
                and _is_about_cars(view, begin, stop)
            ):
                score = 0.6
        if score < rule.strong:
            score *= _doubt_from_form(rule, raw, number)
        if rule is _BANK and BANK_CODE.match(view, begin) is None:
            continue  # without a sign after the code, it is an account like others
        if rule is _ACCOUNT and "." in raw:
            continue
        if AMOUNT.match(view, stop) and number.isdigit():
            score *= 0.4
        if score > 0.0:
            yield Finding(*_extent(view, begin, stop, rule), rule.label, round(score, 3), rule.name)


def _rules_for(number: str) -> Sequence[NumberRule]:
    match = SHAPE.match(number)
    assert match is not None  # it matches the empty string
    if match.end() == len(number):
        return RULES.get((len(match[1]), len(match[2])), ())
    return (_PLATE,) if len(number) <= 6 else ()  # 1234-AB


def _doubt_from_context(rule: NumberRule, context: Context, number: str) -> float:
    """Return a factor for the score of a number that follows a word for another kind of number."""
    if context.label == OTHER:
        return 0.75 if rule.label in {"NATIONAL_ID", "RESIDENT_ID"} else 0.5
    if not context.is_strong:
        return 1.0
    if rule.label == "PHONE" and context.label in {"BANK_ACCOUNT", "CREDIT_CARD"}:
        return 1.0 if phone_kind(number) == "mobile" else 0.5
    return 0.6 if rule.label in {"CREDIT_CARD", "LICENSE_PLATE"} else 1.0


def _doubt_from_form(rule: NumberRule, raw: str, number: str) -> float:
    """Return a factor for the score of a number without a strong context word, by how it is written."""
    doubt = 0.8 if "\n" in raw else 1.0  # two numbers on two lines?
    if rule.label == "PHONE" and raw.isdigit() and phone_kind(number) == "landline":
        doubt *= 0.7  # a run of digits with the length of a landline
    elif rule.name == "phone" and phone_kind(number) == "landline" and AREA.match(raw) is None:
        doubt *= 0.5  # 065-300-165 has no area code before its first dash
    elif rule.label == "COMPANY_ID" and (COMPACT_DATE.fullmatch(number) or raw != number):
        doubt *= 0.5  # a date without separators, or two numbers
    elif rule.label == "LICENSE_PLATE" and "-" not in raw and not raw.isalnum():
        doubt *= 0.6  # a word and a number: BUS 123
    return doubt


def _extent(view: str, begin: int, stop: int, rule: NumberRule) -> tuple[int, int]:
    """Return the characters of a number: a phone has its "+" or "(" and its extension, an old military id its sign."""
    if rule is _BANK:
        begin -= view[begin - 1 : begin] == "(" and ")" in view[begin:stop]
    elif rule.label == "PHONE":
        if view[begin - 1 : begin] == "(" and ")" in view[begin:stop]:
            begin -= 1
        begin -= view[begin - 1 : begin] == "+"
        extension = EXTENSION.match(view, stop)
        stop = stop if extension is None else extension.end()
    elif rule.label == "MILITARY_ID":
        sign, end = MILITARY_SIGN.search(view, max(0, begin - 4), begin), MILITARY_END.match(view, stop)
        if sign is not None:  # 玄字第123456號
            begin, stop = sign.start(), stop if end is None else end.end()
    return begin, stop
