"""Validators of telephone numbers and license plates of Taiwan."""

import re

from .widths import compact

SIGNS = re.compile(r"[().]")
# The country code takes the place of the first 0: +886-912…, 002886912…, and wrongly +886-0912…. Landlines have an area
# code. 04 has eight digits in Taichung (the first one is 2 or 3), and seven in Changhua (7 or 8).
PHONE = re.compile(
    r"(?:\+?(?:002)?8860?|0)(?:"
    r"(?P<mobile>9[0-9]{8})"
    r"|(?P<internet>70[0-9]{8})"
    r"|(?P<landline>"
    r"2[2-8][0-9]{7}"
    r"|37[2-9][0-9]{5}"
    r"|3[2-9][0-9]{6}"
    r"|49[2-9][0-9]{6}"
    r"|4[23][0-9]{7}"
    r"|4[78][0-9]{6}"
    r"|5[2-8][0-9]{6}"
    r"|6[2-9][0-9]{6}"
    r"|7[2-9][0-9]{6}"
    r"|826[2-9][0-9]{4}"
    r"|836[2-9][0-9]{4}"
    r"|82[2-9][0-9]{5}"
    r"|89[2-9][0-9]{5}"
    r"|8[4-8][0-9]{6}))"
)
PLATES = re.compile(
    # Since 2012: three letters and three or four digits (ABC-1235). E is the first letter of electric vehicles.
    r"(?P<new>[A-HJ-NP-Z]{3}-?[0-35-9]{3,4})"
    # Before: two characters, at least one of them a letter, before or after four digits (AB-1234, 1234-AB); motorcycles
    # have three and three (ABC-123).
    r"|(?P<old>(?:[A-Z]{2}|[A-Z][0-9]|[0-9][A-Z])-?[0-9]{4}|[0-9]{4}-?(?:[A-Z]{2}|[A-Z][0-9]|[0-9][A-Z])"
    r"|[A-Z]{3}-?[0-9]{3}|(?:[A-Z][0-9][A-Z]|[A-Z]{2}[0-9]|[0-9][A-Z]{2})-?[0-9]{3}|[0-9]{3}-?[A-Z]{2,3}|[A-Z]{2}-?[0-9]{3})"
)


def is_phone(text: str) -> bool:
    """Return whether a text is a mobile number, a landline or an Internet line (070) of Taiwan."""
    return phone_kind(text) is not None


def phone_kind(text: str) -> str | None:
    """Return the kind of a telephone number: "mobile", "landline" or "internet", or None.

    Mobile numbers have 09 and eight digits, landlines an area code and the digits that it requires, Internet lines 070
    and eight digits. +886 takes the place of the first 0. Short numbers (110, 1922) and free lines (0800, 0809) are
    None, because they belong to no person.
    Source: 國家通訊傳播委員會 "電信號碼計畫" (numbering plan of the National Communications Commission).
    """
    match = PHONE.fullmatch(SIGNS.sub("", compact(text)))
    return None if match is None else match.lastgroup


def is_license_plate(text: str) -> bool:
    """Return whether a text has the form of a license plate (車牌) of Taiwan.

    Plates since 2012 (ABC-1235, EAA-1235 for electric cars, TAA-123 for taxis) have no I, O and 4. Older ones (AB-1234,
    1234-AB, ABC-123) have all letters and digits.
    Source: 交通部公路局 "車輛號牌" and 道路交通安全規則 (Highway Bureau, Road Traffic Security Rules).
    """
    return PLATES.fullmatch(compact(text)) is not None
