"""token.text → token.norm_: the model's view of a character, of the same length, so that offsets never move."""

from spacy.lang.norm_exceptions import BASE_NORMS

from ..errors import Errors
from .conversion import Converter

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


def plain_norms() -> dict[str, str]:
    """The norms of all characters that any fold could have touched, without folds.

    spaCy's own base norms turn ， into a comma and 。 into a full stop. Here every character is its own norm unless a
    fold says otherwise.

    RETURNS (dict[str, str]): One character → its lower case.
    """
    touched = [char for char in BASE_NORMS if len(char) == 1]
    return {char: lower(char) for char in [*touched, *WIDTHS, *VARIANTS, "İ"]}


def lower(char: str) -> str:
    """Lower-case one character, unless that makes two of it, as with the Turkish İ."""
    lowered = char.lower()
    return lowered if len(lowered) == 1 else char


def fold_table(names: list[str]) -> dict[str, str]:
    """Join the chosen folds into one table, lower-cased like spaCy's own norms.

    names (list[str]): "width" (Ａ → a, ％ → %) and "variants" (臺 → 台).
    RETURNS (dict[str, str]): One character → one character, for those that change.
    RAISES (ValueError): For a name that is not there.
    """
    table: dict[str, str] = {}
    for name in names:
        if name not in FOLDS:
            raise ValueError(Errors.ZT003.format(value=name, choices=sorted(FOLDS)))
        table.update({char: norm.lower() for char, norm in FOLDS[name].items()})
    return table


class ScriptConverter:
    """Converts the script of a text without changing its length, as `norm_` needs it.

    Position i of the result always stands for position i of the text: a word that OpenCC replaces by one of another
    length is converted a character at a time.

    script (str): An OpenCC configuration, such as "s2tw".
    RAISES (ValueError): For a configuration that this OpenCC does not have.
    """

    def __init__(self, script: str) -> None:
        self._converter = Converter(script)

    def __call__(self, text: str) -> str:
        """Text → text of the same length."""
        converted, offsets = self._converter(text)
        if isinstance(offsets, range):
            return converted
        chars = []
        for char, start, end in zip(text, offsets, offsets[1:], strict=False):
            chars.append(self._alone(char) if start is None or end != start + 1 else converted[start])
        return "".join(chars)

    def _alone(self, char: str) -> str:
        converted = self._converter.alone(char)
        return converted if len(converted) == 1 and converted != self._converter.exceptions.get(char) else char
