"""Rules for dates in digits or in English: 1986/3/2, 113.04.27, 3/20, Nov 12, and 0750302 after a word for birthdays.

Two numbers with a slash may be a date, a fraction, a page number (第3/5頁) or a blood pressure (血壓120/80). The score
depends on the text around them:

    3/20        0.55   a date: people write no such fraction
    1/2         0.35   a date or a fraction; not reported by default. At the beginning of a line, the score is 0.55
    1/2（一）   0.85   a day of the week, a time of day or a word such as 日期 is next to it
"""

import re

from .context_words import ContextFinder
from .date_rules import ERA, date_or_birthday
from .findings import Finding

CHARS_BEFORE = 12  # characters before a date in which words that raise or lower its score are searched
# One of these is in each date of digits with separators.
DIGITS_WITH_SIGN = re.compile(r"[0-9] ?[/.\-] ?[0-9]")
# 1986/3/2, 113.04.27, 75-3-2, 2025 / 11 / 08, and the date of 2025-06-14T03:25:30; not a part of 1.2.3.4.
YEAR_MONTH_DAY = re.compile(
    r"(?<![0-9A-Za-z./])(?P<year>(?:1[89]|20)[0-9]{2}|[01]?[0-9]{2})(?P<sep> ?[/.\-] ?)"
    r"(?P<month>1[0-2]|0?[1-9])(?P=sep)"
    r"(?P<day>3[01]|[12][0-9]|0?[1-9])(?=T[0-9]|(?![0-9A-Za-z]|[./][0-9]))"
)
# 3/20, 9/30am; not a part of 113/4/27, 12:3/20 or 1/2%.
MONTH_DAY = re.compile(
    r"(?<![0-9A-Za-z./])(?<![0-9]:)(?P<month>1[0-2]|0?[1-9])/(?P<day>3[01]|[12][0-9]|0?[1-9])"
    r"(?![0-9/%:]|\.[0-9]|[A-Za-z](?!m\b))"
)
# 12.08（一） and 11-24 22:10: with a dot or a dash, only before a day of the week or a time.
MONTH_DAY_BEFORE_TIME = re.compile(
    r"(?<![0-9A-Za-z./\-])(?<![0-9]:)(?:1[0-2]|0?[1-9])[.\-](?:3[01]|[12][0-9]|0?[1-9])"
    r"(?= ?\([一二三四五六日]\)| ?(?:週|星期)[一二三四五六日]| [0-2]?[0-9]:[0-5][0-9])"
)
YEAR_MONTH = re.compile(
    r"(?<![0-9A-Za-z./\-])(?:19|20)[0-9]{2}/(?:0[1-9]|1[0-2])(?![0-9A-Za-z/]|[.\-][0-9])"
)  # 2026/03
# 20240505, 1130427 and 0750302 (民國75): dates only after DATE_WORD_BEFORE_SOLID, or birthdays by their context.
SOLID = re.compile(
    r"(?<![0-9A-Za-z./\-])(?:(?:19|20)[0-9]{2}|0?[1-9][0-9]|1[0-9]{2})(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])"
    r"(?![0-9A-Za-z]|\.[0-9])"
)
DATE_WORD_BEFORE_SOLID = re.compile(r"(?:日期|日|於|自|至)[: ]{0,2}$")
_MONTHS = (
    "(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sept?(?:ember)?|Oct(?:ober)?"
    "|Nov(?:ember)?|Dec(?:ember)?|JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC)"
)
_DAY = "(?:3[01]|[12][0-9]|0?[1-9])"
# 12/Nov/2025 and 3rd Sept (day first), Nov 12 and Sept. 3, 2025 (month first); logs and passports write them.
ENGLISH_DATE = re.compile(
    rf"(?<![A-Za-z0-9.])(?:{_DAY}(?:st|nd|rd|th)?[ /\-]?{_MONTHS}\.?(?:,?[ /\-](?:19|20)[0-9]{{2}})?"
    rf"|{_MONTHS}\.? {{1,2}}{_DAY}(?:st|nd|rd|th)?(?:,? (?:19|20)[0-9]{{2}})?)(?![A-Za-z0-9])"
)
MONTH_NAME = re.compile(_MONTHS)
ERA_BEFORE = re.compile(rf"{ERA} ?$")
# After a/b, these say that it is a date: 1/2（五）出發, 5/20前, 8/1~8/5.
DATE_WORD_AFTER = re.compile(
    r" ?[(]?(?:週|周|星期|禮拜|[一二三四五六日][)）]|上午|下午|早上|晚上|中午|凌晨"
    r"|前|起|止|截止|至|到|後|以前|開始|當天"
    r"|[\-~]|[0-9]{1,2}:[0-9]{2}|出發|入住|退房|抵達|寄出|到貨|開會|回診)"
)
# Before a/b, these say that it is a date: 於5/20回診, 日期：5/20.
DATE_WORD_BEFORE = re.compile(
    r"(?:日期|時間|截止|期限|於|在|從|自|到|至|改|約|訂|今天|明天|昨天|[Dd]ate|[\-~])[: ]{0,2}$"
)
# Before a/b, these say that it is none: 血壓120/80, 第3/5頁, VAS 6/10 (pain), 信用卡有效期限 12/28.
NOT_DATE_BEFORE = re.compile(
    r"(?:第|頁|血壓|VAS|NRS|有效|評分|疼痛|CI|[BP]P|比|分|約有|佔|占|視力|尺寸|規格|拍|得分|樓|有效期限?|效期|月年"
    r"|安全碼|[Pp]age|EXP|[Ee]xp(?:iry)?)"
    r"[: ]{0,2}$"
)
# After a/b, these say that it is none: 1/2杯牛奶, 5/5 星, 9/11 人.
NOT_DATE_AFTER = re.compile(
    r" ?(?:頁|吋|杯|匙|以上|以下|的(?:人|量|時間|機率)|拍|坪|mm|cm|mmHg|折|人次|星|堂|機率|通過|人|月|分|票"
    r"|件|場|局|滿分|位|pass|題|成|強|弱|英吋|寸|碗|顆)"
)
EXPIRY_BEFORE = re.compile(r"(?:效期|到期|期限|月年|[Ee]xp(?:iry)?|EXP)[日至: ]{0,3}$")  # of a card: 到期2028/11
VERSION_BEFORE = re.compile(r"(?:[vV]|版本?|韌體|[Vv]er(?:sion)?|軟體|系統|規則|參數)[ .:]{0,2}$")  # 韌體113.04.27
FRACTIONS = frozenset("1/1 1/2 1/3 2/3 1/4 3/4 1/5 2/5 3/5 4/5 1/6 5/6 1/8 1/10 1/12".split())
# A dash between two dates makes a period (5/1-5/3); other numbers with dashes, such as 4-5-3/3-3-4, have no dates.
PERIOD_BEFORE = re.compile(r"[0-9]/[0-9]{1,2} ?- ?$")
PERIOD_AFTER = re.compile(r"- ?[0-9]{1,4}/[0-9]")


def find_numeric_dates(view: str, start: int, end: int, contexts: ContextFinder) -> list[Finding]:
    """Find dates in digits or in English in one ASCII stretch (a sequence of ASCII characters, see `scanner`).

    view (str): The text with half-width in place of full-width characters, from `fold_widths`.
    start (int), end (int): The span of the stretch.
    contexts (ContextFinder): Finds context words in the text.
    RETURNS (list[Finding]): DATE and BIRTHDAY; findings may overlap.
    """
    found: list[Finding] = []
    if DIGITS_WITH_SIGN.search(view, start, end + 8):
        for match in YEAR_MONTH_DAY.finditer(view, start, end):
            if "-" not in match["sep"] or not _is_part_of_number(view, *match.span()):
                found.append(_date_with_year(view, match, contexts))
        for match in MONTH_DAY_BEFORE_TIME.finditer(view, start, end + 8):
            found.append(date_or_birthday(view, *match.span(), 0.7, "month_and_day", contexts))
        if view.find("/", start, end) >= 0:
            for match in MONTH_DAY.finditer(view, start, end):
                found.append(_month_and_day(view, match, contexts))
            for match in YEAR_MONTH.finditer(view, start, end):
                expiry = EXPIRY_BEFORE.search(view, max(0, match.start() - CHARS_BEFORE), match.start())
                score = 0.6 if expiry is None else 0.2
                found.append(date_or_birthday(view, *match.span(), score, "year_and_month", contexts))
    for match in SOLID.finditer(view, start, end):
        word = DATE_WORD_BEFORE_SOLID.search(view, max(0, match.start() - CHARS_BEFORE), match.start())
        score = 0.0 if word is None else 0.6
        found.append(date_or_birthday(view, *match.span(), score, "solid_date", contexts))
    if MONTH_NAME.search(view, start, end):
        for match in ENGLISH_DATE.finditer(view, start, end):
            found.append(date_or_birthday(view, *match.span(), 0.8, "english_date", contexts))
    return [finding for finding in found if finding.score]


def _is_part_of_number(view: str, begin: int, stop: int) -> bool:
    """Return whether a dash joins a date to another number, as in 12-2024-04-27, so that it may be no date."""
    return view[begin - 1 : begin] == "-" or (view[stop : stop + 1] == "-" and view[stop + 1 : stop + 2].isdigit())


def _date_with_year(view: str, match: "re.Match[str]", contexts: ContextFinder) -> Finding:
    """Return the finding for a match of YEAR_MONTH_DAY: DATE or, by the text around it, BIRTHDAY.

    The score of a DATE depends on the length of its year and on its separator. It is higher after an era such as 民國,
    which becomes part of the finding, and lower after a word for versions.

    view (str): The text with half-width in place of full-width characters, from `fold_widths`.
    match (re.Match[str]): The match.
    contexts (ContextFinder): Finds context words in the text.
    """
    begin, stop = match.span()
    era = ERA_BEFORE.search(view, max(0, begin - 5), begin)
    year, sep = match["year"], match["sep"].strip()
    is_padded = len(match["month"]) == len(match["day"]) == 2
    if era is not None or len(year) == 4:
        score = 0.85
    elif VERSION_BEFORE.search(view, max(0, begin - CHARS_BEFORE), begin):
        score = 0.3
    elif len(year) == 3 and int(year) <= 150:  # 113/4/27, 113.04.27
        score = 0.65 if sep == "/" or is_padded else 0.55
    else:  # 75.03.02; 75.3.2 may be a version or a measure
        score = 0.55 if is_padded or sep == "/" else 0.45
    return date_or_birthday(view, begin if era is None else era.start(), stop, score, "numeric_date", contexts)


def _month_and_day(view: str, match: "re.Match[str]", contexts: ContextFinder) -> Finding:
    """Return the finding for a match of MONTH_DAY: DATE or, by the text around it, BIRTHDAY.

    The score of a DATE depends on the words and numbers around it, see the docstring of the module.

    view (str): The text with half-width in place of full-width characters, from `fold_widths`.
    match (re.Match[str]): The match.
    contexts (ContextFinder): Finds context words in the text.
    """
    begin, stop = match.span()
    before = max(0, begin - CHARS_BEFORE)
    is_in_series_of_numbers = (
        view[begin - 1 : begin] == "-" and PERIOD_BEFORE.search(view, before, begin) is None
    ) or (
        view[stop : stop + 1] == "-" and view[stop + 1 : stop + 2].isdigit() and PERIOD_AFTER.match(view, stop) is None
    )
    if is_in_series_of_numbers or NOT_DATE_BEFORE.search(view, before, begin) or NOT_DATE_AFTER.match(view, stop):
        score = 0.2
    elif DATE_WORD_AFTER.match(view, stop) or DATE_WORD_BEFORE.search(view, before, begin) or match[0][0] == "0":
        score = 0.85
    else:
        score = 0.35 if match[0] in FRACTIONS and view[begin - 1 : begin] not in ("\n", "") else 0.55
    return date_or_birthday(view, begin, stop, score, "month_and_day", contexts)
