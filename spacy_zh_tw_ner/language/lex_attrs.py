"""token → `like_num`: Chinese numerals in daily (一二三) and banking (壹貳參) form, and digits of either width."""

import re
from collections.abc import Callable
from typing import Any

from spacy.attrs import LIKE_NUM  # type: ignore[import-not-found]

DIGITS = "〇○零一二三四五六七八九十兩廿卅卌壹貳貮參叁肆伍陸柒捌玖拾"
MULTIPLIERS = "十百千萬億兆京佰仟"
# 半 stands for a half behind a unit (三千半); ‧ and 點 part a decimal; 分之 a fraction.
CHINESE_NUMBER = re.compile(
    rf"(?:第|負)?[{DIGITS}{MULTIPLIERS}]+(?:[點‧・][{DIGITS}]+|分之[{DIGITS}{MULTIPLIERS}]+|半)?"
)
ARABIC_NUMBER = re.compile(r"[+\-＋－±~～]?\d+(?:[,，]\d{3})*(?:[.．]\d+)?(?:[/／]\d+)?")  # \d holds ０-９ too
MIXED_NUMBER = re.compile(rf"\d+(?:[,，]\d{{3}})*(?:[.．]\d+)?[{MULTIPLIERS}]+")


def like_num(text: str) -> bool:
    """Tell whether a token reads as a number: `三`, `壹佰`, `１２`, `1,200`, `3萬`, `三分之二`.

    text (str): The token's text.
    RETURNS (bool): True where the whole token is a number.
    """
    return any(pattern.fullmatch(text) for pattern in (CHINESE_NUMBER, ARABIC_NUMBER, MIXED_NUMBER))


LEX_ATTRS: dict[int, Callable[[str], Any]] = {LIKE_NUM: like_num}
