"""Score how certain it is that a number is an identifier or phone number.

A score depends on words near the number such as 電話, on the characters next to it, and on its format. The nearest such
word is the context word of the number, which points to a label. It is strong if it names the number itself (統編), and
weak if it is often near such a number, but does not name it (公司).
"""

import re
from typing import NamedTuple

from .context_words import NO_CONTEXT, OTHER, Context
from .number_rules import NumberRule
from .phone import phone_kind

# The sign before the digits of a military number: 玄字第689297號, 海A123456.
MILITARY_SIGN = re.compile(r"(?:[陸海空]軍|[天地玄黃宇宙洪荒日月軍海空陸])(?:字第 ?)?$")
# A sign that needs no context word: 兵單是玄字第113060號. Offices have document numbers such as 府地字第075855號.
SIGN_WITHOUT_WORD = re.compile(r"(?:^|[^\u4e00-\u9fff]|[是為])[天地玄黃宇宙洪荒]字第 ?$")
MILITARY_END = re.compile(" ?號")
EXTENSION = re.compile(r" ?(?:分機|轉分機|轉|[Ee][Xx][Tt]\.?|#)[ :]?[0-9]{1,6}(?![0-9])")  # 02-2311-3731#123
# The line after a line break begins with an item number, a time or a date, so it is not part of the number above:
# 帳號(807)27346105998044 / 3. 主刀.
NEW_LINE = re.compile(r"[0-9]{1,2}[.:、)]|[0-9]{2,4}[/.\-][0-9]{1,2}[/.\-][0-9]")
# A landline before a second one that lacks the area code: (02)2700-1111、2700-2222.
PHONE_BEFORE = re.compile(r"0[2-8][)\-]?[0-9\- ]{7,10}[、,，/或及] ?$")
# Counters: 04595257元 is a sum, although its check digit is valid.
COUNTER_AFTER = re.compile(r" ?[元股人件張筆個%萬億名噸坪度]")
DOCUMENT_BEFORE = re.compile("第 ?$")  # 北市教字第1133782543號
# 006 5892386681078 and 700-0021 056411606: the account alone is found, without the code before it.
CODE_AND_ACCOUNT = re.compile(r"[0-9]{3}(?:-[0-9]{4})? [0-9]{9,}$")
NHI_WORD = re.compile("健保")
# Plates of the series since 2012, which have no I, O and 4, with a dash (BCL-3878) or with a space (BCL 3878).
NEW_PLATE = re.compile(r"[A-HJ-NP-Z]{3}-[0-35-9]{3,4}")
SPACED_PLATE = re.compile(r"[A-HJ-NP-Z]{3} [0-35-9]{4}")
# Words for vehicles that may be far from a plate: 對方開車……車禍……BCL-3878.
VEHICLE = re.compile(
    "汽車|機車|車牌|車輛|車號|行照|過戶|車主|司機|停車|車禍|開車|自小客|計程車|交通費|油資|里程|開來|騎|監理|駕駛|行駛|修理|碰撞"
    "|擋|充電|車位|[這那]台|白色|黑色|銀色|租車|上車|路邊"
)
CHARS_FAR, CHARS_NEAR = 300, 30  # characters around a plate in which a word for a vehicle counts
# A bank code with a sign after it: 806-…, (700) …, 7000021-…
BANK_CODE = re.compile(r"(?:7000021|[0-9]{3})(?:\) ?-?|-| - )(?! )")
AREA_CODE = re.compile(r"(?:0[2-8]|037|049|082|0826|0836|089|\+?(?:002)?886)(?![0-9])|[0-9]+$")
COMPACT_DATE = re.compile(r"(?:19|20)[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])")  # 20240505


class Number(NamedTuple):
    """A number in a text.

    view (str): The whole text, in which full-width characters and all dashes are replaced by ASCII (`fold_widths`). It
        has the length of the original text.
    begin, stop (int): The span of the number; `stop` is exclusive.
    digits (str): Its letters (upper case) and digits, without separators.
    raw (str): The span of the number in `view`, with its separators.
    """

    view: str
    begin: int
    stop: int
    digits: str
    raw: str


def score_number(rule: NumberRule, number: Number, context: Context) -> float:
    """Return the score of a number that a rule has found to be valid.

    rule (NumberRule): The rule. It has a label, and scores with and without a context word.
    number (Number): The number.
    context (Context): Label and strength of the nearest word such as 電話; NO_CONTEXT if there is none.
    RETURNS (float): From 0 to 1; 0 if the text around the number shows that it is a number of another kind.
    """
    score = _score_in_context(rule, number, context)
    if not score or _is_excluded(rule, number, context):
        return 0.0
    if score < rule.strong:
        score *= _doubt_from_form(rule, number)
    if number.digits.isdigit() and COUNTER_AFTER.match(number.view, number.stop):
        score *= 0.4
    return score


def find_extent(rule: NumberRule, number: Number) -> tuple[int, int]:
    """Find the span of a number with its prefix and suffix.

    The span of a telephone number includes a "+" or "(" before the number, and its extension. The span of a bank
    account includes a "(" before its bank code. The span of a military number includes 玄字第 and 號.

    rule (NumberRule): The rule that has found the number to be valid.
    number (Number): The number.
    RETURNS (tuple[int, int]): Start, and end (exclusive).
    """
    view, begin, stop, *_ = number
    if rule.name == "bank_code_and_account":
        begin -= view[begin - 1 : begin] == "(" and ")" in view[begin:stop]
    elif rule.label == "PHONE":
        if view[begin - 1 : begin] == "(" and ")" in view[begin:stop]:
            begin -= 1
        begin -= view[begin - 1 : begin] == "+"
        extension = EXTENSION.match(view, stop)
        stop = stop if extension is None else extension.end()
    elif rule.label == "MILITARY_ID":
        sign, end = MILITARY_SIGN.search(view, max(0, begin - 4), begin), MILITARY_END.match(view, stop)
        if sign is not None:  # 玄字第123456號
            begin, stop = sign.start(), stop if end is None else end.end()
    return begin, stop


def _is_excluded(rule: NumberRule, number: Number, context: Context) -> bool:
    """Return whether the text around a number, or its separators, show that the number is not of the kind of a rule.

    A number is excluded in these cases: it is part of a path (2024/04595257), of a document number or of a measure
    (210 km); it continues on a second line, which begins like a list item or a date; or it lacks a sign that the rule
    requires, such as 玄字第 before a military number or the dash after a bank code.

    rule (NumberRule): The rule that has found the number to be valid.
    number (Number): The number.
    context (Context): Label and strength of the nearest context word. If it is strong, a military number needs no
        玄字第.
    """
    view, begin, stop, *_ = number
    if "\n" in number.raw and NEW_LINE.match(view, view.rindex("\n", begin, stop) + 1):
        return True
    if rule.label == "MILITARY_ID":
        is_signed = MILITARY_SIGN.search(view, max(0, begin - 5), begin) is not None
        return not (context.is_strong or is_signed)
    if DOCUMENT_BEFORE.search(view, max(0, begin - 3), begin):
        return True
    if rule.label == "PHONE":
        return False
    if _is_in_path(view, begin - 1, begin - 2) or _is_in_path(view, stop, stop + 1):
        return True
    if rule.label == "LICENSE_PLATE":
        return " " in number.raw and not number.raw.isupper()  # 210 km
    if rule.name == "bank_code_and_account" and BANK_CODE.match(view, begin) is None:
        return True  # the rule bank_account finds accounts without a sign after the code
    return rule.label == "BANK_ACCOUNT" and ("." in number.raw or CODE_AND_ACCOUNT.match(number.raw) is not None)


def _is_in_path(view: str, place: int, beyond: int) -> bool:
    """Return whether a slash joins one side of a number to an ASCII letter or digit, as in 2024/04595257.

    view (str): The text with full-width characters replaced by ASCII.
    place (int): Position of the character just before or just after the number.
    beyond (int): Position of the next character away from the number: `place` − 1 or `place` + 1.
    """
    return 0 <= beyond < len(view) and view[place] == "/" and view[beyond].isascii() and view[beyond].isalnum()


def _score_in_context(rule: NumberRule, number: Number, context: Context) -> float:
    """Return the score of a number, from 0 to 1, before its written form is taken into account.

    If the nearest context word has the label of the rule, the score is `rule.strong` or `rule.weak`, by the strength of
    the word. If it has another label, or is missing, there are four cases with a score of their own: 玄字第 is before a
    military number, another telephone number is before one without an area code, 健保 is before a health insurance card
    number, or the number is a license plate in capital letters without a context word.

    In all other cases, the score is `rule.alone`, which a context word with another label may lower.
    """
    view, begin, stop, *_ = number
    if context.label == rule.label:
        return rule.strong if context.is_strong else rule.weak
    if rule.label == "MILITARY_ID" and SIGN_WITHOUT_WORD.search(view, max(0, begin - 6), begin):
        return 0.55
    if rule.name == "phone_without_area_code" and PHONE_BEFORE.search(view, max(0, begin - 18), begin):
        return 0.6
    if rule.label == "NHI_CARD" and NHI_WORD.search(view, max(0, begin - 60), begin):
        return rule.weak  # 健保卡遺失，新的卡號 000011674224
    if rule.name == "license_plate" and context is NO_CONTEXT and number.raw.isupper():
        return _score_plate(view, begin, stop)
    return rule.alone * _doubt_from_context(rule, context, number.digits)


def _score_plate(view: str, begin: int, stop: int) -> float:
    """Return the score of a license plate that has no context word, by its form and by words for vehicles around it.

    view (str): The text with full-width characters replaced by ASCII.
    begin, stop (int): The span of the license plate; `stop` is exclusive.
    RETURNS (float): From 0.3 to 0.9.
    """
    is_near_vehicle = VEHICLE.search(view, max(0, begin - CHARS_NEAR), stop + CHARS_NEAR) is not None
    if SPACED_PLATE.fullmatch(view, begin, stop) and is_near_vehicle:
        return 0.9  # `_doubt_from_form` lowers it to 0.54
    if NEW_PLATE.fullmatch(view, begin, stop):
        return 0.6 if VEHICLE.search(view, max(0, begin - CHARS_FAR), stop + CHARS_NEAR) else 0.5
    return 0.55 if is_near_vehicle else 0.3


def _doubt_from_context(rule: NumberRule, context: Context, digits: str) -> float:
    """Return the factor, from 0 to 1, by which a context word with another label than the rule lowers the score.

    Without a context word, the factor is 1.

    rule (NumberRule): The rule, whose label is compared.
    context (Context): Label and strength of the nearest context word. A word such as 訂單, which is near numbers that
        are no personal data, has the label OTHER.
    digits (str): The number without separators. It shows whether a telephone number is a mobile number, which a context
        word with another label lowers less.
    """
    if context.label == OTHER:
        is_certain = rule.label in {"NATIONAL_ID", "RESIDENT_ID"} or (rule.label == "PHONE" and digits.startswith("09"))
        return 0.75 if is_certain else 0.5
    if not context.is_strong:
        return 1.0
    if rule.label == "PHONE" and context.label in {"BANK_ACCOUNT", "CREDIT_CARD"}:
        return 1.0 if phone_kind(digits) == "mobile" else 0.5
    return 0.6 if rule.label in {"CREDIT_CARD", "LICENSE_PLATE"} else 1.0


def _doubt_from_form(rule: NumberRule, number: Number) -> float:
    """Return the factor, from 0 to 1, by which the written form of a number lowers its score.

    For example, a number on two lines may be two numbers, and 210 km is written like a license plate. The factor is 1
    for a form that raises no doubt. `score_number` applies it to all numbers whose score is less than `rule.strong`.
    """
    raw, digits = number.raw, number.digits
    doubt = 0.8 if "\n" in raw else 1.0  # may be two numbers on two lines
    if rule.label == "PHONE" and raw.isdigit() and phone_kind(digits) == "landline":
        doubt *= 0.7  # digits without separators that have the length of a landline
    elif rule.name == "phone" and phone_kind(digits) == "landline" and AREA_CODE.match(raw) is None:
        doubt *= 0.5  # 065-300-165 has no area code before its first dash
    elif rule.label == "COMPANY_ID" and (COMPACT_DATE.fullmatch(digits) or raw != digits):
        doubt *= 0.5  # a date without separators, or two numbers
    elif rule.label == "LICENSE_PLATE" and not raw.isupper():
        doubt *= 0.3  # 210 km
    elif rule.label == "LICENSE_PLATE" and "-" not in raw and not raw.isalnum():
        doubt *= 0.6  # may be a word and a number: BUS 123
    return doubt
