"""Normal forms of numbers: Chinese numerals (everyday and banking), digits, mixtures, fractions, ordinals, percentages.

A numeral is split at its largest unit, and both sides are split again:

    三億零五百萬  →  三 × 億 + 零五百萬  →  3 × 10⁸ + 5 × 10² × 10⁴
    三萬五        →  三 × 萬 + 五        →  3 × 10⁴ + 5 × 10³, as a single final digit counts the next lower unit

Estimates have no normal form: two digits before a unit (三五百, 一二十), and words such as 幾, 數, 多 and 餘.
"""

import re
import unicodedata
from decimal import Decimal
from fractions import Fraction

Number = int | Decimal | Fraction

MAX_LENGTH = 64  # characters; longer texts have no normal form
MAX_DIGITS = 18  # characters of a number in ASCII digits; arithmetic stays exact within the 28 digits of `decimal`
DIGITS: dict[str, int] = dict(zip("零〇一二三四五六七八九", (0, *range(10)), strict=True)) | {"兩": 2}
UNITS = {"兆": 10**12, "億": 10**8, "萬": 10**4, "千": 10**3, "百": 10**2, "十": 10}
# Everyday digits for banking characters, and for simplified and old forms that occur in handwriting.
SAME = str.maketrans(
    "壹弌貳弍贰參叁参弎肆伍陸陆柒捌玖拾佰仟万亿两○−",
    "一一二二二三三三三四五六六七八九十百千萬億兩〇-",
) | {ord("廿"): "二十", ord("卄"): "二十", ord("卅"): "三十", ord("卌"): "四十"}
ASCII_NUMBER = re.compile(r"(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?", re.ASCII)
CODE = re.compile(r"[0零〇][0-9零〇一二三四五六七八九]")  # 007 is a code, not a number
ORDINAL = re.compile(r"第(.+?)[名次個位屆條章節項號回集]?")
FRACTION = re.compile(r"(?:(.+)又)?(.+)分之(.+)")
# Percentages: 百分之三, 12.5%, 三趴; 千分之三; 三成五 (35 %); 八五折 (85 % of the price).
PER_CENT = re.compile(r"百分之(.+)|(.+?)(?:%|percent|趴)", re.IGNORECASE)
PER_MILLE = re.compile(r"(?:千分之|萬分之)(.+)|(.+)‰")
TENTHS = re.compile(r"([一二兩三四五六七八九十]|\d|10)成([一二三四五六七八九半]|\d)?", re.ASCII)
DISCOUNT = re.compile(r"([一二三四五六七八九1-9])([一二三四五六七八九1-9])?折")


def normalize_cardinal(text: str) -> Number | None:
    """Return the value of a number.

    text (str): Such as 兩千零二十四, 三萬五, 1.5億, 3萬5,000, 負三點一四, 二又三分之一, 二〇二四.
    RETURNS (Optional[Number]): An int for whole numbers, a Fraction for 分之 and 半, and otherwise a Decimal. None for
        estimates, ranges, and text that is not one number.
    """
    text = clean(text)
    negative = text[:1] in {"-", "負"} and len(text) > 1
    value = _unsigned(text[1:] if negative or text[:1] == "+" else text)
    return -value if value is not None and negative else value


def normalize_ordinal(text: str) -> int | None:
    """Return the value of an ordinal number: 3 for 第三 and 第3名, 1 for 首; None for other texts."""
    text = clean(text)
    if text in {"首", "頭一"}:
        return 1
    match = ORDINAL.fullmatch(text)
    value = parse_numeral(match[1]) if match is not None and match[1] != "兩" else None
    return value if isinstance(value, int) and value > 0 else None


def normalize_percent(text: str) -> Decimal | None:
    """Return a percentage as a ratio.

    text (str): Such as 百分之二十, 12.5%, 三成五, 千分之三, 八五折 (85 % of the price).
    RETURNS (Optional[Decimal]): Such as Decimal("0.35") for 三成五; None for other texts.
    """
    text = clean(text)
    negative = text[:1] in {"-", "負"}
    text = text[1:] if negative else text
    ratio = _ratio(text)
    return -ratio if negative and ratio is not None else ratio


def clean(text: str) -> str:
    """Normalize widths (NFKC), replace banking numerals (壹) by everyday ones (一), and delete white space.

    text (str): The text of an entity.
    RETURNS (str): The text that the parsers of this package expect; "" for texts longer than MAX_LENGTH.
    """
    if len(text) > MAX_LENGTH:
        return ""
    return "".join(unicodedata.normalize("NFKC", text).split()).translate(SAME)


def parse_numeral(text: str, *, positional: bool = False) -> int | Decimal | None:
    """Return the value of a numeral without a sign.

    text (str): A text that `clean` has returned.
    positional (bool): True for numbers such as years, in which two or three Chinese digits are read one by one: 一一三
        is 113. If it is False, such digits have no value unless one of them is a zero, because they are estimates
        (五六) or ambiguous.
    RETURNS (Optional[int | Decimal]): The value, an int if it is whole; None if it is not one number.
    """
    if not text:
        return None
    if all(char in DIGITS for char in text) and len(text) > 1:
        return _positional(text, short=positional)
    value = _with_units(text, colloquial=True)
    return _without_zeros(value) if value is not None else None


def _unsigned(text: str) -> Number | None:
    """Return the value of a number without a sign: a numeral, a fraction, or 半."""
    if CODE.match(text):
        return None
    if text in {"半", "一半", "半數"}:
        return Fraction(1, 2)
    if "分之" in text or "⁄" in text:
        return _fraction(text)
    return parse_numeral(text)


def _fraction(text: str) -> Fraction | None:
    """Return the value of a fraction: 三分之一, 二又三分之一, or ½, which NFKC turns into 1⁄2; else None."""
    if "⁄" in text:
        above, _, below = text.partition("⁄")
        whole: Number | None = 0
        parts: list[Number | None] = [_ascii_integer(below), _ascii_integer(above)]
    else:
        match = FRACTION.fullmatch(text)
        if match is None:
            return None
        whole = parse_numeral(match[1]) if match[1] is not None else 0
        parts = [parse_numeral(match[2]), parse_numeral(match[3])]
    denominator, numerator = parts
    if not (isinstance(whole, int) and isinstance(denominator, int) and isinstance(numerator, int)) or not denominator:
        return None
    if whole and numerator >= denominator:
        return None
    return whole + Fraction(numerator, denominator)


def _ascii_integer(text: str) -> int | None:
    """Return the value of ASCII digits, or None for other texts."""
    return int(text) if text.isascii() and text.isdigit() else None


def _positional(text: str, *, short: bool) -> int | None:
    """Return the value of Chinese digits that are read one by one: 二〇二四 is 2024.

    short (bool): Also accept two or three digits none of which is a zero. If it is False, their value is None.
    RETURNS (Optional[int]): The value. Also None if a digit is 兩.
    """
    if "兩" in text or not (short or len(text) > 3 or "零" in text[1:] or "〇" in text[1:]):
        return None
    return int("".join(str(DIGITS[char]) for char in text))


def _with_units(text: str, *, colloquial: bool) -> Decimal | int | None:
    """Return the value of a numeral with units, of one Chinese digit, or of ASCII digits; None for other texts.

    text (str): A numeral without leading zeros.
    colloquial (bool): Whether a single final digit counts the next lower unit: 三萬五 is 35,000, or else None.
    """
    if ASCII_NUMBER.fullmatch(text):
        digits = text.replace(",", "")
        if len(digits) > MAX_DIGITS:
            return None
        return int(digits) if digits.isdigit() else Decimal(digits)
    if len(text) == 1 and text in DIGITS:
        return DIGITS[text]
    if "點" in text and text[-1] not in UNITS:
        return _decimal(text)
    for unit, size in UNITS.items():
        left, found, right = text.rpartition(unit)
        if found:
            return _split_at(left, unit, size, right, colloquial=colloquial)
    return None


def _split_at(left: str, unit: str, size: int, right: str, *, colloquial: bool) -> Decimal | int | None:
    """Return the value of a numeral that is split at its largest unit.

    left (str): The numeral before the unit, which multiplies it; "" for 1.
    unit (str), size (int): The unit, such as 萬, and its value.
    right (str): The numeral after the unit, which is added; "" for 0.
    colloquial (bool): Whether a single final digit counts the next lower unit: 三萬五 is 35,000, or else None.
    RETURNS (Optional[Decimal | int]): The value; None if a side is not valid, or the numeral ambiguous (三億五千).
    """
    if not left:
        factor: Decimal | int | None = 1 if unit == "十" else None
    elif size < 10**4:
        factor = _factor(left, unit)
    elif unit in left:
        factor = None
    else:
        factor = _with_units(left, colloquial=False)
    if not factor:
        return None
    if not right:
        return factor * size
    rest = _rest(right, size, colloquial=colloquial)
    if rest is None or not 0 < rest < size or not isinstance(factor, int):
        return None
    if size > 10**4 and (isinstance(rest, Decimal) or _lacks_unit(right, rest)):
        return None
    return factor * size + rest


def _lacks_unit(text: str, rest: Decimal | int) -> bool:
    """Return whether the number after 億 is ambiguous because 萬 may be left out: 三億五千 may be 三億五千萬.

    text (str): The numeral after 億.
    rest (Decimal | int): The value of this numeral.
    """
    return rest < 10**4 and text[0] not in "零〇"


def _factor(text: str, unit: str) -> Decimal | int | None:
    """Return the value of the factor before the unit 千, 百 or 十; None if it is not valid.

    A factor is one Chinese digit, such as 三 in 三百; before 千 and 百 it may also be a number in ASCII digits.
    """
    if len(text) == 1 and text in DIGITS:
        return None if text == "兩" and unit == "十" else DIGITS[text]
    return _with_units(text, colloquial=False) if unit != "十" and ASCII_NUMBER.fullmatch(text) else None


def _rest(text: str, size: int, *, colloquial: bool) -> Decimal | int | None:
    """Return the value of the numeral after a unit, such as 5,000 for 五 after 萬; None if it is not valid.

    text (str): The numeral, which is not empty.
    size (int): The value of the unit.
    colloquial (bool): Whether a single final digit may count the next lower unit. After 十 it always may: 十五 is 15.
    """
    if text[0] in "零〇":
        value = _with_units(text[1:], colloquial=colloquial) if len(text) > 1 else None
        return value if value is not None and value < size // 10 else None  # the zero marks a gap
    if len(text) == 1:
        if text == "兩" or not (colloquial or size == 10):
            return None
        return int(unicodedata.digit(text, -1) if text not in DIGITS else DIGITS[text]) * (size // 10)
    if ASCII_NUMBER.fullmatch(text):
        whole = text.replace(",", "").partition(".")[0]
        # 3萬50 may be 30,050 or a slip for 3萬5,000.
        return _with_units(text, colloquial=False) if len(whole) >= 3 else None
    return _with_units(text, colloquial=colloquial)


def _decimal(text: str) -> Decimal | None:
    """Return the value of a decimal number such as 三點一四, whose digits after 點 are read one by one; else None."""
    before, _, after = text.partition("點")
    whole = parse_numeral(before)
    if not isinstance(whole, int) or not after or not all(char in DIGITS and char != "兩" for char in after):
        return None
    return Decimal(f"{whole}.{''.join(str(DIGITS[char]) for char in after)}")


def _without_zeros(value: Decimal | int) -> Decimal | int:
    """Return a whole number as an int, and any other number as a Decimal without zeros at its end."""
    return int(value) if value == int(value) else Decimal(value).normalize()


def _ratio(text: str) -> Decimal | None:
    """Return a percentage without a minus sign, such as 三成五, as a ratio (0.35); None for other texts."""
    if text in {"百分之百", "百分百"}:
        return Decimal(1)
    if match := PER_CENT.fullmatch(text):
        return _scaled(match[1] or match[2], 100)
    if match := PER_MILLE.fullmatch(text):
        return _scaled(match[1] or match[2], 10_000 if text[0] == "萬" else 1000)
    if match := TENTHS.fullmatch(text):
        tenths = parse_numeral(match[1])
        more = Decimal("0.5") if match[2] == "半" else parse_numeral(match[2] or "0")
        if tenths is None or more is None:
            return None
        return tenths / Decimal(10) + (more / Decimal(10) if match[2] == "半" else more / Decimal(100))
    if match := DISCOUNT.fullmatch(text):
        digits = [parse_numeral(digit or "0") for digit in match.groups()]
        if not text.isascii() and "".join(match.groups(default="")) in "一二三四五六七八九" and match[2]:
            return None  # 八九折 may be 80 to 90 %
        return Decimal(f"0.{digits[0]}{digits[1]}").normalize() if digits[0] else None
    return None


def _scaled(text: str, divisor: int) -> Decimal | None:
    """Return the value of a numeral divided by 100, 1,000 or 10,000; None if it is no numeral."""
    value = parse_numeral(text)
    return None if value is None else Decimal(value) / divisor
