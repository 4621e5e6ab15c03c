"""Convert the script of texts with OpenCC, and align the characters of source and result.

OpenCC converts words in their context, and with Taiwanese words (`s2twp`) it changes lengths: 互联网 becomes 網際網路.
It does not return an alignment. Borders are found by converting suffixes: there is a border before a suffix whose
conversion is a suffix of the conversion of the whole text.
"""

import re
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.metadata import version
from itertools import pairwise
from typing import Any, NamedTuple

from ..errors import (
    Errors,
    UsageError,
)

# OpenCC converts the first to the second, but Taiwan writes both: 台北 and 台積電; 岩洞 and 岩手; 岳父, and 岳 in
# names. These characters of the source are kept. 颱風 is no exception: OpenCC does not convert 台风 to 臺.
TAIWAN = {"台": "臺", "岩": "巖", "岳": "嶽"}
# These also replace words, so that characters may move even if the length stays the same.
REWORDING = ("s2twp", "tw2sp", "s2hkp", "hk2sp")
# No word of OpenCC's dictionaries contains one of these marks; `_offsets` checks the result.
CLAUSE = re.compile(r"[^\n。，、；：！？,;!?]*[\n。，、；：！？,;!?]*")


class Conversion(NamedTuple):
    """A converted text.

    text (str): The text.
    offsets (Sequence[Optional[int]]): For each of the n + 1 borders of characters of the source, its position in the
        converted text; None inside a word that was replaced by one of another length.
    """

    text: str
    offsets: Sequence[int | None]


class Converter:
    """Converts the script of texts with OpenCC, and aligns the characters.

    script (str): An OpenCC configuration, such as "s2twp".
    exceptions (Mapping[str, str]): Characters that are kept → their conversion by OpenCC.
    RAISES (ZhTwNerError): For a configuration that this OpenCC does not have.
    """

    def __init__(self, script: str, exceptions: Mapping[str, str] = TAIWAN) -> None:
        self.script = script
        self.exceptions = dict(exceptions)
        self._opencc = load_opencc(script)
        self._alone: dict[str, str] = {}

    def __call__(self, text: str) -> Conversion:
        """Convert a text.

        text (str): Any text that is valid Unicode.
        RETURNS (Conversion): The conversion by OpenCC, with the exceptions, and the offsets.
        """
        converted = self._convert(text)
        offsets = self._offsets(text, converted)
        if not self.exceptions.keys().isdisjoint(text):
            converted = self._except(text, converted, offsets)
        return Conversion(converted, offsets)

    def alone(self, char: str) -> str:
        """Convert a character without its context and without exceptions."""
        found = self._alone.get(char)
        if found is None:
            found = self._alone[char] = self._convert(char)
        return found

    def _convert(self, text: str) -> str:
        # OpenCC drops the text after a NUL in the same segment.
        converted: str = (
            self._opencc.convert(text) if "\0" not in text else "\0".join(map(self._convert, text.split("\0")))
        )
        return converted

    def _offsets(self, text: str, converted: str) -> Sequence[int | None]:
        if self._in_place(text, converted):
            return range(len(text) + 1)
        clauses = CLAUSE.findall(text)
        parts = [self._convert(clause) for clause in clauses]
        if "".join(parts) != converted:
            clauses, parts = [text], [converted]
        offsets: list[int | None] = [0]
        place = 0
        for clause, part in zip(clauses, parts, strict=True):
            if self._in_place(clause, part):
                offsets += range(place + 1, place + len(part) + 1)
            else:
                self._align(clause, part, place, offsets)
            place += len(part)
        return offsets

    def _in_place(self, text: str, converted: str) -> bool:
        """Return whether this configuration has moved no character."""
        return len(converted) == len(text) and (
            self.script not in REWORDING or converted == "".join(map(self.alone, text))
        )

    def _align(self, text: str, converted: str, place: int, offsets: list[int | None]) -> None:
        """Align a clause character by character; words that are not converted by character are aligned as a whole.

        place (int): Position of the conversion of the clause.
        offsets (list[Optional[int]]): Offsets of the text so far, to which those of the clause are appended.
        """
        borders = [(0, 0)]
        old = new = 0
        while old < len(text) or new < len(converted):
            alone = self.alone(text[old]) if old < len(text) else ""
            if alone and converted.startswith(alone, new):
                old, new = old + 1, new + len(alone)
            else:
                old, new = self._next_border(text, converted, borders)
            borders.append((old, new))
        for (old, new), (next_old, next_new) in pairwise(borders):
            if next_old - old == next_new - new:
                offsets += range(place + new + 1, place + next_new + 1)
            else:
                offsets += [None] * (next_old - old - 1) + [place + next_new]

    def _next_border(self, text: str, converted: str, borders: list[tuple[int, int]]) -> tuple[int, int]:
        """Find the end of the word that begins at the last border, or at the one before if its conversion is empty."""
        old, new = borders[-1]
        for end in range(old, len(text)):
            rest = self._convert(text[end:])
            place = len(converted) - len(rest)
            if place < new or (end, place) == (old, new) or not converted.endswith(rest):
                continue
            if end > old and place > new:
                return end, place
            if len(borders) > 1:
                borders.pop()
                return end, place
        if len(borders) > 1 and (new == len(converted) or old == len(text)):
            borders.pop()
        return len(text), len(converted)

    def _except(self, text: str, converted: str, offsets: Sequence[int | None]) -> str:
        """Undo the conversion of characters that stay as written, such as 台 in 台式機, where they begin a word."""
        chars = list(converted)
        for i, char in enumerate(text):
            place = offsets[i]
            if place is not None and chars[place] == self.exceptions.get(char):
                chars[place] = char
        return "".join(chars)

    def __reduce__(self) -> tuple[type["Converter"], tuple[str, dict[str, str]]]:
        # OpenCC's own object cannot be pickled.
        return Converter, (self.script, self.exceptions)


class ScriptConverter:
    """Converts the script of a text without changing its length, as `norm_` requires.

    Position i of the result is the conversion of position i of the text: words that OpenCC replaces by words of another
    length are converted character by character.

    script (str): An OpenCC configuration, such as "s2tw".
    RAISES (ZhTwNerError): For a configuration that this OpenCC does not have.
    """

    def __init__(self, script: str) -> None:
        self._converter = Converter(script)

    def __call__(self, text: str) -> str:
        """Convert a text to one of the same length."""
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


@cache
def load_opencc(script: str) -> Any:
    """Load a configuration, which takes a quarter of a second, once.

    script (str): Its name.
    RETURNS (opencc.OpenCC): The converter of OpenCC.
    RAISES (ZhTwNerError): For a configuration that this OpenCC does not have.
    """
    import opencc

    choices = sorted(name.removesuffix(".json") for name in opencc.CONFIGS)
    if script not in choices:
        raise UsageError(Errors.ZT004.format(value=script, choices=choices))
    return opencc.OpenCC(script)


def provenance(script: str) -> str:
    """Return the name of a conversion for the records of a corpus, such as "OpenCC 1.4.2 s2tw"."""
    return f"OpenCC {version('opencc')} {script}"
