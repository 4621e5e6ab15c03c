"""Calendar arithmetic for dates in Taiwan: eras, the lunar calendar, days, months and weeks.

Dates are strings in ISO 8601. An unknown year or month is written with X, as ISO 8601-2:2019 allows: 10月18日 is
XXXX-10-18, 15號 is XXXX-XX-15.
"""

from calendar import monthrange
from datetime import date, timedelta

from .numerals import DIGITS, parse_numeral

# Era → the Gregorian year of its year 0, and its last Gregorian year. Japanese eras were used in Taiwan until 1945;
# dates before 1873 (明治 6) were lunar.
ERAS = {
    "民國": (1911, 1911 + 999),
    "明治": (1867, 1912),
    "大正": (1911, 1926),
    "昭和": (1925, 1989),
    "平成": (1988, 2019),
    "令和": (2018, 2018 + 99),
}
FIRST_GREGORIAN_YEAR_OF_JAPAN = 1873
REPUBLIC = ERAS["民國"][0]
FIRST_FULL_YEAR, LAST_FULL_YEAR = 1000, 2999  # years written with four digits
WEEKDAYS = {day: index for index, days in enumerate(("一", "二", "三", "四", "五", "六", "日天")) for day in days}


def parse_integer(text: str) -> int | None:
    """Return the value of a whole number as dates write it: 113, 一百一十三, 一一三, 元 (1); None for other texts."""
    if text == "元":
        return 1
    value = parse_numeral(text, positional=len(text) > 2)
    return value if isinstance(value, int) else None


def year_of_era(era: str, number: int) -> int | None:
    """Return the Gregorian year of a year of an era, such as 2024 for 民國113年.

    era (str): A key of ERAS, such as 民國 or 昭和.
    number (int): Number of the year in the era, from 1.
    RETURNS (Optional[int]): None if the era has no such year, or it is 明治1年 to 明治5年, when dates were
        lunar.
    """
    zero, last = ERAS[era]
    year = zero + number
    if number < 1 or year > last or (era == "明治" and year < FIRST_GREGORIAN_YEAR_OF_JAPAN):
        return None
    return year


def format_date(year: int | None, month: int | None = None, day: int | None = None) -> str | None:
    """Return a date, a month or a year in ISO 8601.

    year (Optional[int]): Gregorian year in astronomical counting (0 is 1 BC); None if it is unknown.
    month (Optional[int]), day (Optional[int]): Month from 1 and day from 1; None if they are unknown.
    RETURNS (Optional[str]): Such as 2024-10-18; 2024-10 without a day; 2024 without month and day. An unknown year or
        month before a known part is written with X: XXXX-10-18, XXXX-XX-18. None if there is no such date, or all
        arguments are None.
    """
    if month is not None and not 1 <= month <= 12:
        return None
    if day is not None:
        # Without a year, February 29th is valid: 2000 is a leap year.
        longest = 31 if month is None else monthrange(year if year is not None and year > 0 else 2000, month)[1]
        if not 1 <= day <= longest:
            return None
    if year is None and month is None and day is None:
        return None
    written = "XXXX" if year is None else f"-{-year:04}" if year < 0 else f"{year:04}"
    if day is not None:
        return f"{written}-{'XX' if month is None else f'{month:02}'}-{day:02}"
    return written if month is None else f"{written}-{month:02}"


def shift_day(day: date, days: int) -> str | None:
    """Return the date `days` days after `day`, or before it if negative; None outside the years 1 to 9999."""
    try:
        return (day + timedelta(days=days)).isoformat()
    except OverflowError:
        return None


def shift_month(day: date, months: int) -> tuple[int, int]:
    """Return the year and the month that are `months` months after `day`, or before it if negative."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return year, month + 1


def shift_week(day: date, weeks: int) -> date | None:
    """Return the Monday of the week that is `weeks` weeks after that of `day`, or before it if negative.

    None outside the years 1 to 9999.
    """
    try:
        return day - timedelta(days=day.weekday()) + timedelta(weeks=weeks)
    except OverflowError:
        return None


def format_week(monday: date) -> str:
    """Return a week in ISO 8601, such as 2024-W17."""
    year, week, _ = monday.isocalendar()
    return f"{year:04}-W{week:02}"


def from_lunar(year: int, month: int, day: int, *, leap: bool) -> str | None:
    """Convert a date of the lunar calendar (農曆) to the Gregorian calendar with the package lunar-python.

    year (int): Gregorian year in which the lunar year began.
    month (int), day (int), leap (bool): Lunar month and day, and whether it is the leap month (閏) of this number.
    RETURNS (Optional[str]): The Gregorian date in ISO 8601. None if there is no such date, the year is not from 1900 to
        2100, or lunar-python is not installed.
    """
    try:
        from lunar_python import Lunar
    except ImportError:
        return None
    if not 1900 <= year <= 2100:
        return None
    try:
        solar = Lunar.fromYmd(year, -month if leap else month, day).getSolar()
    except Exception:  # lunar-python raises nothing more specific for months and days that do not exist
        return None
    return format_date(solar.getYear(), solar.getMonth(), solar.getDay())


def parse_lunar_day(text: str) -> int | None:
    """Return the number of a day of a lunar month, such as 5 for 初五; None for other texts.

    text (str): A text that `numerals.clean` has normalized, so that 廿三 is written as 二十三.
    """
    if text.startswith("初"):
        return (parse_numeral(text[1:]) if text[1:] == "十" else DIGITS.get(text[1:])) or None  # type: ignore[return-value]
    return parse_integer(text.removesuffix("日"))
