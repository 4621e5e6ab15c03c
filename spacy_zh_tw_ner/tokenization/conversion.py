"""Convert texts between Simplified and Traditional characters with OpenCC, and align source and result.

OpenCC converts words, and configurations with Taiwanese vocabulary (`s2twp`) change lengths: 互联网 becomes 網際網路.
It does not return an alignment. Here, word boundaries are found by converting suffixes: a suffix begins at a boundary
if its conversion is a suffix of the conversion of the whole text.
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

# Characters that OpenCC converts, though Taiwan writes both forms: 台北 and 台積電; 岩洞 and 岩手; 岳父, and 岳 in
# names. They are kept as in the source. OpenCC converts 台风 to 颱風, which is not affected.
TAIWAN = {"台": "臺", "岩": "巖", "岳": "嶽"}
# Configurations that replace words: characters may move even if the length stays the same.
REWORDING = ("s2twp", "tw2sp", "s2hkp", "hk2sp")
# A clause with its punctuation. No word of OpenCC contains these marks, so clauses can be converted one by one;
# `_offsets` checks that the result is the same.
CLAUSE = re.compile(r"[^\n。，、；：！？,;!?]*[\n。，、；：！？,;!?]*")


class Conversion(NamedTuple):
    """A converted text.

    text (str): The converted text.
    offsets (Sequence[Optional[int]]): For each of the n + 1 boundaries between the n characters of the source, its
        position in the converted text; None inside a word that was replaced by a word of another length.
    """

    text: str
    offsets: Sequence[int | None]


class Converter:
    """Converts the script of texts with OpenCC, and returns the offsets of characters.

    script (str): An OpenCC configuration, such as "s2twp".
    exceptions (Mapping[str, str]): Characters that are not converted → what OpenCC would replace them by.
    RAISES (ZhTwNerError): For a configuration that this OpenCC does not have.
    """

    def __init__(self, script: str, exceptions: Mapping[str, str] = TAIWAN) -> None:
        self.script = script
        self.exceptions = dict(exceptions)
        self._opencc = load_opencc(script)
        self._alone: dict[str, str] = {}

    def __call__(self, text: str) -> Conversion:
        """Convert a text.

        text (str): A text of valid Unicode.
        RETURNS (Conversion): The converted text, in which exceptions are kept, and the offsets.
        """
        converted = self._convert(text)
        offsets = self._offsets(text, converted)
        if not self.exceptions.keys().isdisjoint(text):
            converted = self._except(text, converted, offsets)
        return Conversion(converted, offsets)

    def alone(self, char: str) -> str:
        """Return OpenCC's conversion of a single character, even if it is an exception. Results are cached."""
        found = self._alone.get(char)
        if found is None:
            found = self._alone[char] = self._convert(char)
        return found

    def _convert(self, text: str) -> str:
        """Return OpenCC's conversion of a text, in which exceptions are converted, too; `_except` restores them."""
        # OpenCC drops text after a NUL character: convert the parts between them.
        converted: str = (
            self._opencc.convert(text) if "\0" not in text else "\0".join(map(self._convert, text.split("\0")))
        )
        return converted

    def _offsets(self, text: str, converted: str) -> Sequence[int | None]:
        """Align a text with its conversion.

        Clauses are aligned one by one. If OpenCC converts a clause differently alone than in the text, the whole text
        is aligned at once.

        text (str), converted (str): The text, and its conversion by OpenCC.
        RETURNS (Sequence[Optional[int]]): For each of the n + 1 boundaries between the n characters of the text, its
            position in the conversion; None inside a word that was replaced by a word of another length.
        """
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
        """Return whether OpenCC has converted a text character by character, so that no offset changes.

        text (str), converted (str): The text, and its conversion by OpenCC.
        """
        return len(converted) == len(text) and (
            self.script not in REWORDING or converted == "".join(map(self.alone, text))
        )

    def _align(self, text: str, converted: str, place: int, offsets: list[int | None]) -> None:
        """Align a clause with its conversion, and append the offsets of its characters to `offsets`.

        Characters that OpenCC converts one by one are aligned one by one. A word that it replaces by another word is
        aligned as a whole.

        text (str), converted (str): The clause, and its conversion.
        place (int): Position of the conversion of the clause in the converted text.
        offsets (list[Optional[int]]): Offsets of the text before the clause; changed in place.
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
        """Find the end of the word that begins at the last known word boundary.

        If the word or its conversion would be empty, the last boundary is removed from `borders`, so that the word
        begins at the boundary before it.

        text (str), converted (str): A clause, and its conversion by OpenCC.
        borders (list[tuple[int, int]]): Word boundaries so far: positions in the text and in the conversion; may be
            changed in place.
        RETURNS (tuple[int, int]): The new boundary, which the caller appends.
        """
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
        """Undo the conversion of exceptions, such as 台 in 台式機. In words that OpenCC has replaced it is not undone.

        text (str), converted (str): The text, and its conversion by OpenCC.
        offsets (Sequence[Optional[int]]): The position of each character of the text in the conversion.
        RETURNS (str): The conversion, in which characters that are exceptions are those of the text.
        """
        chars = list(converted)
        for i, char in enumerate(text):
            place = offsets[i]
            if place is not None and chars[place] == self.exceptions.get(char):
                chars[place] = char
        return "".join(chars)

    def __reduce__(self) -> tuple[type["Converter"], tuple[str, dict[str, str]]]:
        # An OpenCC object cannot be pickled.
        return Converter, (self.script, self.exceptions)


class ScriptConverter:
    """Converts the script of a text without changing its length, for the `norm_` of tokens.

    Character i of the result is the conversion of character i of the text. A word that OpenCC would replace by a longer
    or shorter word is converted character by character.

    script (str): An OpenCC configuration, such as "s2tw".
    RAISES (ZhTwNerError): For a configuration that this OpenCC does not have.
    """

    def __init__(self, script: str) -> None:
        self._converter = Converter(script)

    def __call__(self, text: str) -> str:
        """Return the converted text, of the same length."""
        converted, offsets = self._converter(text)
        if isinstance(offsets, range):
            return converted
        chars = []
        for char, start, end in zip(text, offsets, offsets[1:], strict=False):
            chars.append(self._alone(char) if start is None or end != start + 1 else converted[start])
        return "".join(chars)

    def _alone(self, char: str) -> str:
        """Convert a character without its context.

        A character that Taiwan writes in both forms (such as 台, which OpenCC would replace by 臺), or whose conversion
        is longer than one character, is returned unchanged.
        """
        converted = self._converter.alone(char)
        return converted if len(converted) == 1 and converted != self._converter.exceptions.get(char) else char


@cache
def load_opencc(script: str) -> Any:
    """Load an OpenCC configuration, which takes a quarter of a second. Loaded configurations are cached.

    script (str): Name of the configuration, such as "s2tw".
    RETURNS (opencc.OpenCC): The converter.
    RAISES (ZhTwNerError): For a configuration that this OpenCC does not have.
    """
    import opencc

    choices = sorted(name.removesuffix(".json") for name in opencc.CONFIGS)
    if script not in choices:
        raise UsageError(Errors.ZT004.format(value=script, choices=choices))
    return opencc.OpenCC(script)


def provenance(script: str) -> str:
    """Return version and configuration of OpenCC, such as "OpenCC 1.4.2 s2tw", for records of converted texts."""
    return f"OpenCC {version('opencc')} {script}"
