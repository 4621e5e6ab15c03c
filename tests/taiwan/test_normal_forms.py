"""Normal forms are those of pairs that were written by hand; ambiguous texts have none."""

from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_zh_tw_ner.taiwan.address_parts import Address
from spacy_zh_tw_ner.taiwan.money import Money
from spacy_zh_tw_ner.taiwan.normal_forms import LABELS, NormalForm, format_normal_form, normalize
from spacy_zh_tw_ner.taiwan.quantities import Quantity


class Pair(NamedTuple):
    label: str
    text: str
    reference: date | None
    expected: str

    @property
    def found(self) -> str:
        value = normalize(self.text, self.label, reference_date=self.reference)
        return "" if value is None else format_normal_form(value)


def read_pairs() -> list[Pair]:
    lines = (Path(__file__).parent / "pairs.tsv").read_text(encoding="utf-8").splitlines()
    rows = (line.split("\t") for line in lines if not line.startswith("#"))
    return [Pair(label, text, date.fromisoformat(day) if day else None, form) for label, text, day, form in rows]


PAIRS = read_pairs()


def test_there_are_enough_pairs() -> None:
    assert len(PAIRS) == len({pair[:3] for pair in PAIRS}) >= 300
    assert sum(not pair.expected for pair in PAIRS) >= 40
    assert {pair.label for pair in PAIRS} == set(LABELS)


def test_at_least_98_percent_of_the_pairs_are_equal() -> None:
    wrong = [pair for pair in PAIRS if pair.found != pair.expected]
    assert len(wrong) <= 0.02 * len(PAIRS), wrong


def test_no_ambiguous_text_gets_a_value() -> None:
    assert [pair for pair in PAIRS if not pair.expected and pair.found] == []


def test_all_pairs_are_equal() -> None:
    """Stricter than what was promised: a change that loses one pair is noticed."""
    assert [(pair.label, pair.text, pair.found) for pair in PAIRS if pair.found != pair.expected] == []


def test_white_space_and_widths_do_not_matter() -> None:
    for pair in PAIRS:
        if pair.expected and pair.text.isascii() is False and " " not in pair.text:
            spaced = pair._replace(text=f" {'　'.join(pair.text)}\n")
            assert spaced.found == pair.expected


@given(st.text(max_size=80), st.sampled_from(LABELS))
def test_any_text_has_a_normal_form_or_none(text: str, label: str) -> None:
    value = normalize(text, label, reference_date=date(2026, 11, 25))
    assert value is None or format_normal_form(value)


ALPHABET = "".join(sorted({char for pair in PAIRS for char in pair.text}))


@given(st.text(ALPHABET, max_size=12), st.sampled_from(LABELS), st.dates())
def test_any_text_of_the_same_characters_has_a_normal_form_or_none(text: str, label: str, day: date) -> None:
    value = normalize(text, label, reference_date=day)
    assert value is None or format_normal_form(value)


def test_long_texts_have_none() -> None:
    for label in LABELS:
        assert normalize("1" * 65, label) is None
        assert normalize("一" * 100_000, label) is None


def test_other_labels_have_none() -> None:
    assert normalize("三", "PERSON") is None


def test_a_reference_date_may_have_a_time() -> None:
    assert normalize("昨天", "DATE", reference_date=datetime(2026, 3, 1, 23, 59)) == "2026-02-28"


@pytest.mark.parametrize("day", [date.min, date.max])
def test_the_calendar_has_ends(day: date) -> None:
    for text in ("大前天", "上上週一", "上上個月", "兩週前", "去年", "前年三月", "9999年前"):
        for opposite in (text, text.replace("前", "後").replace("上", "下")):
            value = normalize(opposite, "DATE", reference_date=day)
            assert value is None or len(str(value)) >= 4


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (3, "3"),
        (Decimal("1E+3"), "1000"),
        (Decimal("0.350"), "0.35"),
        (Fraction(7, 3), "7/3"),
        (Fraction(4, 2), "2"),
        (Money("TWD", Decimal("1200.0")), "TWD 1200"),
        (Quantity(Decimal("2.5"), "kg"), "2.5 kg"),
        ("2024-04-27", "2024-04-27"),
        (Address(county="臺北市", road="泰順街", number="5-1"), "county:臺北市 road:泰順街 number:5-1"),
    ],
)
def test_normal_forms_as_strings(value: NormalForm, expected: str) -> None:
    assert format_normal_form(value) == expected
