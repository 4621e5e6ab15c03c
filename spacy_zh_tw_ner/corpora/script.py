"""Convert between Simplified and Traditional, with the annotations kept in place."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import pairwise
from operator import add
from typing import cast

from ..entities import Entity
from ..tokenization.conversion import Conversion, Converter, provenance
from .records import Record
from .simplified import Evidence, EvidenceCounter

SURFACES = 1 << 14  # of entities, whose conversions are remembered
LOOKED_AT = 200  # records at the beginning of a file that decide its script
CLEARLY = (
    2  # Simplified characters that a text among Traditional ones must have, and as many times the Traditional ones
)

KEPT, CONVERTED = "Traditional", "Simplified"
NOTHING = Evidence(0, 0, 0)


class ScriptDecision:
    """Detect which texts of a corpus are Simplified.

    Only characters that the other script never writes are evidence. A text that has some decides for itself; any other
    is what most evidence says: that of the beginning of its file, else that of the corpus so far. A text among
    Traditional ones must be clearly Simplified: one character is not enough.
    """

    def __init__(self) -> None:
        self._count = EvidenceCounter()
        self._corpus = self._file = NOTHING

    def begin_file(self, texts: Iterable[str]) -> None:
        """Look at the texts at the beginning of a file."""
        self._file = self._count("\n".join(texts))
        self._corpus = Evidence(*map(add, self._corpus, self._file))

    def is_simplified(self, text: str) -> bool:
        """Return whether a text is Simplified."""
        found = self._count(text)
        if _prevails(self._file if any(self._file) else self._corpus):
            return found.simplified > found.traditional or not found.traditional
        return found.simplified >= CLEARLY and found.simplified >= CLEARLY * found.traditional


def _prevails(evidence: Evidence) -> bool:
    """Return whether several texts together have more evidence for Simplified than for Traditional Chinese."""
    if not evidence.simplified and not evidence.traditional:
        return evidence.japanese >= CLEARLY
    return evidence.simplified > evidence.traditional


class RecordConverter:
    """Converts the script of checked records, and takes their entities along.

    An entity has to read as it does when it is converted alone. In a sentence OpenCC may take its first or last
    character for a part of its neighbour, as in 部长|胡斯尼, which becomes 部長鬍斯尼, or replace a word that reaches
    across its border. Then the sentence is cut at its entities and converted piece by piece.

    script (str): An OpenCC configuration, such as "s2tw".
    RAISES (ValueError): For a configuration that this OpenCC does not have.
    """

    def __init__(self, script: str) -> None:
        self.converted_by = provenance(script)
        self.rescued = 0  # entities that would have read otherwise in their sentences
        self._convert = converter = Converter(script)
        self._alone = lru_cache(SURFACES)(lambda surface: converter(surface).text)

    def __call__(self, record: Record) -> Record:
        """Record → record, with what converted it."""
        conversion = self._convert(record.text)
        wrong = sum(self._reads_otherwise(record.text, conversion, entity) for entity in record.entities)
        if wrong:
            self.rescued += wrong
            conversion = self._convert_pieces(record)
        text = conversion.text
        places = cast("Sequence[int]", conversion.offsets)  # no entity is left with a border inside a word
        entities = [Entity(places[start], places[end], label) for start, end, label in record.entities]
        return replace(record, text=text, entities=entities, converted_by=self.converted_by)

    def _reads_otherwise(self, source: str, conversion: Conversion, entity: Entity) -> bool:
        start, end = conversion.offsets[entity.start], conversion.offsets[entity.end]
        return (
            start is None or end is None or conversion.text[start:end] != self._alone(source[entity.start : entity.end])
        )

    def _convert_pieces(self, record: Record) -> Conversion:
        """Convert each entity, and what is between, by itself."""
        borders = {0, len(record.text)}.union(*((entity.start, entity.end) for entity in record.entities))
        text = ""
        offsets: list[int | None] = [0]
        for start, end in pairwise(sorted(borders)):
            piece = self._convert(record.text[start:end])
            offsets += [None if place is None else len(text) + place for place in piece.offsets[1:]]
            text += piece.text
        return Conversion(text, offsets)


def record_converter(script: str) -> Callable[[Record], Record]:
    """Make a function that converts the script of checked records: a `RecordConverter`, or one that does nothing.

    script (str): An OpenCC configuration, such as "s2tw", or "none".
    RETURNS (Callable[[Record], Record]): Record → record.
    RAISES (ValueError): For an unknown configuration.
    """
    return RecordConverter(script) if script != "none" else lambda record: record
