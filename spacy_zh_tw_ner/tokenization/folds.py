"""Character folding: Ａ to a, 臺 to 台."""

from ..errors import (
    Errors,
    SettingError,
)

# Letters, digits and the signs that Taiwanese text writes in either width. Sentence punctuation (，。！？：；（）)
# stays as it is: there the full width is the norm, and pre-trained models have seen no other.
WIDTHS: dict[str, str] = {
    chr(full): chr(full - 0xFEE0)
    for start, end in (("０", "９"), ("Ａ", "Ｚ"), ("ａ", "ｚ"))
    for full in range(ord(start), ord(end) + 1)
} | dict(zip("％＄＋－／＠＃＆＊＝＿＜＞", "%$+-/@#&*=_<>", strict=True))

# Pairs that Taiwan writes both ways without a change of meaning. One target each, the commoner in daily text.
VARIANTS: dict[str, str] = dict(
    zip(
        "臺裏着羣爲峯麪綫牀啓粧菸廵卧衆邨麽喫鷄竈滙徧敍託",
        "台裡著群為峰麵線床啟妝煙巡臥眾村麼吃雞灶匯遍敘托",
        strict=True,
    )
)

FOLDS = {"width": WIDTHS, "variants": VARIANTS}


def lower(char: str) -> str:
    """Lower-case one character, unless that makes two of it, as with the Turkish İ."""
    lowered = char.lower()
    return lowered if len(lowered) == 1 else char


def fold_table(names: list[str]) -> dict[str, str]:
    """Join the chosen folds into one table, lower-cased like spaCy's own norms.

    names (list[str]): "width" (Ａ → a, ％ → %) and "variants" (臺 → 台).
    RETURNS (dict[str, str]): One character → one character, for those that change.
    RAISES (ZhTwNerError): For a name that is not there.
    """
    table: dict[str, str] = {}
    for name in names:
        if name not in FOLDS:
            raise SettingError(Errors.ZT003.format(value=name, choices=sorted(FOLDS)))
        table.update({char: norm.lower() for char, norm in FOLDS[name].items()})
    return table
