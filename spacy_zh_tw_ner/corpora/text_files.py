"""Read the lines of UTF-8 files, or the objects of a JSON file, in constant memory."""

import json
import re
from codecs import getincrementaldecoder
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ..errors import CorpusError, Errors
from ..untrusted.documents import nests_deeper
from .records import broken, ignore

CHUNK = 1 << 18  # bytes read at once
SEPARATORS = re.compile(r"[\s,]*")
ARRAY = re.compile(r"\s*\[\s*(?=[{\]]|$)")
# A JSON error this many characters before the end of the buffer may be an escape or literal that was cut off.
NEAR_THE_END = 16


def numbered_lines(path: Path, advance: Callable[[float], object] = ignore) -> Iterator[tuple[int, str]]:
    r"""Read a UTF-8 text file one line at a time.

    Only line feeds end a line: U+2028, U+0085 and form feeds are text. A byte order mark, and a carriage return before
    a line feed, are removed.

    path (Path): The file.
    advance (Callable[[float], object]): Receives the number of bytes read since the last call.
    YIELDS (tuple[int, str]): Line number from 1, and the line without its line end.
    RAISES (CorpusError): If the file is not UTF-8.
    """
    number, rest = 0, ""
    for chunk in _text_chunks(path, advance):
        text = rest + chunk
        lines = text.split("\n")
        rest = lines.pop()
        if "\r" in text:
            lines = [line.removesuffix("\r") for line in lines]
        yield from enumerate(lines, start=number + 1)
        number += len(lines)
    if rest:
        yield number + 1, rest.removesuffix("\r")


def _text_chunks(path: Path, advance: Callable[[float], object]) -> Iterator[str]:
    decoder = getincrementaldecoder("utf-8")()
    n_read, n_lines, raw, begun = 0, 0, b" ", False
    with path.open("rb") as file:
        while raw:
            raw = file.read(CHUNK)
            try:
                text = decoder.decode(raw, final=not raw)
            except UnicodeDecodeError as error:
                line = n_lines + error.object.count(b"\n", 0, error.start) + 1
                byte = n_read + len(raw) - len(error.object) + error.start
                raise CorpusError(Errors.ZT206.format(path=f"{path}:{line}", byte=byte, reason=error.reason)) from None
            if text and not begun:
                text, begun = text.removeprefix("\ufeff"), True
            n_read += len(raw)
            n_lines += text.count("\n")
            yield text
            advance(len(raw))


def is_json_array(path: Path) -> bool:
    """Return whether a file begins with a JSON array: a bracket that is followed by `{`, `]` or the end of the file.

    The character after the bracket is checked because inline markup may also begin with `[`.
    """
    with path.open("rb") as file:
        return ARRAY.match(file.read(1024).decode("utf-8-sig", "ignore")) is not None


def json_objects(path: Path, advance: Callable[[float], object] = ignore) -> Iterator[tuple[str, dict[str, Any]]]:
    """Read the objects of a JSON file: one per line, or all in one array.

    path (Path): The file.
    advance (Callable[[float], object]): Receives the number of bytes read since the last call.
    YIELDS (tuple[str, dict]): Origin (file and first line of the object), and the object.
    RAISES (CorpusError): If a value is not a JSON object or is nested too deeply, or the file is not UTF-8.
    """
    if is_json_array(path):
        values = _array(path, advance)
    else:
        values = ((f"{path}:{number}", line) for number, line in numbered_lines(path, advance) if line.strip())
    for origin, value in values:
        try:
            data = json.loads(value) if isinstance(value, str) else value
        except (ValueError, RecursionError) as error:
            raise broken(origin, f"not JSON ({error})", value[:60], "Write one JSON object per line.") from None
        if nests_deeper(data):
            raise broken(origin, "nested too deeply", type(data).__name__, "Write one JSON object per line.")
        if not isinstance(data, dict):
            raise broken(origin, "not a JSON object", str(value)[:60], "Write one JSON object per line.")
        yield origin, data


def _array(path: Path, advance: Callable[[float], object]) -> Iterator[tuple[str, Any]]:
    """Parse a file that is one JSON array, and yield each element as soon as it has been read.

    advance (Callable): Receives the number of bytes read since the last call.
    YIELDS (tuple[str, Any]): Origin (file and first line of the element), and the element.
    RAISES (CorpusError): If the file is not one complete JSON array, not UTF-8, or nested too deeply.
    """
    decode, fix = json.JSONDecoder().raw_decode, "Correct it."
    buffer, position, line, begun = "", 0, 1, False
    failure: json.JSONDecodeError | None = None
    for chunk in _text_chunks(path, advance):
        buffer, position = buffer[position:] + chunk, 0
        if not begun and "[" not in buffer:
            continue
        if not begun:
            position, begun = buffer.index("[") + 1, True
            line += buffer.count("\n", 0, position)
        while True:
            start = SEPARATORS.match(buffer, position).end()  # type: ignore[union-attr]  # it matches ""
            line += buffer.count("\n", position, start)
            position = start
            if buffer.startswith("]", start):
                return
            try:
                value, position = decode(buffer, start)
            except RecursionError:
                raise broken(f"{path}:{line}", "nested too deeply", buffer[start:][:60], fix) from None
            except json.JSONDecodeError as error:
                failure = error
                if error.pos < len(buffer) - NEAR_THE_END and not error.msg.startswith("Unterminated string"):
                    raise broken(f"{path}:{line}", f"not JSON ({error.msg})", buffer[error.pos :][:60], fix) from None
                break  # the value is not complete in the buffer yet
            except ValueError as error:  # an integer of thousands of digits
                raise broken(f"{path}:{line}", f"not JSON ({error})", buffer[start:][:60], fix) from None
            yield f"{path}:{line}", value
            line += buffer.count("\n", start, position)
    reason = failure.msg if buffer[position:].strip() and failure else "the array does not end"
    raise broken(f"{path}:{line}", f"not JSON ({reason})", buffer[position:][:60], "Copy the file again.")
