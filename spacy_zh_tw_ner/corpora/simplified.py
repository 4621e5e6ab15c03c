"""Distinguish Simplified from Traditional characters."""

import re
from collections.abc import Callable
from typing import NamedTuple

from ..tokenization.conversion import ScriptConverter

# Variants that Traditional text writes, too, in names and in older or other fonts: 温 for 溫, 黄 for 黃.
SHARED = frozenset("温黄没内强户吕册别决况凉减净着吴虚污并麽却")
KANA = re.compile("[\u3041-\u30fa]")
SIMPLIFIED, TRADITIONAL, JAPANESE, OTHER = range(4)


class Evidence(NamedTuple):
    """Evidence for the script of a text.

    simplified: Number of characters that only Simplified Chinese writes.
    traditional: Number of characters that Simplified Chinese never writes.
    japanese: Number of different characters that Simplified Chinese and Japanese write, and Traditional Chinese only in
        Japanese names; 0 for a text with kana.
    """

    simplified: int
    traditional: int
    japanese: int


class _Scripts(dict[str, int]):
    """Load a table: character → the scripts that use it."""

    def __init__(self) -> None:
        super().__init__()
        self._to_simplified, self._to_traditional = ScriptConverter("t2s"), ScriptConverter("s2t")

    def __missing__(self, char: str) -> int:
        script = OTHER
        if char >= "\u2e80" and char not in SHARED:
            if self._to_traditional(char) != char and not _encodes(char, "cp950"):
                script = JAPANESE if _encodes(char, "shift_jis") else SIMPLIFIED
            elif self._to_simplified(char) != char and not _encodes(char, "gb2312"):
                script = TRADITIONAL
        self[char] = script
        return script


class EvidenceCounter:
    """Counts the characters of texts that only one of the two scripts writes.

    们 and 说 are Simplified, 們 and 說 Traditional; 台, 里, 后, 面 and 于 are in both; 国 and 湾 are Japanese, too.
    """

    def __init__(self) -> None:
        self._scripts = _Scripts()

    def __call__(self, text: str) -> Evidence:
        """Text → its evidence."""
        if text.isascii():
            return Evidence(0, 0, 0)
        scripts = [self._scripts[char] for char in text]
        japanese = JAPANESE in scripts and KANA.search(text) is None
        different = len({char for char in text if self._scripts[char] == JAPANESE}) if japanese else 0
        return Evidence(scripts.count(SIMPLIFIED), scripts.count(TRADITIONAL), different)


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
