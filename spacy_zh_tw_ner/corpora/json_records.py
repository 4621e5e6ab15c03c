"""What all JSON formats share: an object that is not what it should be is named with file and line."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ..errors import CorpusError
from .offsets import RawRecord
from .records import Reading
from .text_files import broken, json_objects


def read_raw(
    path: Path,
    reading: Reading,
    parse: Callable[[dict[str, Any], str], Iterator[RawRecord]],
    *,
    name: str,
    shape: str,
) -> Iterator[RawRecord]:
    """Read the objects of a file by a format's own rules.

    path (Path): JSON lines, or one array.
    reading (Reading): Who is told.
    parse (Callable): Object and origin → records, none where the object holds no annotation.
    name (str): The format, for messages.
    shape (str): What an object of it looks like.
    YIELDS (RawRecord): Texts are strings, labels strings that are not empty, offsets whole numbers.
    RAISES (CorpusError): For anything else, with file and line.
    """
    for origin, data in json_objects(path, reading.advance):
        try:
            for raw in parse(data, origin):
                _check(raw)
                yield raw
        except CorpusError:
            raise
        except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError) as error:
            problem = f"not a {name} object ({error!r})"
            raise broken(origin, problem, str(data)[:60], f"Write {shape}") from None


def _check(raw: RawRecord) -> None:
    if not isinstance(raw.text, str):
        raise TypeError("text is no string")
    raw.text.encode()  # a lone surrogate, which JSON can spell, is no character
    for span in raw.spans:
        if type(span.start) is not int or type(span.end) is not int:
            raise TypeError(f"offsets {span.start!r} and {span.end!r} are no whole numbers")
        if not isinstance(span.label, str) or not span.label:
            raise TypeError(f"label {span.label!r} is no name")
        span.label.encode()
