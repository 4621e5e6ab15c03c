"""Simplified ⇄ Traditional, with the annotations kept in place."""

from collections.abc import Callable

from ..tokenization.normalization import script_converter
from .records import Record


def record_converter(script: str) -> Callable[[Record], Record]:
    """Make a function that converts the script of a record and leaves its offsets valid.

    The conversion never changes a length (see `script_converter`), so an entity stands where it stood. OpenCC writes 台
    as 臺 throughout; Taiwan writes both, so where the source has 台 it stays.

    script (str): An OpenCC configuration, such as "s2tw".
    RETURNS (Callable[[Record], Record]): Record → record.
    RAISES (ValueError): For an unknown configuration.
    """
    convert = script_converter(script)

    def convert_record(record: Record) -> Record:
        converted = convert(record.text)
        text = "".join("台" if old == "台" and new == "臺" else new for old, new in zip(record.text, converted, strict=True))
        return Record(text, record.entities, record.origin, record.doc_id, record.repairs)

    return convert_record
