"""Parse JSON and msgpack and decompress zlib data, with limits on nesting and memory."""

import json
import zlib
from typing import Any

from ..errors import Errors, UnreadableFileError
from .validation import origin

DEEPEST = 64  # levels of nested lists and objects; files of this package have at most 12
MOST_ITEMS = 50_000_000  # values in one msgpack object, each of which takes some 60 bytes
# Limits of decompression: up to SMALL bytes at any ratio, larger results at most HIGHEST_RATIO times the input.
# `.spacy` files of real corpora compress 10 to 30 times.
SMALL, HIGHEST_RATIO = 2**28, 128
BLOCK = 2**20  # bytes inflated at once


def parse_json(data: bytes | str) -> Any:
    """Parse JSON.

    data (bytes | str): JSON as UTF-8 or as text.
    RETURNS (Any): The value.
    RAISES (UnreadableFileError): If lists and objects are nested in more than DEEPEST levels.
    RAISES (ValueError): For invalid JSON. In a block of the context manager `reading`, it becomes an
        UnreadableFileError.
    """
    try:
        value = json.loads(data.decode("utf-8-sig") if isinstance(data, bytes) else data)
    except RecursionError:
        _refuse_depth()
    if nests_deeper(value):
        _refuse_depth()
    return value


def nests_deeper(value: object, limit: int = DEEPEST) -> bool:
    """Return whether lists and dicts in a value are nested in more than `limit` levels."""
    level = [value]
    for _ in range(limit):
        level = [
            child
            for item in level
            for child in (item.values() if isinstance(item, dict) else item if isinstance(item, list | tuple) else ())
            if isinstance(child, dict | list | tuple)
        ]
        if not level:
            return False
    return True


def parse_msgpack(data: bytes) -> Any:
    """Parse msgpack with numpy arrays in it, as spaCy writes it.

    data (bytes): One msgpack object.
    RETURNS (Any): The object.
    RAISES (UnreadableFileError): If a length goes beyond the end of the data, values are nested deeper than DEEPEST, or
        there are more than MOST_ITEMS values. For other defects, msgpack raises its own errors. In a block of the
        context manager `reading`, they become UnreadableFileErrors.
    """
    import srsly

    scan_msgpack(data)
    return srsly.msgpack_loads(data)


def scan_msgpack(data: bytes | memoryview) -> None:
    """Check the declared lengths in msgpack data. Call it before parsing: the parser allocates lists of these lengths.

    data (bytes | memoryview): One msgpack object.
    RAISES (UnreadableFileError): If a length goes beyond the end of the data, values are nested deeper than DEEPEST, or
        there are more than MOST_ITEMS values.
    """
    size, place, n_items = len(data), 0, 0
    open_: list[int] = [1]  # number of values left, for each array and map that is open
    while open_:
        if not open_[-1]:
            open_.pop()
            continue
        open_[-1] -= 1
        n_items += 1
        if place >= size:
            _refuse_size(place + 1, size)
        code = data[place]
        place += 1
        if code <= 0x7F or code >= 0xE0 or 0xC0 <= code <= 0xC3:  # small integers, nil, booleans
            continue
        if code <= 0x9F:  # maps and arrays of up to 15
            inner = (code & 0x0F) * (2 if code <= 0x8F else 1)
        elif code <= 0xBF:
            inner, place = 0, place + (code & 0x1F)
        elif code in FIXED:
            inner, place = 0, place + FIXED[code]
        else:
            width, of_each, is_container = LENGTHS[code]
            length = int.from_bytes(data[place : place + width], "big")
            place += width
            inner = length * of_each if is_container else 0
            place += 0 if is_container else length + of_each
        if place + inner > size or n_items + inner > MOST_ITEMS:
            _refuse_size(place + inner, min(size, MOST_ITEMS))
        if inner:
            if len(open_) > DEEPEST:
                _refuse_depth()
            open_.append(inner)


# First byte of a value → number of bytes after it: floats, integers, extensions of fixed length
FIXED = {0xCA: 4, 0xCB: 8, **{0xCC + i: 1 << i for i in range(4)}, **{0xD0 + i: 1 << i for i in range(4)}}
FIXED |= {0xD4 + i: 1 + (1 << i) for i in range(5)}
# First byte of a value → size of its length field; values per element, or extra bytes; whether it contains values
LENGTHS = {
    **{0xC4 + i: (1 << i, 0, False) for i in range(3)},  # bytes
    **{0xC7 + i: (1 << i, 1, False) for i in range(3)},  # extensions
    **{0xD9 + i: (1 << i, 0, False) for i in range(3)},  # strings
    **{0xDC + i: (2 << i, 1, True) for i in range(2)},  # arrays
    **{0xDE + i: (2 << i, 2, True) for i in range(2)},  # maps
}


def inflation_limit(size: int) -> int:
    """Return the limit for the decompressed data, in bytes, if the compressed data has `size` bytes."""
    return max(SMALL, HIGHEST_RATIO * size)


def inflate(data: bytes) -> bytes:
    """Decompress zlib data.

    data (bytes): One zlib stream.
    RETURNS (bytes): The decompressed data.
    RAISES (UnreadableFileError): If the decompressed data exceeds `inflation_limit`. Damaged data raises `zlib.error`.
    """
    stream, limit, blocks, n_bytes = zlib.decompressobj(), inflation_limit(len(data)), [], 0
    for start in range(0, len(data), BLOCK):
        waiting = data[start : start + BLOCK]
        while waiting and not stream.eof:
            blocks.append(stream.decompress(waiting, BLOCK))
            waiting, n_bytes = stream.unconsumed_tail, n_bytes + len(blocks[-1])
            if n_bytes > limit:
                raise UnreadableFileError(Errors.ZT646.format(origin=origin(), size=len(data), limit=limit))
    blocks.append(stream.flush(BLOCK) if stream.eof else b"")
    if not stream.eof:
        raise zlib.error("incomplete or truncated stream")
    return b"".join(blocks)


def _refuse_size(claimed: int, available: int) -> None:
    raise UnreadableFileError(
        Errors.ZT645.format(origin=origin(), what="its content", claimed=claimed, available=available)
    )


def _refuse_depth() -> None:
    raise UnreadableFileError(Errors.ZT647.format(origin=origin(), limit=DEEPEST))
