"""token.text → token.norm_: the model's view of a character, of the same length, so that offsets never move."""

from spacy.lang.norm_exceptions import BASE_NORMS

from .conversion import Converter
from .folds import VARIANTS, WIDTHS, lower


def plain_norms() -> dict[str, str]:
    """The norms of all characters that any fold could have touched, without folds.

    spaCy's own base norms turn ， into a comma and 。 into a full stop. Here every character is its own norm unless a
    fold says otherwise.

    RETURNS (dict[str, str]): One character → its lower case.
    """
    touched = [char for char in BASE_NORMS if len(char) == 1]
    return {char: lower(char) for char in [*touched, *WIDTHS, *VARIANTS, "İ"]}


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
