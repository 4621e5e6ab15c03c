"""Replace full-width letters, digits and signs by their ASCII characters, one by one, so that offsets do not change."""

import re

# ！，；？ are not replaced: they end a phrase in Chinese, and are no part of a number or an e-mail address.
_FULL = re.compile("[\u3000＂-＋－-：＜-＞＠-～—–‑−‐‧]+")
# Each ASCII sign has a full-width form at a distance of 0xFEE0. Dashes of all kinds become "-".
_TABLE: dict[int, int | str] = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
_TABLE |= {ord(char): "-" for char in "—–‑−‐－"} | {0x3000: " ", ord("‧"): "."}
# Characters that people write between the digits of one number.
_BETWEEN = re.compile(r"[\s\-]+")


def fold_widths(text: str) -> str:
    """Replace full-width characters, ideographic spaces, all dashes and "‧" by ASCII characters.

    Full-width commas, semicolons, exclamation and question marks are kept, because they end a phrase.

    text (str): Any text.
    RETURNS (str): A text of the same length, so that a span of it is a span of the original.
    """
    return _FULL.sub(lambda match: match[0].translate(_TABLE), text)


def compact(text: str) -> str:
    """Return a number in half width and upper case, without spaces, dashes and line breaks.

    text (str): A number as written, such as "Ａ１２３ 456-789".
    RETURNS (str): Such as "A123456789". Other characters are kept, so that validators reject them.
    """
    if text.isascii() and text.isalnum():
        return text.upper()
    return _BETWEEN.sub("", fold_widths(text)).upper()
