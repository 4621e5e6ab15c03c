"""Simplified ⇄ Traditional, with the annotations kept in place."""

from collections.abc import Callable, Iterable

from ..tokenization.normalization import ScriptConverter
from .records import Record

# In Traditional text s2tw changes next to nothing but 台 → 臺; in Simplified text about every third character.
SIMPLIFIED_SHARE = 0.05


def is_simplified(texts: Iterable[str]) -> bool:
    """Tell whether texts are written in Simplified characters, by the share that a conversion would change."""
    text = "".join(texts)
    return changed_share(text) > SIMPLIFIED_SHARE


def changed_share(text: str) -> float:
    """Share of the characters of a text that s2tw changes, 台 apart."""
    converted = ScriptConverter("s2tw")(text)
    changed = sum(old not in (new, "台") for old, new in zip(text, converted, strict=True))
    return changed / max(1, len(text))


def record_converter(script: str) -> Callable[[Record], Record]:
    """Make a function that converts the script of a record and leaves its offsets valid.

    The conversion never changes a length (see `ScriptConverter`), so an entity stands where it stood. OpenCC writes 台
    as 臺 throughout; Taiwan writes both, so where the source has 台 it stays.

    script (str): An OpenCC configuration, such as "s2tw", or "none".
    RETURNS (Callable[[Record], Record]): Record → record.
    RAISES (ValueError): For an unknown configuration.
    """
    if script == "none":
        return lambda record: record
    convert = ScriptConverter(script)

    def convert_record(record: Record) -> Record:
        converted = convert(record.text)
        text = "".join(
            "台" if old == "台" and new == "臺" else new for old, new in zip(record.text, converted, strict=True)
        )
        return Record(text, record.entities, record.origin, record.doc_id, record.repairs)

    return convert_record
