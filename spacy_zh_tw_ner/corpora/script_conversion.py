"""Detect Simplified Chinese, and convert records between the scripts with their annotations kept in place."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import cache, lru_cache
from itertools import pairwise
from operator import add
from typing import NamedTuple, cast

from ..entities import Entity
from ..tokenization.conversion import Conversion, Converter, ScriptConverter, provenance
from .records import Record

N_SURFACES = 1 << 14  # cached conversions of entities
LOOKED_AT = 200  # records at the beginning of a file that decide its script
CLEARLY = 2  # least Simplified characters, absolute and per Traditional one, in a text among Traditional ones
KEPT, CONVERTED = "Traditional", "Simplified"

# Variants that Traditional text writes, too, in names and in older or other fonts: 温 for 溫, 黄 for 黃.
SHARED = frozenset("温黄没内强户吕册别决况凉减净着吴虚污并麽却")
KANA = re.compile("[\u3041-\u30fa]")
SIMPLIFIED, TRADITIONAL, JAPANESE, OTHER = range(4)


class ScriptCounts(NamedTuple):
    """Numbers of characters in a text that only one script writes.

    simplified: Characters that only Simplified Chinese writes.
    traditional: Characters that Simplified Chinese never writes.
    japanese: Different characters that Simplified Chinese and Japanese write, and Traditional Chinese only in Japanese
        names; 0 for a text with kana.
    """

    simplified: int
    traditional: int
    japanese: int


class ScriptCounter:
    """Counts the characters of texts that only one of the two scripts writes.

    们 and 说 are Simplified, 們 and 說 Traditional; 台, 里, 后, 面 and 于 are in both; 国 and 湾 are Japanese, too.
    """

    def __init__(self) -> None:
        self._scripts = _Scripts()

    def __call__(self, text: str) -> ScriptCounts:
        """Text → its counts."""
        if text.isascii():
            return ScriptCounts(0, 0, 0)
        scripts = [self._scripts[char] for char in text]
        japanese = JAPANESE in scripts and KANA.search(text) is None
        different = len({char for char in text if self._scripts[char] == JAPANESE}) if japanese else 0
        return ScriptCounts(scripts.count(SIMPLIFIED), scripts.count(TRADITIONAL), different)


class _Scripts(dict[str, int]):
    """Character → the script that uses it; a dictionary, which is twice as fast as `functools.cache`."""

    def __init__(self) -> None:
        super().__init__()
        self._is_simplified, self._to_simplified = simplified_test(), ScriptConverter("t2s")

    def __missing__(self, char: str) -> int:
        script = OTHER
        if char >= "\u2e80" and char not in SHARED:
            if self._is_simplified(char):
                script = JAPANESE if _encodes(char, "shift_jis") else SIMPLIFIED
            elif self._to_simplified(char) != char and not _encodes(char, "gb2312"):
                script = TRADITIONAL
        self[char] = script
        return script


def simplified_test() -> Callable[[str], bool]:
    """Make a function that returns whether a character is Simplified only: 国 and 湾 are, 台, 里 and 后 are not.

    OpenCC changes such a character, and Big5, the encoding of Taiwan for decades, lacks it.

    RETURNS (Callable[[str], bool]): Character → whether it is.
    """
    to_traditional = ScriptConverter("s2t")
    return cache(lambda char: not char.isascii() and to_traditional(char) != char and not _encodes(char, "cp950"))


def _encodes(char: str, encoding: str) -> bool:
    try:
        char.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


class ScriptDecision:
    """Decides which texts of a corpus are Simplified.

    Only characters that the other script never writes count. A text that has some decides for itself; any other
    follows the beginning of its file, or else the corpus so far. Among Traditional texts, one Simplified character is
    not enough: a text must be clearly Simplified.
    """

    def __init__(self) -> None:
        self._count = ScriptCounter()
        self._corpus = self._file = ScriptCounts(0, 0, 0)

    def begin_file(self, texts: Iterable[str]) -> None:
        """Count the characters of the texts at the beginning of a file."""
        self._file = self._count("\n".join(texts))
        self._corpus = ScriptCounts(*map(add, self._corpus, self._file))

    def is_simplified(self, text: str) -> bool:
        """Return whether a text is Simplified."""
        found = self._count(text)
        if _is_mostly_simplified(self._file if any(self._file) else self._corpus):
            return found.simplified > found.traditional or not found.traditional
        return found.simplified >= CLEARLY and found.simplified >= CLEARLY * found.traditional


def _is_mostly_simplified(counts: ScriptCounts) -> bool:
    if not counts.simplified and not counts.traditional:
        return counts.japanese >= CLEARLY
    return counts.simplified > counts.traditional


class RecordConverter:
    """Converts the script of checked records, and moves their entities along.

    An entity must read as it does when it is converted alone. In a sentence OpenCC may take its first or last
    character for a part of its neighbour, as in 部长|胡斯尼, which becomes 部長鬍斯尼, or replace a word that reaches
    across its border. Then the sentence is cut at its entities and each part is converted alone.

    script (str): An OpenCC configuration, such as "s2tw".
    RAISES (ValueError): For a configuration that this OpenCC does not have.
    """

    def __init__(self, script: str) -> None:
        self.converted_by = provenance(script)
        self.rescued = 0  # entities that were converted apart from their sentences
        self._convert = converter = Converter(script)
        self._alone = lru_cache(N_SURFACES)(lambda surface: converter(surface).text)

    def __call__(self, record: Record) -> Record:
        """Record → converted record."""
        conversion = self._convert(record.text)
        wrong = sum(self._reads_otherwise(record.text, conversion, entity) for entity in record.entities)
        if wrong:
            self.rescued += wrong
            conversion = self._convert_parts(record)
        offsets = cast("Sequence[int]", conversion.offsets)  # no border of an entity is inside a replaced word
        entities = [Entity(offsets[start], offsets[end], label) for start, end, label in record.entities]
        return replace(record, text=conversion.text, entities=entities, converted_by=self.converted_by)

    def _reads_otherwise(self, source: str, conversion: Conversion, entity: Entity) -> bool:
        start, end = conversion.offsets[entity.start], conversion.offsets[entity.end]
        return (
            start is None or end is None or conversion.text[start:end] != self._alone(source[entity.start : entity.end])
        )

    def _convert_parts(self, record: Record) -> Conversion:
        """Convert each entity, and the text between entities, alone."""
        borders = {0, len(record.text)}.union(*((entity.start, entity.end) for entity in record.entities))
        text = ""
        offsets: list[int | None] = [0]
        for start, end in pairwise(sorted(borders)):
            part = self._convert(record.text[start:end])
            offsets += [None if offset is None else len(text) + offset for offset in part.offsets[1:]]
            text += part.text
        return Conversion(text, offsets)


def record_converter(script: str) -> Callable[[Record], Record]:
    """Make a function that converts the script of checked records: a `RecordConverter`, or one that does nothing.

    script (str): An OpenCC configuration, such as "s2tw", or "none".
    RETURNS (Callable[[Record], Record]): Record → record.
    RAISES (ValueError): For an unknown configuration.
    """
    return RecordConverter(script) if script != "none" else lambda record: record
