"""Code points, UTF-16 units or UTF-8 bytes: every client counts characters in its own way."""

from collections.abc import Sequence
from typing import Literal, TypeAlias

OffsetUnit: TypeAlias = Literal["codepoint", "utf16", "utf8"]
# Python's and Rust's `chars`; JavaScript, Java and C#; Go, Rust's `str` and C.
_CODECS = {"utf16": ("utf-16-le", 2), "utf8": ("utf-8", 1)}


def convert_offsets(text: str, offsets: Sequence[int], unit: OffsetUnit) -> list[int]:
    """Count in another unit, in one pass over the text.

    text (str): The text.
    offsets (Sequence[int]): Positions in code points, ascending.
    unit (OffsetUnit): What to count in.
    RETURNS (list[int]): The same positions.
    """
    if unit == "codepoint" or text.isascii():
        return list(offsets)
    codec, width = _CODECS[unit]
    converted, position, total = [], 0, 0
    for offset in offsets:
        total += len(text[position:offset].encode(codec)) // width
        position = offset
        converted.append(total)
    return converted
