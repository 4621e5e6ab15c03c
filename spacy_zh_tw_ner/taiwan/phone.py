"""Validators of telephone numbers and license plates of Taiwan."""

import re

from .widths import compact

# Area code → digits after it. 04 has eight in Taichung (first digit 2 or 3) and seven in Changhua (7 or 8).
# Islands first: 0826 and 0836 are also prefixes of numbers in 08.
LANDLINES = re.compile(
    r"02[2-8][0-9]{7}"
    r"|037[2-9][0-9]{5}"
    r"|03[2-9][0-9]{6}"
    r"|049[2-9][0-9]{6}"
    r"|04[23][0-9]{7}"
    r"|04[78][0-9]{6}"
    r"|05[2-8][0-9]{6}"
    r"|06[2-9][0-9]{6}"
    r"|07[2-9][0-9]{6}"
    r"|0826[2-9][0-9]{4}"
    r"|0836[2-9][0-9]{4}"
    r"|082[2-9][0-9]{5}"
    r"|089[2-9][0-9]{5}"
    r"|08[4-8][0-9]{6}"
)
MOBILE = re.compile(r"09[0-9]{8}")
NETWORK = re.compile(r"070[0-9]{8}")
ABROAD = re.compile(r"^\+?(?:002)?8860?")
PLATES = re.compile(
    # Since 2012: three letters and four digits for cars, three and three or four for motorcycles, E for electric ones.
    r"(?P<new>[A-HJ-NP-Z]{3}-?[0-35-9]{3,4})"
    # Before: two characters (at least one a letter) and four digits, either way round; three and three for motorcycles.
    r"|(?P<old>(?:[A-Z]{2}|[A-Z][0-9]|[0-9][A-Z])-?[0-9]{4}|[0-9]{4}-?(?:[A-Z]{2}|[A-Z][0-9]|[0-9][A-Z])"
    r"|[A-Z]{3}-?[0-9]{3}|(?:[A-Z][0-9][A-Z]|[A-Z]{2}[0-9]|[0-9][A-Z]{2})-?[0-9]{3}|[0-9]{3}-?[A-Z]{2,3}|[A-Z]{2}-?[0-9]{3})"
)


def is_phone(text: str) -> bool:
    """Return whether a text is a telephone number of a person or business in Taiwan; see `phone_kind`."""
    return phone_kind(text) is not None


def phone_kind(text: str) -> str | None:
    """Return the kind of a telephone number: "mobile", "landline" or "internet", or None.

    09 and eight digits; an area code and the digits it has; 070 and eight digits. +886 takes the place of the first 0.
    Short numbers (110, 1922) and free lines (0800, 0809), which belong to no person, are None.
    Source: 國家通訊傳播委員會 "電信號碼計畫" (numbering plan of the National Communications Commission).
    """
    number = ABROAD.sub("0", re.sub(r"[().]", "", compact(text)))
    if MOBILE.fullmatch(number):
        return "mobile"
    if NETWORK.fullmatch(number):
        return "internet"
    return "landline" if LANDLINES.fullmatch(number) else None


def is_license_plate(text: str) -> bool:
    """Return whether a text has the form of a license plate (車牌) of Taiwan.

    Plates since 2012 (ABC-1234, EAA-1234 for electric cars, TAA-123 for taxis) have no I, O and 4. Older ones (AB-1234,
    1234-AB, ABC-123) have all.
    Source: 交通部公路局 "車輛號牌" and 道路交通安全規則 (Highway Bureau, Road Traffic Security Rules).
    """
    return PLATES.fullmatch(compact(text)) is not None
