"""Characters that only Simplified Chinese writes."""

from collections.abc import Callable

from ..tokenization.normalization import ScriptConverter


def simplified_test() -> Callable[[str], bool]:
    """Make a function that tells whether a character is Simplified only: 国 and 湾 are, 台, 里 and 后 are not.

    OpenCC would change it, and Big5, in which Taiwan wrote for decades, does not have it.

    RETURNS (Callable[[str], bool]): Character → whether it is.
    """
    convert = ScriptConverter("s2t")
    known: dict[str, bool] = {}

    def is_simplified(char: str) -> bool:
        if char not in known:
            known[char] = not char.isascii() and convert(char) != char and not _in_big5(char)
        return known[char]

    return is_simplified


def _in_big5(char: str) -> bool:
    try:
        char.encode("cp950")
    except UnicodeEncodeError:
        return False
    return True
