"""Rules for written dates with or without a year, 民國, western and lunar, and birthdays; `numeric_dates` has 3/20.

A date has at least two of year, month and day. A year alone says little about a person, and scores below the default.
Source: CNS 7648 and ISO 8601 for written forms; 民國 n is the year n + 1911.
"""

import re

from .findings import MAX_LINE, TABLE, Finding, find_column_context, find_context

N = "[0-9〇零一二三四五六七八九十]"
ERA = r"(?:(?:中 {0,3}華 {0,3})?民 {0,3}國前?|民前|西元前?|公元|[農國陰陽]曆|明治|大正|昭和|光緒)"
BEFORE_YEAR = re.compile(rf"(?P<era>{ERA} {{0,3}})?(?:[0-9]{{1,4}}|[〇零○一二三四五六七八九十百]{{1,5}}|元) ?$")
AFTER_YEAR = re.compile(
    rf" ?(?P<lunar>[農陰]曆)?(?P<month>(?:閏|正|臘|元|{N}){{1,3}} ?月份?) ?(?P<day>(?:初|廿|卅|{N}){{1,3}} ?[日號]?)?"
)
LUNAR = re.compile(rf"曆 ?(?:(?:閏|正|臘|{N}){{1,3}}月)(?:(?:初|廿|卅|{N}){{1,3}}[日號]?|半)?")
MONTH = re.compile(rf"(?<!{N})(?P<month>1[0-2]|0?[1-9]|十[一二]?|[元一二三四五六七八九]) ?$")
DAY = re.compile(
    r" ?(?P<day>3[01]|[12][0-9]|0?[1-9]|三十一?|[二廿]十?[一二三四五六七八九]?|十[一二三四五六七八九]?"
    r"|[一二三四五六七八九]|初[一二三四五六七八九十])(?:(?P<unit> ?[日號])|(?![0-9]))"
)
BORN = re.compile(r" ?(?:出生|生日|[過慶滿做][^。，,\n]{0,6}(?:大壽|生日|歲)|生(?!效|產|活|物|意|態))")
ENDS_MONTH = frozenset("0123456789元一二三四五六七八九十 ")
ENDS_YEAR = frozenset("0123456789〇零○一二三四五六七八九十百元 ")
DURATION = re.compile("徒刑|刑期|年資|歷時|長達|合計|共計?|滿|約|拘役|工作|經驗|租期|保固")
BIRTH = re.compile("出生|生日|生年")
ASKED = re.compile(  # in the line before the answer
    r"(?:請問|核對|確認|提供|告訴|[您你]的?)[^\n0-9]{0,10}(?:出生|生日)[^\n0-9]{0,30}\n[^\n0-9:]{0,8}:[^0-9\n]{0,28}$"
)
CELL_BORDER = re.compile(r"[ \t|,、;]+")
FIRST_DATE = re.compile("[0-9][/.年][0-9]")
SOLAR_TERM = re.compile(r"(?:臘|正)月(?:初|廿|卅|十|二十|三十)[一二三四五六七八九十]?")
AFTER_ID = re.compile(r"[A-Z][12AB89][0-9]{8}[),，、；; \t|/]{1,3}$")  # people list a number and a birthday together
PERSON_BEFORE = re.compile(r"(?:[男女]性?|[0-9]{1,3} ?歲)[ 、,，;；/|(（]{1,3}$")
PERSON_AFTER = re.compile(r"[)）]?[ 、,，;；/|]{0,2}(?:[男女](?![兒孩友朋生子士])|[(（]?[0-9]{1,3} ?歲|身[分份]證)")
TWO_CHINESE = re.compile("[一二三四五六七八九十]{2,3}")
REACH = 20
DIALOGUE = 90  # characters before an answer that hold its question


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
    if score < 0.9 and DURATION.search(view, max(0, before.start() - REACH), before.start()):
        score = 0.3  # 有期徒刑12年6月
    return dated(view, before.start(), stop, score, "written_date")


def _year_alone(view: str, before: "re.Match[str]", stop: int) -> Finding | None:
    if BORN.match(view, stop) and stop - before.start() > 2:
        return Finding(before.start(), stop, "BIRTHDAY", 0.8, "year_of_birth")
    if before["era"] is None or "曆" in before["era"]:
        return None
    return dated(view, before.start(), stop, 0.4, "year_with_era")


def find_lunar(view: str, place: int) -> Finding | None:
    """Find a lunar date without a year, such as 農曆三月初三.

    view (str): The text after `fold_widths`.
    place (int): Position of 曆.
    RETURNS (Optional[Finding]): A DATE or BIRTHDAY, or None.
    """
    match = LUNAR.match(view, place) if place and view[place - 1] in "農陰國陽" else None
    return None if match is None else dated(view, place - 1, match.end(), 0.85, "lunar_date")


def find_month_and_day(view: str, place: int) -> Finding | None:
    """Find a date without a year, such as 5月12日, or, after a word for birthdays, 生日3月2.

    view (str): The text after `fold_widths`.
    place (int): Position of 月.
    RETURNS (Optional[Finding]): A DATE or BIRTHDAY, or None.
    """
    if view[place - 1 : place] in ("臘", "正"):
        return _lunar_month(view, place)
    if view[place - 1 : place] not in ENDS_MONTH:
        return None
    month, day = MONTH.search(view, max(0, place - 4), place), DAY.match(view, place + 1)
    if month is None or day is None or _has_year(view, month.start()):
        return None
    # 九月十二 needs no 日; 9月12 may be a measure.
    is_chinese = TWO_CHINESE.fullmatch(day["day"]) is not None and not month["month"].isascii()
    score = 0.85 if day["unit"] else 0.6 if is_chinese else 0.0
    found = dated(view, month.start(), day.end(), score, "month_and_day")
    return found if found.score else None


def _lunar_month(view: str, place: int) -> Finding | None:
    match = SOLAR_TERM.match(view, place - 1)
    if match is None or view[place - 2 : place - 1] in ("年", "曆"):
        return None
    return dated(view, *match.span(), 0.7, "lunar_month_and_day")


def _has_year(view: str, start: int) -> bool:
    """Return whether a month follows a year (114年3月) or a calendar (農曆三月), which have rules of their own."""
    start -= view[start - 1 : start] == " "
    before = view[max(0, start - 2) : start]
    return before[-1:] == "曆" or (before[-1:] == "年" and before[0] in ENDS_YEAR)


def dated(view: str, begin: int, stop: int, score: float, rule: str) -> Finding:
    """Make a BIRTHDAY of a date after a word such as 生日 or in such a column of a table, and else a DATE.

    view (str): The text after `fold_widths`.
    begin (int), stop (int): The date.
    score (float): The score of a DATE.
    rule (str): The name of the rule.
    RETURNS (Finding): The date.
    """
    if find_context(view, begin, stop).label == "BIRTHDAY" or BORN.match(view, stop):
        return Finding(begin, stop, "BIRTHDAY", 0.95, rule)
    column = find_column_context(view, begin)
    if column is not None:
        is_birthday = column.label == "BIRTHDAY"
        return Finding(begin, stop, "BIRTHDAY" if is_birthday else "DATE", 0.85 if is_birthday else score, rule)
    if (
        (stop - begin >= 6 and _is_of_person(view, begin, stop))
        or AFTER_ID.search(view, max(0, begin - 13), begin)
        or _below_birthday(view, begin)
        or ASKED.search(view, max(0, begin - DIALOGUE), begin)
    ):
        return Finding(begin, stop, "BIRTHDAY", 0.85, rule)
    return Finding(begin, stop, "DATE", score, rule)


def _is_of_person(view: str, begin: int, stop: int) -> bool:
    """Return whether the sex, the age or the identification number of a person is beside a date with a year."""
    before = PERSON_BEFORE.search(view, max(0, begin - REACH), begin)
    return before is not None or PERSON_AFTER.match(view, stop) is not None


def _below_birthday(view: str, begin: int) -> bool:
    """Return whether a date is in the one column of dates, 出生日期, of a table whose cells are set off by spaces.

        姓名　出生年月日　關係
        林美　58.07.11　　配偶

    Names may have spaces too, so cells are not counted; a second date in a row is none.
    """
    line_start = view.rfind("\n", max(0, begin - MAX_LINE), begin) + 1
    if not line_start:
        return False
    before = view[line_start:begin]
    if ":" in before or FIRST_DATE.search(before):
        return False
    for line in reversed(view[max(0, line_start - TABLE) : line_start - 1].split("\n")):
        header = CELL_BORDER.split(line)
        if len(header) < 3 or ":" in line or "\t" in line or "|" in line:  # the table has not begun
            return False
        columns = [cell for cell in header if "日" in cell]
        if columns and not any(map(str.isdigit, line)):
            return len(columns) == 1 and BIRTH.match(columns[0]) is not None
    return False
