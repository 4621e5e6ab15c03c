"""Normal forms of times in ISO 8601: 下午三點半 is T15:30, 半小時 is PT30M, 昨晚十一點 has a date and a time."""

import re
from datetime import date
from typing import NamedTuple

from .calendar_dates import normalize_date
from .calendars import parse_integer
from .durations import normalize_duration
from .numerals import clean


class _Period(NamedTuple):
    """The hours that may follow a word for a period of the day, such as 下午.

    as_written (range): Hours that keep their number (下午15點).
    afternoon (range): Hours to which 12 is added (下午三點).
    """

    as_written: range
    afternoon: range = range(0)


MORNING, EARLY = _Period(range(4, 12)), _Period(range(7))
AFTERNOON, EVENING = _Period(range(12, 19), range(1, 8)), _Period(range(17, 24), range(5, 12))
# Words for periods of the day, with their hours. Other hours, as in 晚上兩點, are ambiguous.
PERIODS = {
    "凌晨": EARLY,
    "清晨": _Period(range(3, 9)),
    "早上": MORNING,
    "早晨": MORNING,
    "上午": _Period(range(12)),
    "中午": _Period(range(11, 14), range(1, 2)),
    "下午": AFTERNOON,
    "午後": AFTERNOON,
    "傍晚": _Period(range(16, 20), range(4, 8)),
    "晚上": EVENING,
    "晚間": EVENING,
    "夜間": EVENING,
    "夜裡": _Period(range(18, 24), range(7, 12)),
    "深夜": _Period(range(5), range(10, 12)),
    "半夜": _Period(range(5), range(10, 12)),
    "AM": _Period(range(12)),
    "PM": _Period(range(12, 24), range(1, 12)),
}
MORNINGS = {"早上", "早晨", "上午"}
TWELVE_IS_MIDNIGHT = {"凌晨", "晚上", "晚間", "夜間", "夜裡", "深夜", "半夜", "AM"}
# With a date and 12 or an hour after midnight, these words are ambiguous: 4月27日晚上12點 begins or ends the day.
CROSSES_MIDNIGHT = {"晚上", "晚間", "夜間", "夜裡", "深夜", "半夜"}
SHORT = {f"{day}{short}": f"{day}天{period}" for day in "昨今明" for short, period in (("早", "早上"), ("晚", "晚上"))}
SHORT |= {f"{day}晨": f"{day}天清晨" for day in "昨今明"}
_NUMBER = r"[\d零〇一二三四五六七八九十兩]{1,3}"
CLOCK = re.compile(
    rf"(?P<period>{'|'.join(PERIODS)}|a\.?m\.?|p\.?m\.?)?"
    rf"(?:(?P<hour>{_NUMBER})(?:[點時](?:鐘|整)?(?:(?P<half>半)|(?P<quarter>[一三13])刻|"
    rf"(?P<minute>{_NUMBER})分?(?:(?P<second>{_NUMBER})秒)?)?)"
    rf"|(?P<digital>\d{{1,2}}):(?P<minutes>\d\d)(?::(?P<seconds>\d\d))?(?P<after>[ap]\.?m\.?)?)$",
    re.ASCII | re.IGNORECASE,
)
NAMED = {"正午": "T12:00", "午夜": "T00:00", "午夜零時": "T00:00"}
RANGE = re.compile(r"[至到~–—-]")
DATE_AND_TIME = re.compile(r"(?<=\d)(?:T|\s+)(?=\d\d?:)", re.ASCII)


def normalize_time(text: str, reference: date | None = None) -> str | None:
    """Return a time of day, a date with a time, a range of times or a duration in ISO 8601.

    text (str): Such as 下午三點半, 17:00, 晚間11點50分, 昨晚十一點, 上午9時至下午4時, 半小時.
    reference (Optional[date]): The day on which the text was written, for 昨晚 and other relative dates.
    RETURNS (Optional[str]): Such as T15:30, 2024-04-27T15:30, T09:00/T16:00, PT30M. None for ambiguous times (三點 and
        9:30 without 上午 or 下午), estimates (晚上十點多), and other texts.
    """
    day, found, time = _split_digits(text)
    text = clean(text)
    if text in NAMED:
        return NAMED[text]
    if found:
        date_part, time_part = _full_day(clean(day), reference), _clock(clean(time), with_date=True)
        return f"{date_part}{time_part}" if date_part and time_part else None
    if any(char in text for char in "至到~"):
        return _times(text)
    return _times(text) or _moment(text, reference) or normalize_duration(text)


def _split_digits(text: str) -> tuple[str, bool, str]:
    """Split a date and a time in digits at the space or "T" between them, as in 2024-04-27 15:30.

    text (str): The text of the entity. `numerals.clean` must not have been called before, because it deletes the space.
    RETURNS (tuple[str, bool, str]): The date, True, and the time; ("", False, "") for a text of any other form.
    """
    match = DATE_AND_TIME.search(text) if len(text) < 64 else None
    return (text[: match.start()], True, text[match.end() :]) if match else ("", False, "")


def _moment(text: str, reference: date | None) -> str | None:
    """Convert a time of day, with or without a date before it, to ISO 8601.

    text (str): A text that `numerals.clean` has normalized.
    reference (Optional[date]): The day on which the text was written, for dates such as 昨天.
    RETURNS (Optional[str]): Such as T15:30 or 2024-04-27T15:30. None for ambiguous times and other texts.
    """
    value = _clock(text)
    if value is not None:
        return value
    long = SHORT.get(text[:2])
    text = long + text[2:] if long else text
    match = CLOCK.search(text)
    if match is None or not match.start():
        return None
    day, time = _full_day(text[: match.start()], reference), _clock(match[0], with_date=True)
    return f"{day}{time}" if day and time else None


def _full_day(text: str, reference: date | None) -> str | None:
    """Return a single day in ISO 8601, such as 2024-04-27, or None if the text is not a date of a single day.

    The year may be unknown, as in XXXX-04-27.

    text (str): The text of the date; it may be empty.
    reference (Optional[date]): The day on which the text was written, for dates such as 昨天.
    """
    value = normalize_date(text, reference) if text else None
    return value if value is not None and len(value) == 10 and "/" not in value and value[0] != "P" else None


def _times(text: str) -> str | None:
    """Convert a range of times on one day to ISO 8601.

    If the end lacks a word such as 上午, the word of the beginning is used: 上午9時至11時.

    text (str): A text that `numerals.clean` has normalized.
    RETURNS (Optional[str]): Such as T09:00/T11:00. None for ambiguous times and other texts, or if the end is not
        after the beginning.
    """
    parts = RANGE.split(text)
    if len(parts) != 2 or not all(parts):
        return None
    begin, end = parts
    first = CLOCK.fullmatch(begin)
    if first is None and CLOCK.fullmatch(end):
        begin += "點" if "點" in end else "時"
        first = CLOCK.fullmatch(begin)
    start, stop = _clock(begin), _clock(end)
    if stop is None and first is not None and first["period"]:
        stop = _clock(first["period"] + end)
        if stop is None and first["period"] in MORNINGS and end.startswith(("12", "十二")):
            stop = _clock(f"中午{end}")
    return f"{start}/{stop}" if start and stop and start < stop else None


def _clock(text: str, *, with_date: bool = False) -> str | None:
    """Convert a time of day to ISO 8601.

    text (str): A text that `numerals.clean` has normalized, without a date.
    with_date (bool): Whether there is a date before the time. Then 晚上12點 and 半夜兩點 are ambiguous: they may belong
        to that day or to the next one.
    RETURNS (Optional[str]): Such as T15:30 or T15:30:05. None for ambiguous times and other texts.
    """
    match = CLOCK.fullmatch(text)
    if match is None:
        return None
    period = (match["period"] or match["after"] or "").replace(".", "")
    period = period.upper() if period.isascii() else period
    if match["period"] and match["after"]:
        return None
    written = parse_integer(match["hour"] or match["digital"])
    hour = _hour(written, period, match, with_date=with_date)
    if match["half"]:
        minute: int | None = 30
    elif match["quarter"]:
        minute = 15 if match["quarter"] in "一1" else 45
    else:
        minute = _parse_padded(match["minute"] or match["minutes"] or "0")
    second = _parse_padded(match["second"] or match["seconds"] or "0")
    if hour is None or minute is None or second is None or minute > 59 or second > 59:
        return None
    if hour == 24 and (minute or second):
        return None
    written_seconds = f":{second:02}" if match["second"] or match["seconds"] else ""
    return f"T{hour:02}:{minute:02}{written_seconds}"


def _parse_padded(text: str) -> int | None:
    """Return the value of minutes or seconds, such as 五, 零五 or 05; None if the text is not a whole number."""
    return parse_integer(text[1:] if len(text) == 2 and text[0] in "零〇" else text)


def _hour(hour: int | None, period: str, match: re.Match[str], *, with_date: bool) -> int | None:
    """Return the hour of the day, or None if it is ambiguous or cannot be in the period (上午15點).

    hour (Optional[int]): The hour as written; None, with the result None, if it is not a number.
    period (str): The word before or after the time that names a part of the day, such as 下午 or PM; "" without one.
    match (re.Match[str]): The match of the pattern CLOCK, which shows whether the time is in digits. Without a period,
        a time in digits with a leading zero (09:30) is a time of the 24-hour clock, and not ambiguous.
    with_date (bool): Whether there is a date before the time. Then hours that may belong to the next day are ambiguous.
    """
    if hour is None or hour > 24:
        return None
    if not period:
        is_padded = match["digital"] is not None and match["digital"][0] == "0"
        return hour if hour > 12 or hour == 0 or is_padded else None
    if with_date and period in CROSSES_MIDNIGHT and (hour == 12 or hour < 5):
        return None
    if hour == 12 and period in TWELVE_IS_MIDNIGHT:
        return 0
    if hour == 12 and period == "上午":
        return None
    hours = PERIODS[period]
    if hour in hours.afternoon:
        return hour + 12
    return hour if hour in hours.as_written else None
