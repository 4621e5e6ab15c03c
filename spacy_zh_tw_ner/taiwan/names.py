"""Find names of persons and organizations in forms, tables and chats, and before titles, for masking.

A recognizer reads names in sentences, but forms and chats have few sentences: 承辦人　屈副理, or 08:15　倪爸　我到了.
These rules use the words, columns and punctuation around a name. They prefer recall to precision, because a name
that is missed is not masked.
"""

import re
from collections.abc import Iterable, Iterator

from .findings import Finding, one_of
from .name_words import (
    BEFORE_NICKNAMES,
    BEFORE_ORGANIZATIONS,
    BRANCHES,
    COMMON_SURNAMES,
    COMPOUND_SURNAMES,
    KNOWN_ORGANIZATIONS,
    NOT_SPEAKERS,
    ORGANIZATIONS,
    PERSON_COLUMNS,
    PERSON_FIELDS,
    PERSONAL_TITLES,
    RARE_SURNAMES,
    RELATIVES,
    TITLES,
)
from .widths import fold_widths

NAME_LABELS = ("PERSON", "ORG")
SCORES = {"field": 0.8, "column": 0.8, "speaker": 0.75, "title": 0.7, "words": 0.6, "alone": 0.5}
ORGANIZATION_SCORE = 0.6
MAX_LIST = 20  # further names in a list such as 客戶：王小明、李大同
MAX_LEFT = 18  # characters of an organization before its ending


def _any(words: Iterable[str]) -> str:
    """Return a regular expression, a non-capturing group, that matches any of the words, the longest one first."""
    return f"(?:{one_of(words)})"


H = "[\u3400-\u9fff]"  # a Chinese character
NOT_H, NO_H = "(?<![\u3400-\u9fff])", "(?![\u3400-\u9fff])"  # no Chinese character before, and after
BLANK = "[ \t\u3000]"
DOT = "[.．·‧・]"
ALL = f"(?:{_any(COMPOUND_SURNAMES)}|[{COMMON_SURNAMES}{RARE_SURNAMES}])"
COMMON = f"(?:{_any(COMPOUND_SURNAMES)}|[{COMMON_SURNAMES}])"
_PART = r"[A-Z][A-Za-zÀ-ỹ'’.\-]{0,20}"
LATIN = rf"{_PART}(?:(?:, ?|/|·| ){_PART}){{0,4}}"
# All of a field: 王小明, an indigenous name such as 拉瓦克．督固, or HSU, YA-CHI
WHOLE = rf"{H}{{2,4}}{NO_H}|{H}{{1,6}}{DOT}{H}{{1,6}}|{LATIN}"
# The beginning of running text. A woman may have her husband's surname before her own: 陳林阿桃.
GIVEN = rf"{ALL}(?:{H}{{1,3}}{NO_H}|[{COMMON_SURNAMES}]{H}{{2}}|{H}{{1,2}})"
# Forms put blanks between the characters of a short word: 被　告
FIELDS = "|".join(rf"{word[0]}{BLANK}{{0,4}}{word[1]}" if len(word) == 2 else word for word in PERSON_FIELDS)
SEPARATOR = rf"[*)）】]?(?:{BLANK}{{0,3}}:{BLANK}{{0,3}}|{BLANK}{{1,4}})"
CLOCK = r"\d{1,2}:\d{2}(?::\d{2})?"
DAY = r"\d{1,4}[/.\-]\d{1,2}(?:[/.\-]\d{1,2})?"

# 姓名：王小明, 戶名　薄荷綠, and further names after 、
FIELD = re.compile(rf"(?:{FIELDS})(?:姓名|簽名|簽章)?{SEPARATOR}({WHOLE}|{GIVEN})")
LIST = re.compile(rf"{BLANK}?[、,&]{BLANK}?({WHOLE})")
# One group matches in each pattern; it is the name.
PATTERNS = (
    # 被告費聖凱應給付, 警員戴立言協助, 英文姓名HSU, YA-CHI
    ("words", rf"{_any(PERSON_FIELDS + TITLES)}[是為:]?({GIVEN})|姓名({LATIN})"),
    # 我爸施進發
    ("words", rf"我(?:爸爸?|媽媽?|妹妹?|弟弟?|哥哥?|姐姐?|姊姊?|先生|太太|老公|老婆)({COMMON}{H}{{1,2}})"),
    # A passenger: MA CHEN/HSIUMAN
    ("words", r"(?<![A-Za-z/])([A-Z]{2,15}(?: [A-Z]{2,15})?/[A-Z]{2,20})(?![A-Za-z/])"),
    # 湯維倫】您好, 王小明 敬上, 王小明女
    ("words", rf"({COMMON}{H}{{1,2}})(?=[】)]?{BLANK}?(?:女|男|您好|你好|敬上|敬啟|鈞鑒|鈞啟))"),
    # 敝姓單, 邊姓女子
    ("title", rf"姓({ALL})|({ALL})姓"),
    # 屈副理. A rare surname before further characters would usually be a word.
    ("title", rf"({COMMON}{H}{{2}}|{ALL})(?={BLANK}?{_any(TITLES)})"),
    # 李志明先生, 米小姐
    (
        "title",
        rf"({COMMON}{H}{{1,2}}|(?![位的是我你妳他她您們生各老大小那這本該名個]){H})(?={BLANK}?{_any(PERSONAL_TITLES)})",
    ),
    # 倪爸阿姨, 妙妙阿姨
    ("words", rf"(阿{H}|[{COMMON_SURNAMES}][{RELATIVES}]|(?P<same>{H})(?P=same))(?=阿姨|叔叔|伯伯|媽|爸)"),
    # 阿榮伯, 工讀生小庭, and alone between other characters: 老K, 小馬, 倪爸
    ("words", rf"(阿{H}[{RELATIVES}])|{_any(BEFORE_NICKNAMES)}([阿小老]{H})"),
    ("words", rf"{NOT_H}(?<![A-Za-z])([阿小老](?:{H}|[A-Z])|[{COMMON_SURNAMES}][{RELATIVES}]){NO_H}(?![A-Za-z])"),
    ("words", rf"{NOT_H}((?![大小老學表堂帥公]){H}[哥姐姊]){NO_H}"),
    ("speaker", r"(?m)^([^\s\d:]{1,6}[爸媽]):"),
    # 、嚴以柔　, 督固．瓦旦
    ("alone", rf"{NOT_H}({COMMON}{H}{{2}}|{_any(COMPOUND_SURNAMES)}{H}|{H}{{1,4}}{DOT}{H}{{1,4}}){NO_H}"),
    # The author of a post: fish43 (小魚)
    ("words", r"[A-Za-z][A-Za-z0-9]{1,12} ?\(([^()\n\d]{1,12})\)"),
    # A row of a list: 03　夔立安
    ("column", rf"(?m)^{BLANK}?\d{{1,3}}[.、]?{BLANK}{{1,4}}({ALL}{H}{{1,3}}{NO_H}|{LATIN})"),
    # An exported chat: 08:15 倪爸 我到了; 2024/5/1, 8:15 AM Sunny: …
    (
        "speaker",
        rf"(?m)^\[?(?:{DAY},?{BLANK}{{1,2}})?(?:[上下]午 ?|[AP]M )?{CLOCK}(?: ?[AP]M)?\]?{BLANK}{{1,2}}"
        rf"(?!.{{0,11}}{_any(NOT_SPEAKERS)})"
        rf"({LATIN}(?=:)|[^\s\d:,，。、!！?？()（）【】「」\[\]]{{1,12}}(?=[ \t\u3000:]))",
    ),
)
COMPILED = tuple((rule, re.compile(pattern)) for rule, pattern in PATTERNS)
COLUMN, CELL = re.compile(_any(PERSON_COLUMNS)), re.compile(WHOLE)
ENDING, KNOWN = re.compile(_any(ORGANIZATIONS)), re.compile(_any(KNOWN_ORGANIZATIONS))
BRANCH = re.compile(rf"{H}{{0,6}}?{_any(ORGANIZATIONS + BRANCHES)}")  # 員林分行, after 臺灣銀行
FIRM = re.compile(
    r"[A-Z][A-Za-z&.\- ]{2,40},? (?:C[Oo]\.?,? ?L[Tt][Dd]|I[Nn][Cc]|C[Oo][Rr][Pp]|LLC|L[Tt][Dd]|Limited)\b\.?"
)
OF_ORGANIZATION = re.compile(r"[\u3400-\u9fffA-Za-z0-9&·‧.]")


def find_names(text: str) -> Iterator[Finding]:
    """Find PERSON and ORG by the words, table columns and punctuation around them.

    text (str): Any text.
    YIELDS (Finding): In no particular order; findings may overlap.
    """
    view = fold_widths(text)
    yield from _find_fields(view)
    for rule, pattern in COMPILED:
        for match in pattern.finditer(view):
            yield _person(*match.span(match.lastindex or 0), rule)
    yield from _find_columns(view)
    yield from _find_organizations(view)


def _person(start: int, end: int, rule: str) -> Finding:
    """Return a PERSON that a rule has found, with the score of the rule in SCORES.

    start, end (int): Offsets of the name in characters; `end` is exclusive.
    rule (str): A key of SCORES, such as "title". The rule of the finding is this key after "person_".
    """
    return Finding(start, end, "PERSON", SCORES[rule], f"person_{rule}")


def _find_fields(view: str) -> Iterator[Finding]:
    """Yield the persons after field names of forms, and the persons listed after them: 客戶：王小明、李大同.

    view (str): The text, with full-width ASCII characters replaced by ASCII; it has the length of the text.
    """
    for match in FIELD.finditer(view):
        yield _person(*match.span(1), "field")
        place = match.end()
        for _ in range(MAX_LIST):
            following = LIST.match(view, place)
            if following is None:
                break
            yield _person(*following.span(1), "field")
            place = following.end()


def _find_columns(view: str) -> Iterator[Finding]:
    """Yield the names in columns whose header names persons. Tabs or "|" separate the cells.

    序	姓名	電話
    01	昌明德	0912345678      the second cell: PERSON

    view (str): The text, with full-width ASCII characters replaced by ASCII; it has the length of the text.
    """
    columns: set[int] = set()
    start = 0
    for line in view.split("\n"):
        cells = line.split("\t" if "\t" in line else "|")
        is_header = not any(map(str.isdigit, line))
        if len(cells) < 2:
            columns = set()
        elif is_header:
            columns = {column for column, cell in enumerate(cells) if COLUMN.search(cell)} or columns
        place = start
        for column, cell in enumerate(cells):
            if column in columns and not is_header:
                first = place + len(cell) - len(cell.lstrip())
                name = CELL.match(view, first, place + len(cell))
                if name is not None:
                    yield _person(*name.span(), "column")
            place += len(cell) + 1
        start += len(line) + 1


def _find_organizations(view: str) -> Iterator[Finding]:
    """Yield organizations: an ending such as 有限公司, the characters before it, and branches after it.

    Well-known organizations without such an ending, and English names that end with Co., Ltd. or the like, are found,
    too.

    view (str): The text, with full-width ASCII characters replaced by ASCII; it has the length of the text.
    """
    last = 0
    for match in ENDING.finditer(view):
        if match.start() < last:
            continue
        start, last_start = match.start(), max(last, match.start() - MAX_LEFT)
        while (
            start > last_start
            and OF_ORGANIZATION.match(view, start - 1)
            and view[start - 1] not in BEFORE_ORGANIZATIONS
        ):
            start -= 1
        if start == match.start():
            continue
        last = match.end()
        while (branch := BRANCH.match(view, last)) is not None:
            last = branch.end()
        yield Finding(start, last, "ORG", ORGANIZATION_SCORE, "organization_ending")
    for rule, pattern in (("organization_known", KNOWN), ("organization_suffix", FIRM)):
        for match in pattern.finditer(view):
            yield Finding(*match.span(), "ORG", ORGANIZATION_SCORE, rule)
