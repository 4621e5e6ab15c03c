"""Chinese numerals of random numbers, whose values must be the numbers."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_zh_tw_ner.taiwan.numerals import normalize_cardinal, normalize_ordinal, normalize_percent

DAILY, BANKING = ("零一二三四五六七八九", "十百千"), ("零壹貳參肆伍陸柒捌玖", "拾佰仟")


def write_section(number: int, digits: str, units: str) -> str:
    """Write a number below 10,000, with one zero for each gap inside it."""
    written, gap = "", False
    for power in (3, 2, 1, 0):
        digit = number // 10**power % 10
        if digit:
            written += ("零" if gap and written else "") + digits[digit] + (units[power - 1] if power else "")
        gap = not digit
    return written


def write(number: int, style: tuple[str, str] = DAILY) -> str:
    """Write a number below 10¹⁶ as Chinese numerals."""
    written, gap = "", False
    for power, unit in ((12, "兆"), (8, "億"), (4, "萬"), (0, "")):
        section = number // 10**power % 10_000
        if section:
            written += ("零" if written and (gap or section < 1000) else "") + write_section(section, *style) + unit
        gap = not section
    return written or "零"


NUMBERS = st.one_of(st.integers(0, 99_999), st.integers(0, 10**16 - 1))


@pytest.mark.parametrize(
    ("number", "expected"),
    [(0, "零"), (10, "一十"), (105, "一百零五"), (10_050, "一萬零五十"), (30_000_500, "三千萬零五百")],
)
def test_the_helper_of_these_tests_writes_numerals(number: int, expected: str) -> None:
    assert write(number) == expected


@given(NUMBERS)
def test_everyday_and_banking_numerals_are_parsed(number: int) -> None:
    assert normalize_cardinal(write(number)) == number
    assert normalize_cardinal(write(number, BANKING)) == number


@given(NUMBERS)
def test_usual_variants_of_numerals_are_parsed(number: int) -> None:
    text = write(number)
    variants = {
        text.replace("二千", "兩千").replace("二萬", "兩萬").replace("十兩萬", "十二萬"),
        text.replace("零", "〇"),
    }
    if text.startswith("一十"):
        variants.add(text[1:])
    if len(text) > 1:
        variants.add(f"負{text}")
    assert {abs(normalize_cardinal(variant) or 0) for variant in variants} == {number}


@given(st.integers(0, 10**15))
def test_ascii_digits_are_parsed(number: int) -> None:
    assert normalize_cardinal(str(number)) == normalize_cardinal(f"{number:,}") == number


@given(st.integers(1, 9999), st.integers(1000, 9999))
def test_mixtures_of_digits_and_units_are_parsed(upper: int, lower: int) -> None:
    assert (
        normalize_cardinal(f"{upper}萬{lower}") == normalize_cardinal(f"{upper:,}萬{lower:,}") == upper * 10**4 + lower
    )
    assert normalize_cardinal(f"{upper}億{lower}萬") == upper * 10**8 + lower * 10**4


@given(st.integers(1, 9), st.integers(1, 9), st.sampled_from([("萬", 10**4), ("千", 1000), ("百", 100), ("億", 10**8)]))
def test_a_last_digit_counts_the_next_lower_unit(first: int, last: int, unit: tuple[str, int]) -> None:
    name, size = unit
    expected = first * size + last * size // 10
    assert normalize_cardinal(DAILY[0][first] + name + DAILY[0][last]) == expected
    assert normalize_cardinal(f"{first}{name}{last}") == expected


@given(st.integers(1, 9), st.integers(1, 9), st.sampled_from("十百千萬億兆"))
def test_two_digits_before_a_unit_are_an_estimate(first: int, second: int, unit: str) -> None:
    assert normalize_cardinal(DAILY[0][first] + DAILY[0][second] + unit) is None


@given(NUMBERS.filter(bool), st.integers(1, 99))
def test_fractions_are_parsed(denominator: int, numerator: int) -> None:
    assert normalize_cardinal(f"{write(denominator)}分之{write(numerator)}") == Fraction(numerator, denominator)


@given(NUMBERS, st.text("0123456789", min_size=1, max_size=6))
def test_decimals_are_parsed(whole: int, digits: str) -> None:
    written = "".join(DAILY[0][int(digit)] for digit in digits)
    assert normalize_cardinal(f"{write(whole)}點{written}") == Decimal(f"{whole}.{digits}")


@given(st.integers(1, 10**8), st.integers(0, 1000))
def test_ordinals_and_percentages_are_parsed(position: int, percent: int) -> None:
    assert normalize_ordinal(f"第{write(position)}") == position
    assert normalize_percent(f"百分之{write(percent)}") == normalize_percent(f"{percent}%") == Decimal(percent) / 100


def test_whole_numbers_are_int() -> None:
    for text in ("三萬五", "1.5億", "2.0", "三點五萬"):
        assert type(normalize_cardinal(text)) is int


@pytest.mark.parametrize(
    "text", ["", " ", "-", "負", "分之", "三分之", "分之三", "零分之一", "三分之三又一", "點五", "三點", "1/3"]
)
def test_parts_of_numbers_have_no_value(text: str) -> None:
    assert normalize_cardinal(text) is None


def test_too_many_digits_have_no_value() -> None:
    assert normalize_cardinal("9" * 18) == 10**18 - 1
    assert normalize_cardinal("9" * 19) is None
