"""Rules for numbers by their count of letters and digits: what is valid, and the scores with and without context words.

Sources are in the docstrings of the validators.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import NamedTuple

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

SHAPE = re.compile(r"([A-Z]*)([0-9]*)")
LOCAL = re.compile(r"(?!412|449)[2-8][0-9]{6,7}")  # 412-8185 and 449-… are lines of firms, like 0800


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


def _is_mixed(number: str) -> bool:
    return len(number) in (8, 9) and sum(map(str.isdigit, number)) >= 5


_ACCOUNT = NumberRule("BANK_ACCOUNT", "bank_account", _is_account, 0.0, 0.6, 0.9)
_BANK = NumberRule("BANK_ACCOUNT", "bank_code_and_account", _has_bank_code, 0.6, 0.8, 0.97)
_PHONE = NumberRule("PHONE", "phone", is_phone, 0.8, 0.95, 0.98)
_PLATE = NumberRule("LICENSE_PLATE", "license_plate", is_license_plate, 0.3, 0.85, 0.97)
_LOCAL = NumberRule(
    "PHONE", "phone_without_area_code", lambda number: LOCAL.fullmatch(number) is not None, 0.0, 0.0, 0.75
)
_CARD = NumberRule("CREDIT_CARD", "luhn_and_issuer", is_credit_card, 0.75, 0.9, 0.98)
_MILITARY = NumberRule("MILITARY_ID", "military_id", _digits(0, 9), 0.0, 0.6, 0.85)
_DRIVER = NumberRule("DRIVER_LICENSE", "driver_license", _digits(12, 12), 0.0, 0.0, 0.9)


_PASSPORT = NumberRule("PASSPORT", "passport_of_mixed_form", _is_mixed, 0.0, 0.0, 0.8)


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
    # With the letters and digits that new plates avoid, in texts that are wrong or made up.
    form = NumberRule("LICENSE_PLATE", "license_plate_form", lambda number: number[3:].isdigit(), 0.0, 0.0, 0.7)
    rules[3, 4] += [form]
    for shape in ((3, 4), (3, 3), (2, 4), (2, 3), (1, 5)):
        rules[shape] += [_PLATE]
    return dict(rules)


RULES = _rules_by_shape()


def rules_for(number: str) -> Sequence[NumberRule]:
    """Return the rules for the shape of a number.

    number (str): Letters and digits only, upper case.
    RETURNS (Sequence[NumberRule]): Empty for shapes that no rule has.
    """
    match = SHAPE.match(number)
    assert match is not None  # it matches the empty string
    if match.end() == len(number):
        return RULES.get((len(match[1]), len(match[2])), ())
    return (_PLATE,) if len(number) <= 6 else (_PASSPORT,) if len(number) <= 9 else ()  # 1234-AB, P6658211A
