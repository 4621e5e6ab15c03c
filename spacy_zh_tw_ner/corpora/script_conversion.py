"""Detect Simplified Chinese, and convert records between scripts together with the offsets of their entities."""

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

N_SURFACES = 1 << 14  # conversions of entity texts that are cached
LOOKED_AT = 200  # records at the beginning of a file from which its script is detected
CLEARLY = 2  # in a Traditional file, a text needs this many Simplified characters, in all and per Traditional one
KEPT, CONVERTED = "Traditional", "Simplified"

# Simplified characters that also occur in Traditional text, in names and as variants: 温 for 溫, 黄 for 黃.
SHARED = frozenset("温黄没内强户吕册别决况凉减净着吴虚污并麽却")
KANA = re.compile("[\u3041-\u30fa]")
SIMPLIFIED, TRADITIONAL, JAPANESE, OTHER = range(4)


class ScriptCounts(NamedTuple):
    """Numbers of characters in a text that show its script.

    simplified: Characters that only Simplified Chinese uses, such as 们.
    traditional: Characters that Simplified Chinese never uses, such as 們.
    japanese: Different characters that are both Simplified and Japanese, such as 国. Unlike in the other two numbers, a
        character that occurs several times counts once. A Traditional text has such characters only in Japanese names.
        0 for a text with kana, because it is Japanese.
    """

    simplified: int
    traditional: int
    japanese: int


class ScriptCounter:
    """Counts the characters of a text that belong to only one of the scripts Simplified and Traditional Chinese.

    们 and 说 are Simplified, 們 and 說 are Traditional. 台, 里, 后, 面 and 于 are in both scripts and not counted. 国
    and 湾 are Simplified and Japanese, and are counted separately.
    """

    def __init__(self) -> None:
        self._scripts = _Scripts()

    def __call__(self, text: str) -> ScriptCounts:
        """Count the Simplified, Traditional and Japanese characters of a text."""
        if text.isascii():
            return ScriptCounts(0, 0, 0)
        scripts = [self._scripts[char] for char in text]
        japanese = JAPANESE in scripts and KANA.search(text) is None
        different = len({char for char in text if self._scripts[char] == JAPANESE}) if japanese else 0
        return ScriptCounts(scripts.count(SIMPLIFIED), scripts.count(TRADITIONAL), different)


class _Scripts(dict[str, int]):
    """Dictionary of character → SIMPLIFIED, TRADITIONAL, JAPANESE or OTHER, which are constants of this module.

    JAPANESE are characters such as 国, which are both Simplified and Japanese. OTHER are those of several scripts or of
    none. A character is classified when it is first looked up. A dictionary is twice as fast as `functools.cache`.
    """

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
    """Make a function that returns True for characters that Traditional Chinese does not use, such as 国.

    These are the characters that OpenCC converts to another one, and that Big5 (the Taiwanese encoding) lacks. Big5
    has 台, 里 and 后.

    RETURNS (Callable[[str], bool]): Character → True if Traditional Chinese does not use it.
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
    """Decides which texts of a corpus are in Simplified Chinese.

    The texts at the beginning of a file decide whether the file is Simplified or Traditional. If none of their
    characters belongs to only one script, the beginnings of the earlier files decide.

    In a Simplified file, a text is Traditional if it has Traditional characters, and at least as many of them as
    Simplified characters. In a Traditional file, a text is Simplified if it has at least `CLEARLY` Simplified
    characters (a constant of this module), and at least `CLEARLY` times as many of them as Traditional characters.
    """

    def __init__(self) -> None:
        self._count = ScriptCounter()
        self._corpus = self._file = ScriptCounts(0, 0, 0)

    def begin_file(self, texts: Iterable[str]) -> None:
        """Start a new file: count the characters in its first texts, by which `is_simplified` judges the file.

        texts (Iterable[str]): The texts at the beginning of the file; `convert` passes up to `LOOKED_AT` of them.
        """
        self._file = self._count("\n".join(texts))
        self._corpus = ScriptCounts(*map(add, self._corpus, self._file))

    def is_simplified(self, text: str) -> bool:
        """Return whether a text of the file for which `begin_file` was last called is Simplified."""
        found = self._count(text)
        if _is_mostly_simplified(self._file if any(self._file) else self._corpus):
            return found.simplified > found.traditional or not found.traditional
        return found.simplified >= CLEARLY and found.simplified >= CLEARLY * found.traditional


def _is_mostly_simplified(counts: ScriptCounts) -> bool:
    if not counts.simplified and not counts.traditional:
        return counts.japanese >= CLEARLY
    return counts.simplified > counts.traditional


class RecordConverter:
    """Converts the script of records with valid entities, and the offsets of the entities.

    An entity gets the same text that OpenCC returns for the text of the entity alone. If OpenCC converts the whole
    sentence, it may convert an entity differently. For example, it may read the end of one word and the start of an
    entity as a word (部长|胡斯尼 becomes 部長鬍斯尼). Such a sentence is split at the ends of its entities, and each
    part is converted separately.

    script (str): An OpenCC configuration, such as "s2tw".
    RAISES (ValueError): If the installed OpenCC lacks the configuration.
    """

    def __init__(self, script: str) -> None:
        self.converted_by = provenance(script)
        self.rescued = 0  # entities converted separately from their sentences
        self._convert = converter = Converter(script)
        self._alone = lru_cache(N_SURFACES)(lambda surface: converter(surface).text)

    def __call__(self, record: Record) -> Record:
        """Return a copy of a record with converted text, the new offsets of its entities, and `converted_by`."""
        conversion = self._convert(record.text)
        wrong = sum(self._converts_differently(record.text, conversion, entity) for entity in record.entities)
        if wrong:
            self.rescued += wrong
            conversion = self._convert_parts(record)
        offsets = cast("Sequence[int]", conversion.offsets)  # not None: no entity starts or ends inside a replaced word
        entities = [Entity(offsets[start], offsets[end], label) for start, end, label in record.entities]
        return replace(record, text=conversion.text, entities=entities, converted_by=self.converted_by)

    def _converts_differently(self, source: str, conversion: Conversion, entity: Entity) -> bool:
        start, end = conversion.offsets[entity.start], conversion.offsets[entity.end]
        return (
            start is None or end is None or conversion.text[start:end] != self._alone(source[entity.start : entity.end])
        )

    def _convert_parts(self, record: Record) -> Conversion:
        """Convert each entity, and each part between entities, separately, and join the results.

        RETURNS (Conversion): The converted text, and the position in it of each boundary between source characters.
        """
        borders = {0, len(record.text)}.union(*((entity.start, entity.end) for entity in record.entities))
        text = ""
        offsets: list[int | None] = [0]
        for start, end in pairwise(sorted(borders)):
            part = self._convert(record.text[start:end])
            offsets += [None if offset is None else len(text) + offset for offset in part.offsets[1:]]
            text += part.text
        return Conversion(text, offsets)


def record_converter(script: str) -> Callable[[Record], Record]:
    """Return a function that converts the script of records with valid entities.

    script (str): An OpenCC configuration, such as "s2tw"; "none" for a function that returns records unchanged.
    RETURNS (Callable[[Record], Record]): Record → converted record.
    RAISES (ValueError): If OpenCC lacks the configuration.
    """
    return RecordConverter(script) if script != "none" else lambda record: record
