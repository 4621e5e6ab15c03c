"""Rules for numbers by their shape (number of leading letters, number of digits), with their scores.

    A123456789  shape (1, 9)  NATIONAL_ID, RESIDENT_ID          04595257  shape (0, 8)  COMPANY_ID, PHONE, …

The score depends on the context word, which `context_words` finds: none, a weak one such as 公司, or a strong one such
as 統編.
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


class NumberRule(NamedTuple):
    """A rule for numbers of one shape.

    label (str): Label of its findings.
    name (str): Name of the rule in its findings.
    is_valid (Callable[[str], bool]): Returns whether a number of letters (upper case) and digits is valid.
    alone (float): Score without a context word. It is 0 for rules that need a context word.
    weak (float): Score with a weak context word of the label.
    strong (float): Score with a strong context word of the label.
    """

    label: str
    name: str
    is_valid: Callable[[str], bool]
    alone: float
    weak: float
    strong: float


def rules_for(number: str) -> Sequence[NumberRule]:
    """Return the rules for the shape of a number.

    number (str): Letters and digits only, upper case.
    RETURNS (Sequence[NumberRule]): Empty if there is no rule for the shape.
    """
    if number.isdigit():
        return RULES.get((0, len(number)), ())
    match = SHAPE.match(number)
    assert match is not None  # the pattern also matches the empty string
    if match.end() == len(number):
        return RULES.get((len(match[1]), len(match[2])), ())
    # Letters after digits: old plates (1234-AB), and passports such as P6658211A.
    return (_PLATE,) if len(number) <= 6 else (_MIXED_PASSPORT,) if len(number) <= 9 else ()


def _has_shape(number: str) -> bool:
    """Return True: the `is_valid` of rules that require only a shape, which `rules_for` has already compared."""
    return True


def _is_account(number: str) -> bool:
    """Return whether a number may be a bank account: it is neither a mobile number nor a free line (0800, 0809)."""
    return phone_kind(number) != "mobile" and not number.startswith(("0800", "0809"))


def _has_bank_code(number: str) -> bool:
    """Return whether a number begins with the code of a bank (822…), or with that of the post office (7000021…)."""
    return (13 <= len(number) <= 19 and is_bank_code(number[:3])) or (
        16 <= len(number) <= 21 and number.startswith("7000021")
    )


def _is_passport_of_mixed_form(number: str) -> bool:
    """Return whether a number has eight or nine characters, at least five of them digits, such as P6658211A."""
    return len(number) in (8, 9) and sum(map(str.isdigit, number)) >= 5


def _is_local_phone(number: str) -> bool:
    """Return whether a number may be a landline without its area code: 2311-3731, 336-8333."""
    return LOCAL_PHONE.fullmatch(number) is not None


# 412-8185 and 449-… are lines of firms, as 0800 is.
LOCAL_PHONE = re.compile(r"(?!412|449)[2-8][0-9]{6,7}")
_ACCOUNT = NumberRule("BANK_ACCOUNT", "bank_account", _is_account, 0.0, 0.6, 0.9)
_ACCOUNT_WITH_CODE = NumberRule("BANK_ACCOUNT", "bank_code_and_account", _has_bank_code, 0.6, 0.8, 0.97)
_PHONE = NumberRule("PHONE", "phone", is_phone, 0.8, 0.95, 0.98)
_LOCAL_PHONE = NumberRule("PHONE", "phone_without_area_code", _is_local_phone, 0.0, 0.0, 0.75)
_PLATE = NumberRule("LICENSE_PLATE", "license_plate", is_license_plate, 0.3, 0.85, 0.97)
_CARD = NumberRule("CREDIT_CARD", "luhn_and_issuer", is_credit_card, 0.75, 0.9, 0.98)
_MILITARY = NumberRule("MILITARY_ID", "military_id", _has_shape, 0.0, 0.6, 0.85)
_DRIVER = NumberRule("DRIVER_LICENSE", "driver_license", _has_shape, 0.0, 0.0, 0.9)
_MIXED_PASSPORT = NumberRule("PASSPORT", "passport_of_mixed_form", _is_passport_of_mixed_form, 0.0, 0.0, 0.8)


def _rules_by_shape() -> dict[tuple[int, int], list[NumberRule]]:
    """Return the rules for each shape: the number of leading letters, and the number of digits after them.

    Sources are in the docstrings of the validators. Three kinds of numbers have no validator:

    * Bank accounts have 10 to 14 digits, after a bank code of three (財金資訊公司, 金融機構代號).
    * Driver's licenses have two numbers: the national identification number of the driver, and a number of 12 digits
      from the issuing office (道路交通安全規則, 管轄編號).
    * The form of military numbers (兵籍號碼, 兵籍規則 of the Ministry of National Defense) is not published. They are
      found only after their context word or with their sign (玄字第123456號).
    """
    rules: defaultdict[tuple[int, int], list[NumberRule]] = defaultdict(list)
    rules[1, 9] += [
        NumberRule("NATIONAL_ID", "national_id_checksum", is_national_id, 0.95, 0.95, 0.99),
        NumberRule("RESIDENT_ID", "resident_id_checksum", is_resident_id, 0.95, 0.95, 0.99),
    ]
    # Two letters and eight digits are also the form of invoice numbers (發票 CA-95097065).
    rules[2, 8] += [NumberRule("RESIDENT_ID", "resident_id_1990_checksum", is_resident_id, 0.65, 0.9, 0.99)]
    # One in five random numbers has a valid check digit, so the score without a word is below the default threshold.
    rules[0, 8] += [NumberRule("COMPANY_ID", "company_id_checksum", is_company_id, 0.3, 0.75, 0.97)]
    # After a strong word, a number with a wrong check digit is misspelt: found at a `min_score` of 0.4.
    rules[1, 9] += [NumberRule("NATIONAL_ID", "national_id_form", lambda number: number[1] in "12", 0.0, 0.0, 0.4)]
    rules[0, 8] += [NumberRule("COMPANY_ID", "company_id_form", _has_shape, 0.0, 0.0, 0.4)]
    rules[0, 12] += [NumberRule("NHI_CARD", "nhi_card", is_nhi_card, 0.0, 0.7, 0.95), _DRIVER]
    rules[0, 9] += [NumberRule("PASSPORT", "passport", is_passport, 0.0, 0.6, 0.95)]
    for n_letters, n_digits in ((1, 7), (1, 8), (2, 7)):
        foreign = NumberRule("PASSPORT", "foreign_passport", is_passport, 0.0, 0.55, 0.9)
        rules[n_letters, n_digits] += [foreign]
    rules[1, 7] += [NumberRule("HOUSEHOLD_ID", "household_id", is_household_id, 0.0, 0.55, 0.95)]
    for n_digits in (6, 7, 8, 9):
        rules[0, n_digits] += [_MILITARY]
    rules[1, 6] += [_MILITARY]
    for n_digits in range(8, 16):
        rules[0, n_digits] += [_PHONE]
    rules[0, 7] += [_LOCAL_PHONE]
    rules[0, 8] += [_LOCAL_PHONE]
    for n_digits in range(14, 20):
        rules[0, n_digits] += [_CARD]
    for n_digits in range(10, 18):
        rules[0, n_digits] += [_ACCOUNT]
    for n_digits in range(13, 22):
        rules[0, n_digits] += [_ACCOUNT_WITH_CODE]
    # Plates with the letters I and O or the digit 4, which new plates avoid, occur in invented examples: 車牌ABC-1234.
    rules[3, 4] += [NumberRule("LICENSE_PLATE", "license_plate_form", _has_shape, 0.0, 0.0, 0.7)]
    for shape in ((3, 4), (3, 3), (2, 4), (2, 3), (1, 5)):
        rules[shape] += [_PLATE]
    return dict(rules)


RULES = _rules_by_shape()
