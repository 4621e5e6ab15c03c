"""Rules for dates in words, with or without a year: 民國, western and lunar dates, and birthdays.

    民國75年3月2日   find_year            農曆三月初三   find_lunar
    3月2日           find_month_and_day   1986/3/2       see `numeric_dates`

A date has at least two of year, month and day. A year alone says little about a person, so it scores 0.4, below the
default threshold.
Source: CNS 7648 and ISO 8601 for written forms; 民國 n is the year n + 1911.
"""

import re

from .context_words import MAX_LINE, MAX_TABLE, NO_CONTEXT, ContextFinder, find_column_context
from .findings import Finding

CHARS_BEFORE = 20  # characters before a year or a date in which its other parts and words for a person are searched
CHARS_OF_DIALOGUE = 90  # characters before an answer in which the question for a birthday is searched

NUMERAL = "[0-9〇零一二三四五六七八九十]"
ERA = r"(?:(?:中 {0,3}華 {0,3})?民 {0,3}國前?|民前|西元前?|公元|[農國陰陽]曆|明治|大正|昭和|光緒)"
# The number of the year, with or without its era: 民國113, 中　華　民　國　114 (forms spread the characters), 昭和五.
BEFORE_YEAR = re.compile(rf"(?P<era>{ERA} {{0,3}})?(?:[0-9]{{1,4}}|[〇零○一二三四五六七八九十百]{{1,5}}|元) ?$")
# 年農曆三月初三, 年3月2日, 年3月份.
AFTER_YEAR = re.compile(
    rf" ?(?P<lunar>[農陰]曆)?(?P<month>(?:閏|正|臘|元|{NUMERAL}){{1,3}} ?月份?)"
    rf" ?(?P<day>(?:初|廿|卅|{NUMERAL}){{1,3}} ?[日號]?)?"
)
# From 曆 on: 農曆三月初三, 農曆七月半.
LUNAR = re.compile(rf"曆 ?(?:(?:閏|正|臘|{NUMERAL}){{1,3}}月)(?:(?:初|廿|卅|{NUMERAL}){{1,3}}[日號]?|半)?")
# 臘月廿四 and 正月初五: these two names of months are lunar without 農曆.
LUNAR_MONTH_NAME = re.compile(r"(?:臘|正)月(?:初|廿|卅|十|二十|三十)[一二三四五六七八九十]?")
# The month and the day around 月, only if they exist: 12月31日, 十二月三十一, but not 13月 or 32日.
MONTH = re.compile(rf"(?<!{NUMERAL})(?P<month>1[0-2]|0?[1-9]|十[一二]?|[元一二三四五六七八九]) ?$")
DAY = re.compile(
    r" ?(?P<day>3[01]|[12][0-9]|0?[1-9]|三十一?|[二廿]十?[一二三四五六七八九]?|十[一二三四五六七八九]?"
    r"|[一二三四五六七八九]|初[一二三四五六七八九十])(?:(?P<unit> ?[日號])|(?![0-9]))"
)
LONG_CHINESE_DAY = re.compile("[一二三四五六七八九十]{2,3}")
# Characters before 月 and 年 that can end the number of a month or a year. Others are rejected without a search.
ENDS_MONTH = frozenset("0123456789元一二三四五六七八九十 ")
ENDS_YEAR = frozenset("0123456789〇零○一二三四五六七八九十百元 ")
# 有期徒刑12年6月 and 年資3年2月 are durations, which look like 民國12年6月.
DURATION = re.compile("徒刑|刑期|年資|歷時|長達|合計|共計?|滿|約|拘役|工作|經驗|租期|保固")

# After a date: 1993年生, 八月初三過九十大壽; but not 1993年生產.
BORN = re.compile(r" ?(?:出生|生日|[過慶滿做][^。，,\n]{0,6}(?:大壽|生日|歲)|生(?!效|產|活|物|意|態))")
BIRTH_HEADER = re.compile("出生|生日|生年")
# A question for the birthday, in the line before the answer: 客服：請問您的生日？ / 客戶：七十六年二月三日.
BIRTHDAY_QUESTION = re.compile(
    r"(?:請問|核對|確認|提供|告訴|[您你]的?)[^\n0-9]{0,10}(?:出生|生日)[^\n0-9]{0,30}\n[^\n0-9:]{0,8}:[^0-9\n]{0,28}$"
)
# A national identification number, which lists give together with the birthday: A123456789，75/3/2.
ID_BEFORE = re.compile(r"[A-Z][12AB89][0-9]{8}[),，、；; \t|/]{1,3}$")
# The sex or the age of a person: 女　38/12/25, 38年12月25日（76歲）; but not 學生3月2日 or 男友.
PERSON_BEFORE = re.compile(r"(?:[男女]性?|[0-9]{1,3} ?歲)[ 、,，;；/|(（]{1,3}$")
PERSON_AFTER = re.compile(r"[)）]?[ 、,，;；/|]{0,2}(?:[男女](?![兒孩友朋生子士])|[(（]?[0-9]{1,3} ?歲|身[分份]證)")
CELL_BORDER = re.compile(r"[ \t|,、;]+")
DATE_IN_ROW = re.compile("[0-9][/.年][0-9]")


def find_year(view: str, place: int, contexts: ContextFinder) -> Finding | None:
    """Find a date with a year, such as 民國75年3月2日, or a year alone.

    view (str): The text with full-width characters replaced by half-width ones (`fold_widths`); offsets are the same.
    place (int): Position of 年.
    contexts (ContextFinder): Finds context words in the text.
    RETURNS (Optional[Finding]): A DATE or BIRTHDAY, or None.
    """
    before = None
    if view[place - 1 : place] in ENDS_YEAR:
        before = BEFORE_YEAR.search(view, max(0, place - CHARS_BEFORE), place)
    if before is None or (before.start() > 0 and view[before.start() - 1 : before.start() + 1].isdigit()):
        return None
    after = AFTER_YEAR.match(view, place + 1)
    if after is None:
        return _year_alone(view, before, place + 1, contexts)
    if before["era"] is None and after["day"] is None and place - before.start() < 2:
        return None  # a duration: 1年2月
    stop = after.end() if after["day"] is not None else after.end("month")
    score = 0.9 if after["day"] is not None or before["era"] is not None else 0.6
    if score < 0.9 and DURATION.search(view, max(0, before.start() - CHARS_BEFORE), before.start()):
        score = 0.3
    return date_or_birthday(view, before.start(), stop, score, "written_date", contexts)


def find_lunar(view: str, place: int, contexts: ContextFinder) -> Finding | None:
    """Find a lunar date without a year, such as 農曆三月初三.

    view (str): The text with full-width characters replaced by half-width ones (`fold_widths`); offsets are the same.
    place (int): Position of 曆.
    contexts (ContextFinder): Finds context words in the text.
    RETURNS (Optional[Finding]): A DATE or BIRTHDAY, or None.
    """
    match = LUNAR.match(view, place) if place and view[place - 1] in "農陰國陽" else None
    return None if match is None else date_or_birthday(view, place - 1, match.end(), 0.85, "lunar_date", contexts)


def find_month_and_day(view: str, place: int, contexts: ContextFinder) -> Finding | None:
    """Find a date without a year, such as 5月12日. After a word for birthdays, 日 may be missing: 生日3月2.

    view (str): The text with full-width characters replaced by half-width ones (`fold_widths`); offsets are the same.
    place (int): Position of 月.
    contexts (ContextFinder): Finds context words in the text.
    RETURNS (Optional[Finding]): A DATE or BIRTHDAY, or None.
    """
    if view[place - 1 : place] in ("臘", "正"):
        return _named_lunar_month(view, place, contexts)
    if view[place - 1 : place] not in ENDS_MONTH:
        return None
    month, day = MONTH.search(view, max(0, place - 4), place), DAY.match(view, place + 1)
    if month is None or day is None or _has_year_or_calendar(view, month.start()):
        return None
    # 九月十二 is a date without 日; 9月12 may be a number after 9月, so its score as a DATE is 0.
    is_chinese = LONG_CHINESE_DAY.fullmatch(day["day"]) is not None and not month["month"].isascii()
    score = 0.85 if day["unit"] else 0.6 if is_chinese else 0.0
    found = date_or_birthday(view, month.start(), day.end(), score, "month_and_day", contexts)
    return found if found.score else None


def date_or_birthday(view: str, begin: int, stop: int, score: float, rule: str, contexts: ContextFinder) -> Finding:
    """Return a finding with the label BIRTHDAY if the text around a date shows that it is one, or else DATE.

    A BIRTHDAY has a word such as 生日 nearby, is in a table column of birthdays, or is next to a person's sex, age or
    national identification number.

    view (str): The text with full-width characters replaced by half-width ones (`fold_widths`); offsets are the same.
    begin (int), stop (int): The span of the date.
    score (float): The score if it is a DATE. A BIRTHDAY has 0.95 with a word such as 生日, and 0.85 otherwise.
    rule (str): The name of the rule.
    contexts (ContextFinder): Finds context words in the text.
    RETURNS (Finding): The date.
    """
    context, column = contexts.find_near(begin, stop), find_column_context(view, begin)
    if context is NO_CONTEXT and column is not None:
        context = column
    if context.label == "BIRTHDAY" or BORN.match(view, stop):
        return Finding(begin, stop, "BIRTHDAY", 0.95, rule)
    if column is not None:
        is_birthday = column.label == "BIRTHDAY"
        return Finding(begin, stop, "BIRTHDAY" if is_birthday else "DATE", 0.85 if is_birthday else score, rule)
    if (
        (stop - begin >= 6 and _is_beside_person(view, begin, stop))
        or ID_BEFORE.search(view, max(0, begin - 13), begin)
        or _is_below_birth_header(view, begin)
        or BIRTHDAY_QUESTION.search(view, max(0, begin - CHARS_OF_DIALOGUE), begin)
    ):
        return Finding(begin, stop, "BIRTHDAY", 0.85, rule)
    return Finding(begin, stop, "DATE", score, rule)


def _year_alone(view: str, before: "re.Match[str]", stop: int, contexts: ContextFinder) -> Finding | None:
    """Return a finding for a year of birth (1993年生) or a year with an era (民國69年), and None for other years.

    view (str): The text with full-width characters replaced by half-width ones (`fold_widths`); offsets are the same.
    before (re.Match[str]): The match of BEFORE_YEAR, which ends before 年.
    stop (int): Position after 年.
    contexts (ContextFinder): Finds context words in the text.
    """
    if BORN.match(view, stop) and stop - before.start() > 2:
        return Finding(before.start(), stop, "BIRTHDAY", 0.8, "year_of_birth")
    if before["era"] is None or "曆" in before["era"]:
        return None
    return date_or_birthday(view, before.start(), stop, 0.4, "year_with_era", contexts)


def _named_lunar_month(view: str, place: int, contexts: ContextFinder) -> Finding | None:
    """Find a lunar date with a named month (臘月廿四) around the 月 at a position.

    view (str): The text with full-width characters replaced by half-width ones (`fold_widths`); offsets are the same.
    place (int): Position of 月.
    contexts (ContextFinder): Finds context words in the text.
    RETURNS (Optional[Finding]): A DATE or BIRTHDAY. None if there is no such date, and for a month after 年 or 曆,
        because other rules find these dates.
    """
    match = LUNAR_MONTH_NAME.match(view, place - 1)
    if match is None or view[place - 2 : place - 1] in ("年", "曆"):
        return None
    return date_or_birthday(view, *match.span(), 0.7, "lunar_month_and_day", contexts)


def _has_year_or_calendar(view: str, start: int) -> bool:
    """Return whether a year (114年) or a word for a calendar (農曆) is before a month. Other rules find such dates.

    start (int): Position of the first character of the month. One space before it is skipped.
    """
    start -= view[start - 1 : start] == " "
    before = view[max(0, start - 2) : start]
    return before[-1:] == "曆" or (before[-1:] == "年" and before[0] in ENDS_YEAR)


def _is_beside_person(view: str, begin: int, stop: int) -> bool:
    """Return whether the sex or the age of a person is next to a date, or 身分證 just after it."""
    before = PERSON_BEFORE.search(view, max(0, begin - CHARS_BEFORE), begin)
    return before is not None or PERSON_AFTER.match(view, stop) is not None


def _is_below_birth_header(view: str, begin: int) -> bool:
    """Return whether a date is the first one in the row of a table whose only date column is for birthdays.

        姓名　出生年月日　關係
        林美　58.07.11　　配偶

    Cells are separated by spaces. Names may contain spaces too, so the cells before the date are not counted.
    """
    line_start = view.rfind("\n", max(0, begin - MAX_LINE), begin) + 1
    if not line_start:
        return False
    before = view[line_start:begin]
    if ":" in before or DATE_IN_ROW.search(before):
        return False
    for line in reversed(view[max(0, line_start - MAX_TABLE) : line_start - 1].split("\n")):
        header = CELL_BORDER.split(line)
        if len(header) < 3 or ":" in line or "\t" in line or "|" in line:  # this line is above the table
            return False
        columns = [cell for cell in header if "日" in cell]
        if columns and not any(map(str.isdigit, line)):
            return len(columns) == 1 and BIRTH_HEADER.match(columns[0]) is not None
    return False
