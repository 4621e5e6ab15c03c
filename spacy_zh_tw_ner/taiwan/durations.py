"""Normal forms of durations: 三天 is P3D, 一年半 is P1Y6M, 兩小時半 is PT2H30M (ISO 8601)."""

import re

from .numerals import clean, parse_numeral

_NUMBER = r"[\d零〇一二三四五六七八九兩十百千萬]+"
# The groups have the order of ISO 8601. A final 半 adds half of the last unit, if that is a whole number of smaller
# units: 一年半 is 1 year and 6 months.
DURATION = re.compile(
    rf"(?:(?P<years>{_NUMBER})年)?"
    rf"(?:(?P<months>{_NUMBER})個月)?"
    rf"(?:(?P<weeks>{_NUMBER})個?(?:週|周|星期|禮拜))?"
    rf"(?:(?P<days>{_NUMBER})天)?"
    rf"(?:(?P<hours>{_NUMBER})個?(?P<half_hour>半)?(?:小時|鐘頭))?"
    rf"(?:(?P<minutes>{_NUMBER})(?P<minute_unit>分鐘?))?"
    rf"(?:(?P<seconds>{_NUMBER})秒鐘?)?"
    rf"(?P<half>半)?",
    re.ASCII,
)
AGE = re.compile(rf"({_NUMBER})歲(半)?", re.ASCII)
FIXED = {"半年": "P6M", "半小時": "PT30M", "半個小時": "PT30M", "半個鐘頭": "PT30M", "半分鐘": "PT30S"}
FIXED |= {"一刻鐘": "PT15M", "1刻鐘": "PT15M", "三刻鐘": "PT45M", "3刻鐘": "PT45M"}
LETTERS = {"years": "Y", "months": "M", "weeks": "W", "days": "D", "hours": "H", "minutes": "M", "seconds": "S"}
# N年 is a duration or a year of an era (民國). It is taken as a duration up to these numbers, and with 兩, which years
# of an era never have (兩百年); 兩千年 may be the year 2000.
LONGEST_IN_WORDS, LONGEST_IN_DIGITS = 20, 9


def normalize_duration(text: str) -> str | None:
    """Return a duration or an age in ISO 8601.

    text (str): Such as 三天, 兩個月, 一年半, 半小時, 4小時38分09秒, 70歲.
    RETURNS (Optional[str]): Such as P3D or P1Y6M. None for estimates, for halves that are no whole number of smaller
        units (半個月, 兩天半), for N年 that may be a year of an era (38年), and for other texts.
    """
    text = clean(text)
    if text in FIXED:
        return FIXED[text]
    if match := AGE.fullmatch(text):
        years = parse_numeral(match[1])
        return None if years is None else f"P{years}Y6M" if match[2] else f"P{years}Y"
    match = DURATION.fullmatch(text)
    if match is None or not text or text == "半":
        return None
    counts: dict[str, int] = {}
    for name in LETTERS:
        if match[name] is not None:
            value = parse_numeral(match[name])
            if not isinstance(value, int):
                return None
            counts[name] = value
    if match["minute_unit"] == "分" and counts.keys() == {"minutes"}:
        return None  # 二十分 may be a grade
    if not counts or (set(counts) == {"years"} and not match["half"] and _may_be_an_era(match["years"])):
        return None
    return _format(counts, half=match["half"], half_hour=match["half_hour"])


def _may_be_an_era(number: str) -> bool:
    """Return whether a number before 年 may also name a year of an era or of the western calendar (38年, 2024年)."""
    value = parse_numeral(number)
    if number.isascii():
        return not isinstance(value, int) or value > LONGEST_IN_DIGITS
    return not isinstance(value, int) or value >= 1000 or (value > LONGEST_IN_WORDS and "兩" not in number)


def _format(counts: dict[str, int], *, half: str | None, half_hour: str | None) -> str | None:
    """Return a duration in ISO 8601.

    counts (dict[str, int]): Unit, a key of LETTERS → number of this unit, in the order of LETTERS. A half is added
        in place, as 6 months, 30 minutes or 30 seconds.
    half (Optional[str]): 半 at the end (一年半), if present.
    half_hour (Optional[str]): 半 before 小時 (兩個半小時), if present.
    RETURNS (Optional[str]): None if the last unit cannot be halved, or weeks are combined with other units.
    """
    if half or half_hour:
        last = list(counts)[-1]
        if half_hour and half:
            return None
        if half_hour or last == "hours":
            if "minutes" in counts:
                return None
            counts["minutes"] = 30
        elif last == "years":
            counts["months"] = 6
        elif last == "minutes":
            counts["seconds"] = 30
        else:
            return None
    if "weeks" in counts and len(counts) > 1:
        return None  # ISO 8601 writes weeks alone
    day = "".join(f"{counts[name]}{LETTERS[name]}" for name in list(LETTERS)[:4] if name in counts)
    time = "".join(f"{counts[name]}{LETTERS[name]}" for name in list(LETTERS)[4:] if name in counts)
    return f"P{day}T{time}" if time else f"P{day}"
