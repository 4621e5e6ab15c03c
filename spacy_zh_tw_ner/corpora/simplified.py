"""Tell Simplified from Traditional characters."""

from collections.abc import Callable

from ..tokenization.normalization import ScriptConverter

# Variants that Traditional text writes, too, in names and in older or other fonts: 温 beside 溫, 黄 beside 黃.
SHARED = frozenset("温黄没内强户吕册别决况凉减净着吴虚污并麽却")
SIMPLIFIED, TRADITIONAL, EITHER = 1, -1, 0


class _Scripts(dict[str, int]):
    """Character → SIMPLIFIED or TRADITIONAL for one that the other script never writes, else EITHER."""

    def __init__(self) -> None:
        super().__init__()
        self._to_simplified, self._to_traditional = ScriptConverter("t2s"), ScriptConverter("s2t")

    def __missing__(self, char: str) -> int:
        script = EITHER
        if char >= "\u2e80" and char not in SHARED:
            # Taiwan writes Japanese names in their own characters, such as 国 and 沢.
            written = _encodes(char, "cp950") or _encodes(char, "shift_jis")
            if self._to_traditional(char) != char and not written:
                script = SIMPLIFIED
            elif self._to_simplified(char) != char and not _encodes(char, "gb2312"):
                script = TRADITIONAL
        self[char] = script
        return script


class ScriptEvidence:
    """Counts the characters of texts that only one of the two scripts writes.

    们 and 湾 are Simplified, 們 and 灣 Traditional; 台, 里, 后, 面 and 于 are in both, 国 is Japanese, too.
    """

    def __init__(self) -> None:
        self._scripts = _Scripts()

    def __call__(self, text: str) -> tuple[int, int]:
        """Text → numbers of Simplified and of Traditional characters."""
        if text.isascii():
            return 0, 0
        scripts = [self._scripts[char] for char in text]
        return scripts.count(SIMPLIFIED), scripts.count(TRADITIONAL)


def simplified_test() -> Callable[[str], bool]:
    """Make a function that tells whether a character is Simplified only: 国 and 湾 are, 台, 里 and 后 are not.

    OpenCC would change it, and Big5, in which Taiwan wrote for decades, does not have it.

    RETURNS (Callable[[str], bool]): Character → whether it is.
    """
    convert = ScriptConverter("s2t")
    known: dict[str, bool] = {}

    def is_simplified(char: str) -> bool:
        if char not in known:
            known[char] = not char.isascii() and convert(char) != char and not _encodes(char, "cp950")
        return known[char]

    return is_simplified


def _encodes(char: str, encoding: str) -> bool:
    try:
        char.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True
