"""Scores of numbers by the context words around them and by how they are written."""

import re
from typing import NamedTuple

from .findings import NO_CONTEXT, OTHER, Context
from .number_rules import NumberRule
from .phone import phone_kind

MILITARY_SIGN = re.compile(r"(?:[陸海空]軍|[天地玄黃宇宙洪荒日月軍海空陸])(?:字第 ?)?$")
LONE_SIGN = re.compile(r"(?:^|[^\u4e00-\u9fff]|[是為])[天地玄黃宇宙洪荒]字第 ?$")  # not the 地字第 of an office
MILITARY_END = re.compile(" ?號")
EXTENSION = re.compile(r" ?(?:分機|轉分機|轉|[Ee][Xx][Tt]\.?|#)[ :]?[0-9]{1,6}(?![0-9])")
# Counters: 12345675 元 is a sum, whatever it is a check digit of.
NEW_LINE = re.compile(r"[0-9]{1,2}[.:、)]|[0-9]{2,4}[/.\-][0-9]{1,2}[/.\-][0-9]")  # a list, a time or a date begins
SECOND = re.compile(r"0[2-8][)\-]?[0-9\- ]{7,10}[、,，/或及] ?$")  # (02)2700-1111、2700-2222
AMOUNT = re.compile(r" ?[元股人件張筆個%萬億名噸坪度]")
DOCUMENT = re.compile("第 ?$")  # 北市教字第1133782543號
SPACED_CODE = re.compile(r"[0-9]{3}(?:-[0-9]{4})? [0-9]{9,}$")
NHI_WORD = re.compile("健保")
NEW_PLATE = re.compile(r"[A-HJ-NP-Z]{3}-[0-35-9]{3,4}")
SPACED_PLATE = re.compile(r"[A-HJ-NP-Z]{3} [0-35-9]{4}")
VEHICLE = re.compile(
    "汽車|機車|車牌|車輛|車號|行照|過戶|車主|司機|停車|車禍|開車|自小客|計程車|交通費|油資|里程|開來|騎|監理|駕駛|行駛|修理|碰撞"
    "|擋|充電|車位|[這那]台|白色|黑色|銀色|租車|上車|路邊"
)
FAR, NEAR = 300, 30  # characters before and after a plate in which a word for a vehicle counts
BANK_CODE = re.compile(r"(?:7000021|[0-9]{3})(?:\) ?-?|-| - )(?! )")
AREA = re.compile(r"(?:0[2-8]|037|049|082|0826|0836|089|\+?(?:002)?886)(?![0-9])|[0-9]+$")
COMPACT_DATE = re.compile(r"(?:19|20)[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])")


class Number(NamedTuple):
    """A number in a text: the text after `fold_widths`, its place, and its letters and digits alone."""

    view: str
    begin: int
    stop: int
    digits: str

    @property
    def raw(self) -> str:
        """The number as it is written."""
        return self.view[self.begin : self.stop]


def score_number(rule: NumberRule, number: Number, context: Context) -> float:
    """Score a number that is valid by a rule.

    rule (NumberRule): The rule.
    number (Number): The number.
    context (Context): The nearest context word.
    RETURNS (float): From 0 to 1; 0 for what is no number of this kind.
    """
    if _is_other(rule, number, context):
        return 0.0
    score = _score_in_context(rule, number, context)
    if score < rule.strong:
        score *= _doubt_from_form(rule, number)
    if number.digits.isdigit() and AMOUNT.match(number.view, number.stop):
        score *= 0.4
    return score


def _is_other(rule: NumberRule, number: Number, context: Context) -> bool:
    """Return whether a number belongs to a path, a document number or a measure, or lacks the form of its kind."""
    view, begin, stop, _ = number
    if "\n" in number.raw and NEW_LINE.match(view, view.rindex("\n", begin, stop) + 1):
        return True
    if rule.label == "MILITARY_ID":
        is_signed = MILITARY_SIGN.search(view, max(0, begin - 5), begin) is not None
        return not (context.is_strong or is_signed)
    if DOCUMENT.search(view, max(0, begin - 3), begin):
        return True
    if rule.label == "PHONE":
        return False
    if _is_in_path(view, begin - 1, begin - 2) or _is_in_path(view, stop, stop + 1):
        return True
    if rule.label == "LICENSE_PLATE":
        return " " in number.raw and not number.raw.isupper()  # 210 km
    if rule.name == "bank_code_and_account" and BANK_CODE.match(view, begin) is None:
        return True  # without a sign after the code, it is an account like others
    # 006 5892386681078 has its code in front, but not as part of the number.
    return rule.label == "BANK_ACCOUNT" and ("." in number.raw or SPACED_CODE.match(number.raw) is not None)


def _is_in_path(view: str, place: int, beyond: int) -> bool:
    """Return whether a slash joins a number to others, as in 2024/04595257; telephones are listed with slashes, too."""
    return 0 <= beyond < len(view) and view[place] == "/" and view[beyond].isascii() and view[beyond].isalnum()


def _score_in_context(rule: NumberRule, number: Number, context: Context) -> float:
    view, begin, stop, _ = number
    if context.label == rule.label:
        return rule.strong if context.is_strong else rule.weak
    if rule.label == "MILITARY_ID" and LONE_SIGN.search(view, max(0, begin - 6), begin):
        return 0.55
    if rule.name == "phone_without_area_code" and SECOND.search(view, max(0, begin - 18), begin):
        return 0.6
    if rule.label == "NHI_CARD" and NHI_WORD.search(view, max(0, begin - 60), begin):
        return rule.weak  # 健保卡遺失，新的卡號 000011674224
    if rule.name == "license_plate" and context is NO_CONTEXT and number.raw.isupper():
        return _score_of_plate(view, begin, stop)
    return rule.alone * _doubt_from_context(rule, context, number.digits)


def _score_of_plate(view: str, begin: int, stop: int) -> float:
    """Return the score of a plate without a context word: by its form, and by words for vehicles further away."""
    if SPACED_PLATE.fullmatch(view, begin, stop) and VEHICLE.search(view, max(0, begin - NEAR), stop + NEAR):
        return 0.9  # halved by its form
    if NEW_PLATE.fullmatch(view, begin, stop):
        return 0.6 if VEHICLE.search(view, max(0, begin - FAR), stop + NEAR) else 0.5
    return 0.55 if VEHICLE.search(view, max(0, begin - NEAR), stop + NEAR) else 0.3


def _doubt_from_context(rule: NumberRule, context: Context, digits: str) -> float:
    """Return a factor for the score of a number that follows a word for another kind of number."""
    if context.label == OTHER:
        is_certain = rule.label in {"NATIONAL_ID", "RESIDENT_ID"} or (rule.label == "PHONE" and digits.startswith("09"))
        return 0.75 if is_certain else 0.5
    if not context.is_strong:
        return 1.0
    if rule.label == "PHONE" and context.label in {"BANK_ACCOUNT", "CREDIT_CARD"}:
        return 1.0 if phone_kind(digits) == "mobile" else 0.5
    return 0.6 if rule.label in {"CREDIT_CARD", "LICENSE_PLATE"} else 1.0


def _doubt_from_form(rule: NumberRule, number: Number) -> float:
    """Return a factor for the score of a number without a strong context word, by how it is written."""
    raw, digits = number.raw, number.digits
    doubt = 0.8 if "\n" in raw else 1.0  # two numbers on two lines?
    if rule.label == "PHONE" and raw.isdigit() and phone_kind(digits) == "landline":
        doubt *= 0.7  # a run of digits with the length of a landline
    elif rule.name == "phone" and phone_kind(digits) == "landline" and AREA.match(raw) is None:
        doubt *= 0.5  # 065-300-165 has no area code before its first dash
    elif rule.label == "COMPANY_ID" and (COMPACT_DATE.fullmatch(digits) or raw != digits):
        doubt *= 0.5  # a date without separators, or two numbers
    elif rule.label == "LICENSE_PLATE" and not raw.isupper():
        doubt *= 0.3  # 210 km
    elif rule.label == "LICENSE_PLATE" and "-" not in raw and not raw.isalnum():
        doubt *= 0.6  # a word and a number: BUS 123
    return doubt


def find_extent(rule: NumberRule, number: Number) -> tuple[int, int]:
    """Find the characters of a number: a phone has its "+" or "(" and its extension, a military number its sign and 號.

    rule (NumberRule), number (Number): See `score_number`.
    RETURNS (tuple[int, int]): Start and end (exclusive).
    """
    view, begin, stop, _ = number
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
