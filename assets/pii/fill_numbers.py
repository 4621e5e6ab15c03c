"""Fill the templates of the evaluation sets with invented numbers from fixed seeds.

Run `python assets/pii/fill_numbers.py` to write the folders of all sets from `templates/`. A template separates
documents by blank lines; its line breaks are those of the text, and a line with a single backslash is an empty line. In
a template

* `[王小明](P)` is an annotated entity: P is PERSON, O ORG, A ADDRESS, D DATE, B BIRTHDAY; other labels are written in
  full, and `(PHONE:full)` makes the text of the entity full-width;
* `{PHONE}` is an annotated number of that label, `{PHONE@a}` the same number again in the same document, and
  `{NATIONAL_ID:full}` one in a notation: `full` (full-width), `space`, `dash`, `lower`, `break` (a line break inside),
  or one that the generator of the label accepts;
* `{8}` is a number of 8 digits without annotation, also inside an entity: `[02-2{3}-{4}](PHONE)`;
* `{!NATIONAL_ID}` is a number without annotation whose check digit is wrong; `{ISBN}` has a right one and is no entity.

Every document has its own seed, so that editing one leaves the others as they are.
"""

import re
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from random import Random

FOLDER = Path(__file__).parent
LENGTHS = ("short", "middle", "long")
# Set → prefix of the seeds of its documents. dev2 and dev3 keep the names under which they were written.
SEEDS = {"dev": "dev", "dev2": "pii3", "dev3": "pii4", "test": "test", "test2": "test2"}
ALIASES = {"P": "PERSON", "O": "ORG", "A": "ADDRESS", "D": "DATE", "B": "BIRTHDAY"}
LETTERS = "ABCDEFGHJKLMNPQRSTUVXYWZIO"  # in the order of their numbers, from A = 10 to O = 35
COUNTIES = "ABCDEFGHIJKMNOPQTUVWXZ"  # letters that are issued today
PLATE_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ"  # without I and O
PLATE_DIGITS = "012356789"  # without 4
PLACEHOLDER = re.compile(r"\{(!?)([A-Z_]+|[0-9]+)(?::([a-z0-9]+))?(?:@(\w+))?\}")
ENTITY = re.compile(r"\[([^\[\]]*)\]\(([A-Z_]+)(:full)?\)")
FULL_WIDTH = {code: code + 0xFEE0 for code in range(0x21, 0x7F)}


def digits(random: Random, n: int) -> str:
    """Draw a number of `n` digits that does not begin with 0."""
    return "".join([random.choice("123456789"), *(random.choice("0123456789") for _ in range(n - 1))])[:n]


def identity_check_digit(body: str) -> str:
    """Return the check digit of a national id or a resident id: weights 1, 9, then 8 to 1, modulo 10.

    body (str): One letter and 8 digits, or two letters and 7 digits. A second letter counts by its last digit.
    """
    first = LETTERS.index(body[0]) + 10
    second = (LETTERS.index(body[1]) + 10) % 10 if body[1].isalpha() else int(body[1])
    values = [first // 10, first % 10, second, *map(int, body[2:])]
    weights = [1, 9, 8, 7, 6, 5, 4, 3, 2, 1]
    return str(-sum(value * weight for value, weight in zip(values, weights, strict=True)) % 10)


def is_company_id(number: str) -> bool:
    """Test the check sum of 8 digits by the rule of 2023: divisible by 5, with two readings of a 7 in seventh place."""
    products = [int(digit) * weight for digit, weight in zip(number, (1, 2, 1, 2, 1, 2, 4, 1), strict=True)]
    total = sum(product // 10 + product % 10 for product in products)
    return total % 5 == 0 or (number[6] == "7" and (total + 1) % 5 == 0)


def luhn_check_digit(body: str) -> str:
    """Return the digit that completes a card number by the formula of Luhn."""
    doubled = [int(digit) * (2 - i % 2) for i, digit in enumerate(reversed(body))]
    return str(-sum(value // 10 + value % 10 for value in doubled) % 10)


def another_digit(random: Random, number: str) -> str:
    """Replace the last digit by another one."""
    return number[:-1] + random.choice([digit for digit in "0123456789" if digit != number[-1]])


def national_id(random: Random, _: str) -> str:
    """Draw a national id: a letter, 1 or 2, seven digits and the check digit."""
    body = random.choice(COUNTIES) + random.choice("12") + digits(random, 7)
    return body + identity_check_digit(body)


def resident_id(random: Random, form: str) -> str:
    """Draw a resident id: the form of 2021 with 8 or 9 in second place, or the old one with two letters."""
    second = random.choice("ABCD") if form == "old" else random.choice("89")
    body = random.choice(COUNTIES) + second + digits(random, 7)
    return body + identity_check_digit(body)


def company_id(random: Random, _: str) -> str:
    """Draw a company id that is valid by the rule of 2023."""
    return next(number for number in iter(lambda: digits(random, 8), "") if is_company_id(number))


def wrong_company_id(random: Random) -> str:
    """Draw 8 digits that are no company id."""
    return next(number for number in iter(lambda: digits(random, 8), "") if not is_company_id(number))


def nhi_card(random: Random, form: str) -> str:
    """Draw the 12 digits of a health insurance card."""
    number = "0000" + digits(random, 8)
    return " ".join((number[:4], number[4:8], number[8:])) if form == "space" else number


def passport(random: Random, _: str) -> str:
    """Draw the 9 digits of a passport."""
    return "3" + digits(random, 8)


def driver_license(random: Random, _: str) -> str:
    """Draw the 12 digits of the control number of a driver's licence."""
    return digits(random, 12)


def household_id(random: Random, _: str) -> str:
    """Draw a household number: a letter and 7 digits."""
    return random.choice(COUNTIES) + digits(random, 7)


def phone(random: Random, form: str) -> str:
    """Draw a mobile number in one of its usual notations."""
    rest = "".join(random.choice("0123456789") for _ in range(8))
    parts = [f"09{rest[:2]}", rest[2:5], rest[5:]]
    if form == "plus":
        return "+886-" + "-".join([parts[0][1:], *parts[1:]])
    separator = {"plain": "", "dash": "-", "space": " ", "full": "-"}.get(form)
    return (random.choice(["-", "-", "", " "]) if separator is None else separator).join(parts)


def license_plate(random: Random, form: str) -> str:
    """Draw a number plate: of a car of today, or `old`, `moto`, `oldmoto`, `taxi`, `electric`."""

    def take(letters: str, n: int) -> str:
        return "".join(random.choice(letters) for _ in range(n))

    if form == "old":
        return f"{random.randint(1000, 9999)}-{take(PLATE_LETTERS, 2)}"
    if form == "oldmoto":
        return f"{take('ABCDEFGHJ', 1)}{take(PLATE_LETTERS, 2)}-{random.randint(100, 999)}"
    first = {"moto": "M", "taxi": "T", "electric": "E"}.get(form) or random.choice("ABC")
    return f"{first}{take(PLATE_LETTERS, 2)}-{take(PLATE_DIGITS, 4)}"


def bank_account(random: Random, form: str) -> str:
    """Draw an account number of as many digits as `form` says, 12 by default."""
    return digits(random, int(form or 12))


def credit_card(random: Random, form: str) -> str:
    """Draw a card number of Visa, Mastercard or JCB, or of `amex`, that passes Luhn's check."""
    prefix = "3712" if form == "amex" else random.choice(["4311", "4579", "5430", "5241", "3565"])
    body = prefix + "".join(random.choice("0123456789") for _ in range(10 if form == "amex" else 11))
    number = body + luhn_check_digit(body)
    cuts = (0, 4, 10, 15) if form == "amex" else (0, 4, 8, 12, 16)
    groups = [number[a:b] for a, b in pairwise(cuts)]
    return {"plain": "", "space": " ", "amex": " "}.get(form, "-").join(groups)


def ip(random: Random, form: str) -> str:
    """Draw an address from the ranges for documentation, or a `private` one."""
    if form == "six":
        return f"2001:db8:{random.randint(16, 4095):x}::{random.randint(16, 65535):x}"
    head = random.choice(["192.168", "10.12"]) if form == "private" else ""
    head = f"{head}.{random.randint(0, 250)}" if head else random.choice(["203.0.113", "198.51.100", "192.0.2"])
    return f"{head}.{random.randint(2, 254)}"


def secret(random: Random, form: str) -> str:
    """Draw a key of 32 hexadecimal digits, or a token of letters and digits as long as `form` says."""
    signs = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnpqrstuvwxyz23456789" if form else "0123456789abcdef"
    return "".join(random.choice(signs) for _ in range(int(form or 32)))


def isbn(random: Random) -> str:
    """Draw an ISBN of 13 digits of Taiwan."""
    body = f"978986{digits(random, 6)}"
    check = -sum(int(digit) * (1 + 2 * (i % 2)) for i, digit in enumerate(body)) % 10
    return f"978-986-{body[6:9]}-{body[9:]}-{check}"


GENERATORS: dict[str, Callable[[Random, str], str]] = {
    "NATIONAL_ID": national_id,
    "RESIDENT_ID": resident_id,
    "COMPANY_ID": company_id,
    "NHI_CARD": nhi_card,
    "PASSPORT": passport,
    "DRIVER_LICENSE": driver_license,
    "HOUSEHOLD_ID": household_id,
    "PHONE": phone,
    "LICENSE_PLATE": license_plate,
    "BANK_ACCOUNT": bank_account,
    "CREDIT_CARD": credit_card,
    "IP": ip,
    "SECRET": secret,
}
# One entity has at most one notation; widths and line breaks are put on afterwards.
NOTATIONS: dict[str, Callable[[str], str]] = {
    "full": lambda number: number.translate(FULL_WIDTH),
    "lower": str.lower,
    "break": lambda number: f"{number[: len(number) // 2]}\n{number[len(number) // 2 :]}",
}
SPACED = {"NATIONAL_ID": (1, 4, 7), "RESIDENT_ID": (1, 4, 7), "COMPANY_ID": (4,), "BANK_ACCOUNT": (4, 8)}


def spaced(label: str, number: str, separator: str) -> str:
    """Put a separator at the usual places of a number."""
    cuts = [0, *SPACED.get(label, ()), len(number)]
    return separator.join(number[a:b] for a, b in pairwise(cuts))


def entity(match: re.Match[str]) -> str:
    """Write an entity of a template in the markup: its label in full, its text full-width where asked for."""
    text = match[1].translate(FULL_WIDTH) if match[3] else match[1]
    return f"[{text}]({ALIASES.get(match[2], match[2])})"


def fill(template: str, seed: str) -> str:
    """Fill one document of a template and return it as one line of the markup."""
    random = Random(seed)
    kept: dict[str, str] = {}

    def number(match: re.Match[str]) -> str:
        wrong, label, form, key = match[1], match[2], match[3] or "", match[4]
        if key and key in kept:
            return kept[key]
        if label.isdigit():
            text = "".join(random.choice("0123456789") for _ in range(int(label)))
        elif label == "ISBN":
            text = isbn(random)
        elif wrong and label == "COMPANY_ID":
            text = wrong_company_id(random)
        elif wrong:
            text = another_digit(random, GENERATORS[label](random, form))
        else:
            text = GENERATORS[label](random, form)
            if label in SPACED and form in {"space", "dash"}:
                text = spaced(label, text, " " if form == "space" else "-")
            text = f"[{NOTATIONS.get(form, str)(text)}]({label})"
        if key:
            kept[key] = text
        return text

    text = ENTITY.sub(entity, PLACEHOLDER.sub(number, template))
    lines = ["" if line == "\\" else line for line in text.split("\n")]
    line = r"\n".join(lines)
    return "\\" + line if line.startswith("#") else line


def documents(name: str, length: str) -> str:
    """Return the file of a set and a length, filled."""
    template = (FOLDER / "templates" / f"{name}-{length}.tpl").read_text(encoding="utf-8")
    found = [text for text in re.split(r"\n{2,}", template.strip("\n")) if text]
    return "\n".join(
        f"# doc = {length}-{name}-{i:03}\n{fill(text, f'{SEEDS[name]}-{length}-{i}')}\n"
        for i, text in enumerate(found, 1)
    )


def main() -> None:
    """Write all files."""
    for name in SEEDS:
        (FOLDER / name).mkdir(exist_ok=True)
        for length in LENGTHS:
            (FOLDER / name / f"{length}.txt").write_text(documents(name, length), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
