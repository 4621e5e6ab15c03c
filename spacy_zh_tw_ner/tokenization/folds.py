"""Fold characters that are written in two ways with the same meaning: Ａ to a, 臺 to 台."""

from ..errors import (
    Errors,
    SettingError,
)

# Letters, digits and signs that texts from Taiwan have in full and in half width. Punctuation (，。！？：；（）) is not
# folded: its full-width form is the usual one, also in the data that base models were pre-trained on.
WIDTHS: dict[str, str] = {
    chr(full): chr(full - 0xFEE0)
    for start, end in (("０", "９"), ("Ａ", "Ｚ"), ("ａ", "ｚ"))
    for full in range(ord(start), ord(end) + 1)
} | dict(zip("％＄＋－／＠＃＆＊＝＿＜＞", "%$+-/@#&*=_<>", strict=True))

# Characters that Taiwan writes in two ways with the same meaning. The target is the more frequent one.
VARIANTS: dict[str, str] = dict(
    zip(
        "臺裏着羣爲峯麪綫牀啓粧菸廵卧衆邨麽喫鷄竈滙徧敍託",
        "台裡著群為峰麵線床啟妝煙巡臥眾村麼吃雞灶匯遍敘托",
        strict=True,
    )
)

FOLDS = {"width": WIDTHS, "variants": VARIANTS}


def lower(char: str) -> str:
    """Return the lower case of a character, if that is one character; else the character, such as the Turkish İ."""
    lowered = char.lower()
    return lowered if len(lowered) == 1 else char


def fold_table(names: list[str]) -> dict[str, str]:
    """Return the characters that folds change.

    names (list[str]): Names of folds: "width" (Ａ → a, ％ → %) and "variants" (臺 → 台).
    RETURNS (dict[str, str]): Character → its folded form, in lower case like the norms of spaCy.
    RAISES (ZhTwNerError): For an unknown name.
    """
    table: dict[str, str] = {}
    for name in names:
        if name not in FOLDS:
            raise SettingError(Errors.ZT003.format(value=name, choices=sorted(FOLDS)))
        table.update({char: norm.lower() for char, norm in FOLDS[name].items()})
    return table
