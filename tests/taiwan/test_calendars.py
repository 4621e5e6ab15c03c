"""Calendar arithmetic, compared with the standard library, and lunar dates, compared with published tables."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_zh_tw_ner.taiwan.calendar_dates import normalize_date
from spacy_zh_tw_ner.taiwan.calendars import format_date, from_lunar, shift_month, year_of_era

DAYS = st.dates(date(1913, 1, 1), date(2500, 12, 31))


@given(DAYS)
def test_republican_gregorian_and_numeric_dates_are_normalized(day: date) -> None:
    text = f"民國{day.year - 1911}年{day.month}月{day.day}日"
    assert normalize_date(text) == normalize_date(f"{day.year}年{day.month}月{day.day}日") == day.isoformat()
    assert normalize_date(f"{day:%Y/%m/%d}") == normalize_date(f"{day:%Y%m%d}") == day.isoformat()


@given(DAYS, st.integers(1, 9999))
def test_days_are_counted_from_the_reference_date(day: date, days: int) -> None:
    assert normalize_date(f"{days}天後", day) == (day + timedelta(days)).isoformat()
    assert normalize_date(f"{days}天前", day) == (day - timedelta(days)).isoformat()


@given(DAYS)
def test_weekdays_are_in_their_weeks(day: date) -> None:
    for index, name in enumerate("一二三四五六日"):
        monday = day - timedelta(day.weekday())
        assert normalize_date(f"上週{name}", day) == (monday + timedelta(index - 7)).isoformat()
        assert normalize_date(f"這禮拜{name}", day) == (monday + timedelta(index)).isoformat()
        assert normalize_date(f"下星期{name}", day) == (monday + timedelta(index + 7)).isoformat()


@given(DAYS, st.integers(-1200, 1200))
def test_months_are_shifted_by_whole_months(day: date, months: int) -> None:
    year, month = shift_month(day, months)
    assert (year - day.year) * 12 + month - day.month == months


def test_a_weekday_must_fit_its_date() -> None:
    assert normalize_date("2024年4月27日（週六）") == "2024-04-27"
    assert normalize_date("2024年4月27日（週日）") is None
    assert normalize_date("4月27日（週六）") is None


@pytest.mark.parametrize(
    ("date_parts", "expected"),
    [
        ((2024, 2, 29), "2024-02-29"),
        ((2023, 2, 29), None),
        ((None, 2, 29), "XXXX-02-29"),
        ((None, 2, 30), None),
        ((None, None, 31), "XXXX-XX-31"),
        ((None, None, 32), None),
        ((2024, 13), None),
        ((-220,), "-0220"),
        ((0,), "0000"),
        ((None,), None),
    ],
)
def test_format_date_writes_iso_8601(date_parts: tuple[int | None, ...], expected: str | None) -> None:
    assert format_date(*date_parts) == expected


def test_years_outside_of_an_era_are_none() -> None:
    assert year_of_era("昭和", 64) == 1989
    assert year_of_era("昭和", 65) is None
    assert year_of_era("明治", 5) is None
    assert year_of_era("民國", 0) is None


LUNAR = {
    "農曆2024年五月初五": "2024-06-10",
    "2024年農曆八月十五": "2024-09-17",
    "民國113年農曆正月初一": "2024-02-10",
    "民國112年農曆閏二月初一": "2023-03-22",
    "農曆2023年臘月三十": "2024-02-09",
    "農曆2024年六月三十": None,  # a month of 29 days
    "農曆2024年閏五月初一": None,
    "農曆三月初九": None,  # the year is unknown
    "農曆2024年五月初十一": None,
}


@pytest.mark.parametrize("text", LUNAR)
def test_lunar_dates(text: str) -> None:
    pytest.importorskip("lunar_python")
    assert normalize_date(text) == LUNAR[text]


def test_without_lunar_python_lunar_dates_have_no_normal_form(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "lunar_python", None)
    assert from_lunar(2024, 5, 5, leap=False) is None
    assert normalize_date("農曆2024年五月初五") is None
