"""Rules for dates of the years of the Republic (民國), of western years, and of the lunar calendar; and birthdays.

A year alone (2019年) is no date of a person; it needs a month, or the name of its calendar.
Source: CNS 7648 and ISO 8601 for written forms; 民國 n is the year n + 1911.
"""

import re

from .findings import Finding, find_context

N = "[0-9〇零一二三四五六七八九十]"
ERA = r"(?:(?:中華)?民國前?|民前|西元前?|公元|[農國陰陽]曆|明治|大正|昭和|光緒)"
BEFORE_YEAR = re.compile(rf"(?P<era>{ERA} ?)?(?:[0-9]{{1,4}}|[〇零○一二三四五六七八九十百]{{1,5}}|元) ?$")
AFTER_YEAR = re.compile(
    rf" ?(?P<lunar>[農陰]曆)?(?P<month>(?:閏|正|臘|{N}){{1,3}} ?月份?) ?(?P<day>(?:初|廿|卅|{N}){{1,3}} ?[日號]?)?"
)
LUNAR = re.compile(rf"曆 ?(?:(?:閏|正|臘|{N}){{1,3}}月)(?:(?:初|廿|卅|{N}){{1,3}}[日號]?|半)?")
MONTH = re.compile(rf"(?<!{N})(?:{N}|閏|正|臘){{1,3}}$")
DAY = re.compile(rf" ?(?:初|廿|卅|{N}){{1,3}} ?[日號]?")
NUMERIC = re.compile(
    r"(?<![0-9A-Za-z./\-])(?P<year>(?:1[89]|20)[0-9]{2}|[01]?[0-9]{2})(?P<sep>[/.\-])(?P<month>1[0-2]|0?[1-9])(?P=sep)"
    r"(?P<day>3[01]|[12][0-9]|0?[1-9])(?![0-9A-Za-z]|[./\-][0-9])"
)
SOLID = re.compile(
    r"(?<![0-9A-Za-z./\-])(?:(?:19|20)[0-9]{2}|0?[1-9][0-9]|1[0-9]{2})(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])"
    r"(?![0-9A-Za-z])"
)
ERA_BEFORE = re.compile(rf"{ERA} ?$")
BORN = re.compile(r" ?(?:出生|生日|生(?!效|產|活|物|意|態))")
ENDS_YEAR = frozenset("0123456789〇零○一二三四五六七八九十百元 ")
REACH = 16


def find_year(view: str, place: int) -> Finding | None:
    """Find the date with the year at a place.

    view (str): The text after `fold_widths`.
    place (int): Position of 年.
    RETURNS (Optional[Finding]): A DATE or BIRTHDAY, or None.
    """
    before = BEFORE_YEAR.search(view, max(0, place - REACH), place) if view[place - 1 : place] in ENDS_YEAR else None
    if before is None or (before.start() > 0 and view[before.start() - 1 : before.start() + 1].isdigit()):
        return None
    after = AFTER_YEAR.match(view, place + 1)
    if after is None:
        return _year_alone(view, before, place + 1)
    if before["era"] is None and after["day"] is None and place - before.start() < 2:
        return None  # a duration: 1年2月
    stop = after.end() if after["day"] is not None else after.end("month")
    score = 0.9 if after["day"] is not None or before["era"] is not None else 0.6
    return _dated(view, before.start(), stop, score, "written_date")


def _year_alone(view: str, before: "re.Match[str]", stop: int) -> Finding | None:
    if BORN.match(view, stop) and stop - before.start() > 2:
        return Finding(before.start(), stop, "BIRTHDAY", 0.8, "year_of_birth")
    if before["era"] is None or "曆" in before["era"]:
        return None
    return _dated(view, before.start(), stop, 0.7, "year_with_era")


def find_lunar(view: str, place: int) -> Finding | None:
    """Find a lunar date without a year, such as 農曆三月初三.

    view (str): The text after `fold_widths`.
    place (int): Position of 曆.
    RETURNS (Optional[Finding]): A DATE or BIRTHDAY, or None.
    """
    match = LUNAR.match(view, place) if place and view[place - 1] in "農陰國陽" else None
    return None if match is None else _dated(view, place - 1, match.end(), 0.85, "lunar_date")


def find_birthday(view: str, place: int) -> Finding | None:
    """Find a birthday without a year, such as 生日3月2日.

    view (str): The text after `fold_widths`.
    place (int): Position of 月.
    RETURNS (Optional[Finding]): A BIRTHDAY, or None.
    """
    if view.find("生", max(0, place - REACH), place) < 0 or view[place - 1] not in ENDS_YEAR:
        return None
    month, day = MONTH.search(view, max(0, place - 4), place), DAY.match(view, place + 1)
    if month is None or day is None or view[month.start() - 1 : month.start()] in ("年", "曆"):
        return None
    found = _dated(view, month.start(), day.end(), 0.0, "month_and_day")
    return found if found.label == "BIRTHDAY" else None


def find_numeric(view: str, start: int, end: int) -> list[Finding]:
    """Find 1986/3/2, 75.03.02 and, after a word for birthdays, 0750302, in one ASCII stretch.

    view (str): The text after `fold_widths`.
    start (int), end (int): The stretch.
    RETURNS (list[Finding]): Dates and birthdays.
    """
    found = []
    for match in NUMERIC.finditer(view, start, end):
        begin, stop = match.span()
        era = ERA_BEFORE.search(view, max(0, begin - 5), begin)
        begin = begin if era is None else era.start()
        certain = era is not None or len(match["year"]) == 4
        # 113/4/27 is a date of these years; 75.3.2 may be a version or a measure.
        is_likely = len(match["year"]) == 3 and match["sep"] == "/"
        found.append(_dated(view, begin, stop, 0.85 if certain else 0.6 if is_likely else 0.45, "numeric_date"))
    if end - start >= 6:
        for match in SOLID.finditer(view, start, end):
            finding = _dated(view, *match.span(), 0.0, "solid_date")
            if finding.label == "BIRTHDAY":
                found.append(finding)
    return found


def _dated(view: str, begin: int, stop: int, score: float, rule: str) -> Finding:
    if find_context(view, begin, stop).label == "BIRTHDAY" or BORN.match(view, stop):
        return Finding(begin, stop, "BIRTHDAY", 0.95, rule)
    return Finding(begin, stop, "DATE", score, rule)
