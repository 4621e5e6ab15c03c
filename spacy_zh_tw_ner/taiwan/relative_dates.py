"""Dates relative to a reference date: 昨天, 上週三, 下個月, 三天後.

Weeks begin on Monday (ISO 8601, CNS 7648): on Sunday, 這週三 is the Wednesday before.
"""

import re
from datetime import date, timedelta

from .calendars import (
    WEEKDAYS,
    format_date,
    format_week,
    shift_day,
    shift_month,
    shift_week,
)
from .numerals import parse_numeral

RELATIVE_DAYS = {
    "大前天": -3,
    "前天": -2,
    "昨天": -1,
    "昨日": -1,
    "今天": 0,
    "今日": 0,
    "本日": 0,
    "明天": 1,
    "明日": 1,
    "後天": 2,
    "大後天": 3,
    "今仔日": 0,
}
RELATIVE_YEARS = {"大前年": -3, "前年": -2, "去年": -1, "今年": 0, "本年": 0, "本年度": 0, "明年": 1, "後年": 2}
RELATIVE_MONTHS = {
    "上上個月": -2,
    "上個月": -1,
    "上月": -1,
    "這個月": 0,
    "本月": 0,
    "下個月": 1,
    "下月": 1,
    "下下個月": 2,
}
WEEK = re.compile(r"(上上|上|這|本|下下|下)個?(?:週|周|星期|禮拜)([一二三四五六日天末])?")
WEEKS = {"上上": -2, "上": -1, "這": 0, "本": 0, "下": 1, "下下": 2}
OFFSET = re.compile(
    r"([\d零〇一二三四五六七八九兩十百半]+)(天|個月|年|個?(?:週|周|星期|禮拜))(?:之|以)?([前後])", re.ASCII
)
# Newspapers write the day of the month in parentheses: 昨（17）日. It must agree with the reference date.
PRINTED = re.compile(r"(前|昨|今|明|後)\((\d{1,2})\)日", re.ASCII)
PRINTED_DAYS = {"前": -2, "昨": -1, "今": 0, "明": 1, "後": 2}
MAX_OFFSET = 9999


def relative_date(text: str, reference: date | None) -> str | None:
    """Return the date, week, month or year that a relative expression names.

    text (str): A text that `numerals.clean` has returned, such as 上週三 or 三天後.
    reference (Optional[date]): The day on which the text was written.
    RETURNS (Optional[str]): A date in ISO 8601, as precise as the text; None without a reference date and for other
        texts.
    """
    if reference is None:
        return None
    days = RELATIVE_DAYS.get(text)
    if days is not None:
        return shift_day(reference, days)
    month = parse_relative_month(text, reference)
    if month is not None:
        return format_date(*month)
    if match := WEEK.fullmatch(text):
        return _in_week(shift_week(reference, WEEKS[match[1]]), match[2])
    if match := PRINTED.fullmatch(text):
        value = shift_day(reference, PRINTED_DAYS[match[1]])
        return value if value is not None and int(value[-2:]) == int(match[2]) else None
    if match := OFFSET.fullmatch(text):
        return _offset(match, reference)
    return None


def parse_relative_year(text: str, reference: date | None) -> int | None:
    """Return the Gregorian year that a word such as 去年 names.

    text (str): A key of RELATIVE_YEARS, such as 去年.
    reference (Optional[date]): The day on which the text was written.
    RETURNS (Optional[int]): None without a reference date.
    """
    return None if reference is None else reference.year + RELATIVE_YEARS[text]


def parse_relative_month(text: str, reference: date | None) -> tuple[int, int] | None:
    """Return the Gregorian year and the month of a relative month.

    text (str): A key of RELATIVE_MONTHS, such as 上個月.
    reference (Optional[date]): The day on which the text was written.
    RETURNS (Optional[tuple[int, int]]): None for other texts, or without a reference date.
    """
    months = RELATIVE_MONTHS.get(text)
    return None if reference is None or months is None else shift_month(reference, months)


def _in_week(monday: date | None, day: str | None) -> str | None:
    """Return a week, its weekend or one of its days in ISO 8601.

    monday (Optional[date]): The Monday of the week; None if it is outside the years 1 to 9999.
    day (Optional[str]): 一 to 日 for a day, 末 for the weekend, None for the whole week.
    RETURNS (Optional[str]): Such as 2024-W17, 2024-04-27/2024-04-28 or 2024-04-24. None if `monday` is None.
    """
    if monday is None:
        return None
    if day is None:
        return format_week(monday)
    if day == "末":
        return f"{shift_day(monday, 5)}/{shift_day(monday, 6)}"
    return shift_day(monday, WEEKDAYS[day])


def _offset(match: re.Match[str], reference: date) -> str | None:
    """Return the date that a match of OFFSET names, as precise as its unit: 三天後 is a day, 兩年前 is a year.

    RETURNS (Optional[str]): In ISO 8601. None for 半 before other units than 年, for numbers above MAX_OFFSET, and for
        dates outside the years 1 to 9999.
    """
    unit, sign = match[2], -1 if match[3] == "前" else 1
    if match[1] == "半":
        return format_date(*shift_month(reference, sign * 6)) if unit == "年" else None
    count = parse_numeral(match[1])
    if not isinstance(count, int) or not 0 < count <= MAX_OFFSET:
        return None
    if unit == "天":
        return shift_day(reference, sign * count)
    if unit == "個月":
        year, month = shift_month(reference, sign * count)
        return format_date(year, month) if year > 0 else None
    if unit == "年":
        year = reference.year + sign * count
        return format_date(year) if 0 < year <= date.max.year else None
    try:
        return format_week(reference + timedelta(weeks=sign * count))
    except OverflowError:
        return None
