"""Convert offsets from code points to UTF-16 units or UTF-8 bytes."""

from typing import Literal, TypeAlias

OffsetUnit: TypeAlias = Literal["codepoint", "utf16", "utf8"]
# Python's and Rust's `chars`; JavaScript, Java and C#; Go, Rust's `str` and C.
_CODECS = {"utf16": ("utf-16-le", 2), "utf8": ("utf-8", 1)}


class OffsetConverter:
    """Counts positions of one text in another unit, each from the one before.

    text (str): The text.
    unit (OffsetUnit): What to count in.
    """

    def __init__(self, text: str, unit: OffsetUnit) -> None:
        self._text = text
        self._codec, self._width = ("", 0) if unit == "codepoint" or text.isascii() else _CODECS[unit]
        self._position, self._total = 0, 0

    def __call__(self, offset: int) -> int:
        """Convert a position in code points, which must not be before the last one."""
        if not self._width:
            return offset
        self._total += len(self._text[self._position : offset].encode(self._codec)) // self._width
        self._position = offset
        return self._total
