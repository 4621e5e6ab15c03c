"""Make pseudonyms: plausible Taiwanese values, such as names and numbers, that belong to nobody if that is possible.

Numbers with a check digit get a wrong one, so that no system accepts them. E-mail addresses, URLs and IP addresses are
in the ranges for documentation (RFC 2606, RFC 5737, RFC 3849). Landline numbers begin with 0 after the area code, which
no real one does. Mobile numbers, plates and accounts have no check digit and no range for examples: such a pseudonym
may belong to somebody.
"""

import re
from collections.abc import Callable
from unicodedata import normalize

from ..taiwan.identifiers import LETTERS
from ..taiwan.places import COUNTIES
from .generalise import county
from .keys import KeyedChoices

SURNAMES = "陳林黃張李王吳劉蔡楊許鄭謝郭洪曾邱廖賴周徐蘇葉莊呂江何蕭羅高潘簡朱鍾游彭詹胡施沈余趙盧梁顏柯翁魏孫戴"
GIVEN = "志明俊傑建宏家豪文雄冠宇承恩柏翰宗翰淑芬美玲雅婷怡君佳蓉欣怡雅雯詩涵宜庭品妤子晴思妤玉珍秀英惠如麗華國榮"
COMPANY_WORDS = "宏遠昌隆鼎泰恆達冠群瑞豐聯華信安永嘉德盛嵩祥"
COMPANY_FORMS = ("實業有限公司", "企業有限公司", "科技股份有限公司", "國際股份有限公司")
ROADS = ("中正路", "中山路", "民生路", "和平路", "復興路", "光復路", "成功路", "自由路", "建國路", "文化路")
LANDLINE = re.compile(r"(\(?0(?:826|836|37|49|82|89|[2-8])\)?[-\s]?)(.+)", re.DOTALL)


def pseudonym(label: str, surface: str, choices: KeyedChoices) -> str | None:
    """Return a pseudonym for an entity.

    label (str): The label of the entity.
    surface (str): The text of the entity.
    choices (KeyedChoices): Source of pseudorandom numbers. It was created from a key, the label, the text, and the
        number of attempts that were made before for this text. If these are the same, the pseudonym is the same.
    RETURNS (Optional[str]): The pseudonym. If MAKERS has no function for the label, the pseudonym is the text with
        other letters and digits and the same separators. None if no pseudonym can be made, such as for a text with
        Chinese characters and a label without a function.
    """
    make = MAKERS.get(label)
    if make is not None:
        return make(surface, choices)
    return _reshape(surface, choices)


def _person(surface: str, choices: KeyedChoices) -> str:
    """Return a name of three characters: a frequent surname and two characters of given names.

    `surface` is not used.
    """
    return choices.pick(SURNAMES) + choices.pick(GIVEN) + choices.pick(GIVEN)


def _company(surface: str, choices: KeyedChoices) -> str:
    """Return a company name of two characters and a legal form. `surface` is not used."""
    return choices.pick(COMPANY_WORDS) + choices.pick(COMPANY_WORDS) + choices.pick(COMPANY_FORMS)


def _place(surface: str, choices: KeyedChoices) -> str:
    """Return the name of a county or municipality of Taiwan, chosen by `choices`. `surface` is not used."""
    return choices.pick(COUNTIES)


def _address(surface: str, choices: KeyedChoices) -> str:
    """Return an address in the county of the original, with a house number from 1001 to 1999, which few roads have.

    If the original has no county, the pseudonym has none, and begins with the road.
    """
    where = county(surface) or ""
    return f"{where}{choices.pick(ROADS)}{1001 + choices.below(999)}號"


def _date(surface: str, choices: KeyedChoices) -> str:
    """Return a date between 1951 and 2010, in one of three forms.

    It has a 民國 year if the original contains 民國, and a western year with 年月日 if the original contains 年 only.
    Otherwise it is in ISO 8601.
    """
    year, month, day = 40 + choices.below(60), 1 + choices.below(12), 1 + choices.below(28)
    if "民國" in surface:
        return f"民國{year}年{month}月{day}日"
    if "年" in surface:
        return f"{year + 1911}年{month}月{day}日"
    return f"{year + 1911}-{month:02}-{day:02}"


def _email(surface: str, choices: KeyedChoices) -> str:
    """Return an e-mail address in the domain example.com. `surface` is not used."""
    return f"user{choices.digits(8)}@example.com"


def _url(surface: str, choices: KeyedChoices) -> str:
    """Return a URL in the domain example.com. `surface` is not used."""
    return f"https://example.com/{choices.digits(8)}"


def _ip(surface: str, choices: KeyedChoices) -> str:
    """Return an IP address of the version of the original, from a range that is reserved for documentation."""
    if surface.count(":") > 1:
        return f"2001:db8::{choices.below(0xFFFF) + 1:x}:{choices.below(0xFFFF) + 1:x}"
    block = choices.pick(("192.0.2", "198.51.100", "203.0.113"))
    return f"{block}.{choices.below(254) + 1}"


def _account(surface: str, choices: KeyedChoices) -> str:
    """Return an account name: "user" and eight digits. `surface` is not used."""
    return f"user{choices.digits(8)}"


def _phone(surface: str, choices: KeyedChoices) -> str | None:
    """Return a telephone number with other digits.

    The beginning of the original (09, +886 or an area code) is kept. After an area code, the first digit is 0.

    RETURNS (Optional[str]): None if the rest has Chinese or other characters, or only separators.
    """
    plain = normalize("NFKC", surface).strip()
    if plain.startswith("09"):
        rest = _reshape(plain[2:], choices)
        return None if rest is None else f"09{rest}"
    if plain.startswith("+886"):
        rest = _reshape(plain[4:], choices)
        return None if rest is None else f"+886{rest}"
    found = LANDLINE.fullmatch(plain)
    rest = _reshape(found[2] if found else plain, choices)
    if found is None or rest is None:
        return rest
    return found[1] + re.sub("[0-9]", "0", rest, count=1)


def _identity_number(surface: str, choices: KeyedChoices) -> str:
    """Return a letter and nine digits in the form of a national ID, with a wrong check digit. `surface` is not used."""
    start = choices.pick(tuple(LETTERS)) + choices.pick("12") + choices.digits(7)
    return start + wrong_check_digit(start, has_valid_identity, choices)


def _resident_number(surface: str, choices: KeyedChoices) -> str:
    """Return a resident number in the form since 2021 (a letter, 8 or 9, eight digits), with a wrong check digit.

    `surface` is not used.
    """
    start = choices.pick(tuple(LETTERS)) + choices.pick("89") + choices.digits(7)
    return start + wrong_check_digit(start, has_valid_identity, choices)


def _company_number(surface: str, choices: KeyedChoices) -> str:
    """Return eight digits in the form of a company number, with a wrong check digit. `surface` is not used."""
    start = choices.digits(7)
    return start + wrong_check_digit(start, has_valid_company_sum, choices)


def _card_number(surface: str, choices: KeyedChoices) -> str | None:
    """Return a card number of the same length and with the same separators, with a wrong check digit (Luhn).

    It begins with 4. None if the original has fewer than two digits.
    """
    shape = normalize("NFKC", surface)
    n = sum(char.isdigit() for char in shape)
    if n < 2:
        return None
    start = "4" + choices.digits(n - 2)
    digits = iter(start + wrong_check_digit(start, has_valid_luhn, choices))
    return "".join(next(digits) if char.isdigit() else char for char in shape)


# Labels with their functions; other labels keep the form of the original (see `_reshape`).
MAKERS: dict[str, Callable[[str, KeyedChoices], str | None]] = {
    "PERSON": _person,
    "ORG": _company,
    "GPE": _place,
    "ADDRESS": _address,
    "DATE": _date,
    "BIRTHDAY": _date,
    "EMAIL": _email,
    "URL": _url,
    "IP": _ip,
    "LINE_ID": _account,
    "PTT_ID": _account,
    "SOCIAL": _account,
    "PHONE": _phone,
    "NATIONAL_ID": _identity_number,
    "RESIDENT_ID": _resident_number,
    "COMPANY_ID": _company_number,
    "CREDIT_CARD": _card_number,
}


def wrong_check_digit(start: str, is_valid: Callable[[str], bool], choices: KeyedChoices) -> str:
    """Return a last digit, chosen by `choices`, that makes a number invalid.

    start (str): The number without its last digit.
    is_valid (Callable[[str], bool]): Returns whether a complete number is valid.
    choices (KeyedChoices): Source of the choice.
    """
    digit = choices.below(10)
    while is_valid(f"{start}{digit}"):
        digit = (digit + 1) % 10
    return str(digit)


def has_valid_identity(number: str) -> bool:
    """Return whether a number has a valid checksum of a national ID.

    The letter is replaced by two digits. The eleven digits are multiplied by 1, 9, 8, … 1, 1, and the sum must be
    divisible by 10.

    number (str): An upper-case letter and nine digits.
    """
    letter = LETTERS[number[0]]
    digits = [letter // 10, letter % 10, *map(int, number[1:])]
    weights = [1, 9, 8, 7, 6, 5, 4, 3, 2, 1, 1]
    return sum(digit * weight for digit, weight in zip(digits, weights, strict=True)) % 10 == 0


def has_valid_company_sum(number: str) -> bool:
    """Return whether a number of eight digits has a valid checksum of a company number by the rule of 2023.

    The digits are multiplied by 1, 2, 1, 2, 1, 2, 4, 1, and the digits of the products are summed. The sum must be
    divisible by 5. If the seventh digit is 7, the sum + 1 may be divisible by 5 instead.
    """
    products = [int(digit) * weight for digit, weight in zip(number, (1, 2, 1, 2, 1, 2, 4, 1), strict=True)]
    total = sum(product // 10 + product % 10 for product in products)
    return total % 5 == 0 or (number[6] == "7" and (total + 1) % 5 == 0)


def has_valid_luhn(number: str) -> bool:
    """Return whether the Luhn sum of a number is divisible by 10.

    Every second digit from the right is doubled, and the digits of all results are summed.
    """
    doubled = (int(digit) * (1 + i % 2) for i, digit in enumerate(reversed(number)))
    return sum(value // 10 + value % 10 for value in doubled) % 10 == 0


def _reshape(surface: str, choices: KeyedChoices) -> str | None:
    """Replace ASCII digits by pseudorandom digits, and ASCII letters by such letters of the same case; keep separators.

    RETURNS (Optional[str]): None if the original has other characters, such as Chinese ones, or only separators.
    """
    upper, lower = "ABCDEFGHJKLMNPQRSTUVWXYZ", "abcdefghijkmnpqrstuvwxyz"
    made, n = [], 0
    for char in normalize("NFKC", surface):
        if char.isascii() and char.isdigit():
            made.append(str(choices.below(10)))
        elif char.isascii() and char.isalpha():
            made.append(choices.pick(upper if char.isupper() else lower))
        elif char in " -./()+#,:_\t\r\n":
            made.append(char)
            continue
        else:
            return None
        n += 1
    return "".join(made) if n else None
