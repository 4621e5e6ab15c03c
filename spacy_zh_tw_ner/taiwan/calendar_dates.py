"""Normal forms of dates in ISO 8601: 民國113年4月27日 is 2024-04-27, and 上週三 depends on a reference date."""

import re
from collections.abc import Callable
from datetime import date

from .calendars import (
    ERAS,
    FIRST_FULL_YEAR,
    LAST_FULL_YEAR,
    REPUBLIC,
    WEEKDAYS,
    format_date,
    from_lunar,
    parse_integer,
    parse_lunar_day,
    year_of_era,
)
from .durations import normalize_duration
from .numerals import clean
from .relative_dates import RELATIVE_YEARS, parse_relative_month, parse_relative_year, relative_date

_NUMBER = r"[\d零〇一二三四五六七八九十百]"
NUMERIC = re.compile(r"(?:(?:中華)?(民國))?(\d{1,4})([-/.])(\d{1,2})\3(\d{1,4})", re.ASCII)
COMPACT = re.compile(r"([12]\d{3}|0\d\d|1[0-4]\d)(\d\d)(\d\d)", re.ASCII)
YEAR_MONTH = re.compile(r"(\d{4})[-/](\d{1,2})", re.ASCII)
MONTH_DAY = re.compile(r"(\d{1,2})/(\d{1,2})", re.ASCII)
WEEKDAY_AFTER = re.compile(r"\(?(?:星期|週|周|禮拜)([一二三四五六日天])\)?$")
RELATIVE_YEAR = "|".join(sorted(RELATIVE_YEARS, key=len, reverse=True))
CALENDAR = re.compile(
    rf"(?P<lunar_year>農曆|陰曆|舊曆)?(?:(?P<relative>{RELATIVE_YEAR})"
    rf"|(?P<era>(?:中華)?民國前|民前|(?:中華)?民國|明治|大正|昭和|平成|令和|西元前|公元前|西元|公元)?"
    rf"(?P<year>{_NUMBER}+|元)(?P<kind>年度|學年度|年))?"
    rf"(?P<lunar>農曆|陰曆|舊曆)?"
    rf"(?:(?P<leap>閏)?(?P<month>{_NUMBER}+|元|正|冬|臘)月份?)?"
    rf"(?:(?P<day>初?{_NUMBER}+)(?P<day_unit>[日號])?)?"
    rf"(?P<part>上半年|下半年|第[一二三四1-4]季|Q[1-4])?",
    re.ASCII,
)
MONTH_THEN_DAY = re.compile(rf"(?P<month>[上這本下]+(?:個)?月)(?P<day>{_NUMBER}+)[日號]", re.ASCII)
DECADE = re.compile(r"(?:西元)?([12]\d\d)0年代", re.ASCII)
CENTURY = re.compile(rf"(?:第|西元)?({_NUMBER}+)世紀", re.ASCII)
LAST_REPUBLICAN_YEAR = 199  # the largest number of three digits that is a year of 民國 without the word
ROUND_YEARS = {1000, 1500}
FULL_YEAR = re.compile(r"[12]\d{3}", re.ASCII)
PARTS = {"上半年": (1, 6), "下半年": (7, 12)}
RANGE = re.compile(r"[至到~–—]|-(?!\d\d?(?:-|$))")
LUNAR_MONTHS = {"正": 1, "冬": 11, "臘": 12}


def normalize_date(text: str, reference: date | None = None) -> str | None:
    """Return a date, a period of dates or a duration in ISO 8601.

    text (str): Such as 民國113年4月27日, 2024/4/27, 昭和五年, 去年6月, 上週三, 三天後, 兩個月, 113學年度.
    reference (Optional[date]): The day on which the text was written. Relative dates have no normal form without it.
    RETURNS (Optional[str]): Such as 2024-04-27, 2024-04, 2024-W17, P3D, 195X (1950年代), XXXX-10-18 (10月18日),
        2024-08/2025-07. None for what is ambiguous (三月五日前後, 38年, 星期三), repeated (每週三) or not a date.
    """
    text = clean(text)
    if not text or text[0] in "每約近":
        return None
    return _normalize(text, reference)


def _normalize(text: str, reference: date | None) -> str | None:
    """Return the first result that is not None of the functions in RULES, or None if all results are None.

    text (str): A text that `clean` has returned.
    reference (Optional[date]): The day on which the text was written.
    """
    for rule in RULES:
        value = rule(text, reference)
        if value is not None:
            return value
    return None


def _numeric(text: str, reference: date | None) -> str | None:
    """Convert a date in digits to ISO 8601: 2024/4/27, 113.4.27, 民國98/8/8, 4/27, 2024-04, 20240427 and 1130427.

    Like all functions in RULES, it returns None for any other text, so that the next function is tried.
    """
    if not text[-1].isdigit():
        return None
    if match := NUMERIC.fullmatch(text):
        era, first, _, second, third = match.groups()
        if era is not None:
            return _with_year(first.zfill(3), int(second), third) if len(first) < 4 else None
        return _three_numbers(first, int(second), third)
    if match := COMPACT.fullmatch(text):
        return _with_year(match[1], int(match[2]), match[3])
    if match := YEAR_MONTH.fullmatch(text):
        return format_date(int(match[1]), int(match[2]))
    if match := MONTH_DAY.fullmatch(text):
        return format_date(None, int(match[1]), int(match[2]))
    return None


def _three_numbers(first: str, second: int, third: str) -> str | None:
    """Convert a date of three numbers, with the year first (113.4.27, 2024/4/27) or last (27/4/2024, 4/27/2024).

    RETURNS (Optional[str]): The date, such as 2024-04-27. None if there is no such date, or if it is not clear which
        calendar or century the year is of (98/8/8), or which number is the month (3/4/2024).
    """
    if len(first) >= 3:
        return _with_year(first, second, third)
    if len(third) != 4:
        return None  # 98/8/8 may be 1998 or 2009 (民國98)
    # Day and month may be in either order. The date is clear if only one order gives a valid date.
    dates = {format_date(int(third), month, day) for month, day in ((int(first), second), (second, int(first)))}
    dates.discard(None)
    return dates.pop() if len(dates) == 1 else None


def _with_year(year: str, month: int, day: str) -> str | None:
    """Return a date such as 2024-04-27, or None if there is no such date.

    year (str): A Gregorian year (four digits), or a year of 民國 (three digits, up to 199; a larger one gives None).
    """
    number = int(year) if len(year) == 4 else REPUBLIC + int(year)
    if len(day) > 2 or not int(year) or (len(year) == 3 and int(year) > LAST_REPUBLICAN_YEAR):
        return None
    return format_date(number, month, int(day))


def _calendar(text: str, reference: date | None) -> str | None:
    """Convert a date with 年, 月 or 日 to ISO 8601; return None if the text is no such date, or is ambiguous.

    If a weekday follows, as in 113年4月27日（週六）, and the date does not have this weekday, None is returned.
    """
    weekday = WEEKDAY_AFTER.search(text)
    if weekday is not None and weekday.start():
        value = _calendar(text[: weekday.start()], reference)
        if value is None or len(value) != 10 or "X" in value or "/" in value:
            return None
        return value if date.fromisoformat(value).weekday() == WEEKDAYS[weekday[1]] else None
    match = CALENDAR.fullmatch(text)
    return _calendar_date(match, reference) if match is not None else None


def _calendar_date(match: re.Match[str], reference: date | None) -> str | None:
    """Convert a date that CALENDAR matched to ISO 8601, or return None if it is ambiguous or no date.

    match (re.Match[str]): The match, with the groups year, month, day and others.
    reference (Optional[date]): The day on which the text was written, for relative years such as 去年.
    """
    month, day = match["month"], match["day"]
    lunar = match["lunar"] or match["lunar_year"]
    if (day and not match["day_unit"] and not lunar) or (match["leap"] and not lunar):
        return None
    year: int | None = None
    if match["relative"]:
        year = parse_relative_year(match["relative"], reference)
    elif match["year"]:
        year = _year(match, has_month=month is not None)
    if year is None and (match["relative"] or match["year"]):
        return None
    if lunar:
        return _lunar_date(match, year)
    part = match["part"] or (match["kind"] if match["kind"] != "年" else None)
    if part:
        return None if month or day or year is None or year < 1 else _part(year, part)
    if day and not month and (year is not None or match["day_unit"] == "日"):
        return None  # 3日 may be a duration of three days
    number = parse_integer(month) if month else None
    if month and (number is None or month in LUNAR_MONTHS):
        return None
    return format_date(year, number, _day(day))


def _day(text: str | None) -> int | None:
    """Return the number of a day in a month.

    RETURNS (Optional[int]): None if `text` is None; 0, which is no valid day, if the text is not a number.
    """
    return (parse_integer(text) or 0) if text else None


def _year(match: re.Match[str], *, has_month: bool) -> int | None:
    """Return the Gregorian year of a match of CALENDAR, or None if it may be a duration or a year of another era.

    match (re.Match[str]): The match, which has a year.
    has_month (bool): Whether a month follows the year. Then 113年 is a year of 民國; alone it may be a duration.
    """
    era, number = match["era"] or "", parse_integer(match["year"])
    if number is None or number < 1:
        return None
    if era.endswith("前") and ("元" in era or "民" in era):
        return 1 - number if "元" in era else ERAS["民國"][0] + 1 - number
    if era.endswith("元"):
        return number
    if era:
        return year_of_era(era.removeprefix("中華"), number)
    if FIRST_FULL_YEAR <= number <= LAST_FULL_YEAR:
        # 1000年 and 1500年 may be durations.
        return None if number in ROUND_YEARS and not has_month else number
    # 113年5月 and 113年度 are dates of 民國; 113年 may be a duration, and 98年8月 a year of another era or 1998.
    if 100 <= number <= LAST_REPUBLICAN_YEAR and (has_month or match["kind"] != "年" or match["part"]):
        return REPUBLIC + number
    return None


def _part(year: int, part: str) -> str:
    """Convert a part of a year to ISO 8601.

    year (int): The Gregorian year.
    part (str): Such as 年度 (the whole year, 2024), 學年度 (2024-08/2025-07) or 第三季 (2024-07/2024-09).
    """
    if part == "年度":
        return f"{year:04}"
    if part == "學年度":
        return f"{year:04}-08/{year + 1:04}-07"
    if part in PARTS:
        first, last = PARTS[part]
    else:
        quarter = parse_integer(part.strip("第季Q")) or 0
        first, last = 3 * quarter - 2, 3 * quarter
    return f"{year:04}-{first:02}/{year:04}-{last:02}"


def _lunar_date(match: re.Match[str], year: int | None) -> str | None:
    """Convert a lunar date that CALENDAR matched to the Gregorian calendar, in ISO 8601.

    year (Optional[int]): The year of the lunar date.
    RETURNS (Optional[str]): None if year, month or day is missing, there is no such date, or lunar-python is not
        installed.
    """
    month, day = match["month"], match["day"]
    if year is None or not month or not day:
        return None
    numbers = (LUNAR_MONTHS.get(month) or parse_integer(month), parse_lunar_day(day))
    if numbers[0] is None or numbers[1] is None:
        return None
    return from_lunar(year, numbers[0], numbers[1], leap=match["leap"] is not None)


def _month_then_day(text: str, reference: date | None) -> str | None:
    """Convert a relative month and a day, such as 下個月16號, to ISO 8601.

    RETURNS (Optional[str]): None for any other text, without a reference date, or if there is no such day.
    """
    match = MONTH_THEN_DAY.fullmatch(text)
    found = parse_relative_month(match["month"], reference) if match is not None else None
    return format_date(*found, _day(match["day"])) if match is not None and found is not None else None


def _decade_or_century(text: str, reference: date | None) -> str | None:
    """Convert 1950年代 to 195X and 19世紀 to 18XX, as ISO 8601-2 marks unknown digits. Any other text gives None."""
    if match := DECADE.fullmatch(text):
        return f"{match[1]}X"
    match = CENTURY.fullmatch(text)
    number = parse_integer(match[1]) if match is not None else None
    return f"{number - 1:02}XX" if number is not None and 0 < number < 100 else None


def _range(text: str, reference: date | None) -> str | None:
    """Convert a period of dates to ISO 8601: 2024年3月1日至5日 is 2024-03-01/2024-03-05.

    If the end lacks a year or month, it has that of the beginning.

    RETURNS (Optional[str]): None if the text is not two dates of the same precision, in ascending order.
    """
    parts = RANGE.split(text)
    if len(parts) != 2 or not all(parts):
        return None
    begin, end = (f"{part}年" for part in parts) if all(map(FULL_YEAR.fullmatch, parts)) else parts
    if begin[-1].isdigit() and end[-1] in "年月日號":
        begin += end[-1]
    if "年" not in end and not any(word in end for word in "天週") and not end.isascii():
        unit = "年" if "月" in end else "月"
        end = begin[: begin.rfind(unit) + 1] + end
    values = [_normalize(part, reference) for part in (begin, end)]
    if any(value is None or value[0] in "PX-" or "/" in value for value in values):
        return None
    first, last = (value or "" for value in values)
    return f"{first}/{last}" if len(first) == len(last) and first < last else None


RULES: tuple[Callable[[str, date | None], str | None], ...] = (
    _calendar,
    _numeric,
    relative_date,
    lambda text, reference: normalize_duration(text),
    _month_then_day,
    _decade_or_century,
    _range,
)
