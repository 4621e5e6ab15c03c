"""Validators of numbers that are issued in Taiwan, by form and check digit.

All validators take a text of any length and accept full or half width, upper or lower case, and spaces, dashes or line
breaks between the characters. A number that a validator accepts is well formed, but was perhaps never issued.
"""

import re

from .widths import compact

# A letter counts as a number of two digits. The order is historical: W, Z, I and O were added last (32 to 35).
LETTERS = {letter: 10 + index for index, letter in enumerate("ABCDEFGHJKLMNPQRSTUVXYWZIO")}
NATIONAL = re.compile(r"[A-Z][12][0-9]{8}")
RESIDENT_2021 = re.compile(r"[A-Z][89][0-9]{8}")
RESIDENT_OLD = re.compile(r"[A-Z][A-D][0-9]{8}")
COMPANY = re.compile(r"[0-9]{8}")
COMPANY_WEIGHTS = (1, 2, 1, 2, 1, 2, 4, 1)
CARD = re.compile(r"[0-9]{14,19}")
# Card networks: the first and the last prefix of a range (inclusive), and the numbers of digits that cards have.
ISSUERS = (
    (("4", "4"), (16, 19)),  # Visa
    (("51", "55"), (16,)),  # Mastercard
    (("2221", "2720"), (16,)),  # Mastercard since 2017
    (("3528", "3589"), (16,)),  # JCB
    (("34", "34"), (15,)),  # American Express
    (("37", "37"), (15,)),
    (("36", "36"), (14,)),  # Diners Club
    (("38", "39"), (14,)),
    (("62", "62"), (16, 17, 18, 19)),  # UnionPay
)

# Codes of banks, which stand before the account number in a transfer (822-…).
_BANK_CODES = (
    "004 005 006 007 008 009 011 012 013 015 016 017 018 020 021 022 023 025 026 028 029 030 031 032 033 037 "
    "038 039 040 041 048 050 052 053 054 072 075 076 078 081 082 083 085 086 087 089 092 093 098 101 102 103 "
    "104 108 114 115 118 119 120 124 127 130 132 146 147 158 161 162 163 165 178 188 204 215 216 222 223 224 "
    "321 512 515 517 518 520 521 523 524 525 600 605 606 607 608 610 611 612 613 614 616 617 618 619 620 621 "
    "622 623 624 625 627 628 633 635 650 700 803 805 806 807 808 809 810 812 814 815 816 822 823 824 826 901 "
    "902 903 904 905 906 907 908 910 912 913 914 915 916 917 918 919 920 921 922 923 924 925 926 928 951 952 "
    "953 954 995"
)
BANK_CODES = frozenset(_BANK_CODES.split())


def is_national_id(text: str) -> bool:
    """Return whether a text is a national identification number (國民身分證統一編號).

    One letter, 1 or 2 (in the order of the Household Registration Act: male, female), seven digits and a check digit.
    The letter stands for a number of two digits: A is 10, and LETTERS has the others. These two digits and the nine
    digits of the text are multiplied by 1, 9, 8, … 1, 1; the sum must be divisible by 10.
    Source: 戶籍法 and 內政部 "國民身分證統一編號編碼規則" (Ministry of the Interior).
    """
    number = compact(text)
    return NATIONAL.fullmatch(number) is not None and _has_valid_checksum(LETTERS[number[0]], number[1:])


def is_resident_id(text: str) -> bool:
    """Return whether a text is a unified identification number of a foreign or stateless resident (統一證號).

    Numbers issued since 2021-01-02 have one letter, 8 or 9, seven digits and a check digit. Older numbers have two
    letters (the second is A to D), seven digits and a check digit. The check digit is computed as in `is_national_id`,
    in which a letter stands for a number of two digits. Of the second letter, only the last digit of this number is
    used: 0 for A, 1 for B.
    Source: 內政部移民署 "外來人口統一證號" (National Immigration Agency).
    """
    number = compact(text)
    if RESIDENT_OLD.fullmatch(number):
        return _has_valid_checksum(LETTERS[number[0]], f"{LETTERS[number[1]] % 10}{number[2:]}")
    return RESIDENT_2021.fullmatch(number) is not None and _has_valid_checksum(LETTERS[number[0]], number[1:])


def _has_valid_checksum(letter: int, digits: str) -> bool:
    """Return whether the weighted sum of a letter and nine digits is divisible by 10.

    letter (int): The number of two digits for which the letter stands, such as 10 for A.
    digits (str): The nine digits. The two digits and these nine are multiplied by 1, 9, 8, … 1, 1.
    """
    total = letter // 10 + letter % 10 * 9 + int(digits[-1])
    total += sum(weight * int(digit) for weight, digit in zip(range(8, 0, -1), digits, strict=False))
    return total % 10 == 0


def is_company_id(text: str) -> bool:
    """Return whether a text is a uniform invoice number of a business (營利事業統一編號).

    Eight digits are multiplied by 1, 2, 1, 2, 1, 2, 4, 1, and the digits of the products are summed. The sum must be
    divisible by 5 (before 2023-04-01: by 10; these numbers remain valid). A 7 in the seventh place has the product 28,
    whose digits sum to 10. This 10 may be replaced by 1 or by 0 in the sum.
    Source: 財政部財政資訊中心 "營利事業統一編號檢查碼邏輯修正說明" (Ministry of Finance).
    """
    number = compact(text)
    if COMPANY.fullmatch(number) is None or number == "00000000":
        return False
    products = [weight * int(digit) for weight, digit in zip(COMPANY_WEIGHTS, number, strict=True)]
    total = sum(product // 10 + product % 10 for product in products)
    return total % 5 == 0 or (number[6] == "7" and (total + 1) % 5 == 0)


def is_credit_card(text: str) -> bool:
    """Return whether a text is a payment card number: prefix and length of a card network, and valid Luhn check digit.

    Source: ISO/IEC 7812-1 (numbering and check digit); ranges as the card networks publish them.
    """
    number = compact(text)
    if CARD.fullmatch(number) is None:
        return False
    is_issued = any(
        first <= number[: len(first)] <= last and len(number) in lengths for (first, last), lengths in ISSUERS
    )
    return is_issued and _passes_luhn(number)


def _passes_luhn(number: str) -> bool:
    """Return whether the Luhn sum of a number, in which every second digit from the right is doubled, ends with 0."""
    doubled = (2 * int(digit) for digit in number[-2::-2])
    return (sum(map(int, number[::-2])) + sum(value // 10 + value % 10 for value in doubled)) % 10 == 0


def is_nhi_card(text: str) -> bool:
    """Return whether a text has the form of the number of a National Health Insurance card (健保卡卡號): 12 digits.

    The number has no published check digit.
    Source: 衛生福利部中央健康保險署 (National Health Insurance Administration).
    """
    return re.fullmatch(r"[0-9]{12}", compact(text)) is not None


def is_passport(text: str) -> bool:
    """Return whether a text has the form of a passport number.

    Passports of Taiwan have nine digits; those of other countries have a letter and seven or eight digits, or two
    letters and seven digits.

    Source: 外交部領事事務局 (Bureau of Consular Affairs); ICAO Doc 9303 limits all numbers to nine characters.
    """
    return re.fullmatch(r"[0-9]{9}|[A-Z][0-9]{7,8}|[A-Z]{2}[0-9]{7}", compact(text)) is not None


def is_household_id(text: str) -> bool:
    """Return whether a text has the form of a household number (戶號): a letter and seven digits.

    Source: 戶籍法施行細則 and 內政部戶政司 (Department of Household Registration).
    """
    return re.fullmatch(r"[A-Z][0-9]{7}", compact(text)) is not None


def is_bank_code(text: str) -> bool:
    """Return whether a text is the code of a bank, credit department or post office (金融機構代號), such as 700.

    The text is looked up in the list BANK_CODES.
    Source: 財金資訊股份有限公司 "金融機構代號" (Financial Information Service Co.).
    """
    return compact(text) in BANK_CODES
