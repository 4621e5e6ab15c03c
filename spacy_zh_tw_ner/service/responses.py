"""Serialize entities for responses, in steps that let other requests run."""

import asyncio
import json
import time
from collections.abc import Iterator
from itertools import islice
from typing import Any

from ..entities import Found
from .schema import OffsetUnit, Options

# Codec and bytes per unit. Code points: Python and Rust's `chars`; UTF-16: JavaScript, Java and C#; UTF-8: Go, Rust, C.
CODECS = {"utf16": ("utf-16-le", 2), "utf8": ("utf-8", 1)}
QUANTUM = 0.01  # seconds of work after which other tasks run
ENTITIES_PER_STEP = 500


class Pause:
    """Awaited in a loop, it lets other tasks run whenever the loop has worked for QUANTUM seconds."""

    def __init__(self) -> None:
        self._since = time.perf_counter()

    async def __call__(self) -> None:
        """Let other tasks run if QUANTUM seconds have passed."""
        if time.perf_counter() - self._since > QUANTUM:
            await asyncio.sleep(0)
            self._since = time.perf_counter()


class OffsetConverter:
    """Converts ascending offsets of one text from code points to another unit, each from the one before.

    text (str): The text.
    unit (OffsetUnit): The unit.
    """

    def __init__(self, text: str, unit: OffsetUnit) -> None:
        self._text = text
        self._codec, self._width = ("", 0) if unit == "codepoint" or text.isascii() else CODECS[unit]
        self._position, self._total = 0, 0

    def __call__(self, offset: int) -> int:
        """Convert an offset that is not less than the one before."""
        if not self._width:
            return offset
        self._total += len(self._text[self._position : offset].encode(self._codec)) // self._width
        self._position = offset
        return self._total


def entities(text: str, found: tuple[Found, ...], options: Options) -> Iterator[dict[str, Any]]:
    """Yield the entities of a response: filtered, with offsets in the unit that the client chose.

    text (str): The text.
    found (tuple[Found, ...]): Entities of the recognizer, in order.
    options (Options): Options of the request.
    YIELDS (dict[str, Any]): Objects of the schema `Entity`.
    """
    convert = OffsetConverter(text, options.offset_unit)
    for start, end, label, score, normalized in found:
        if options.labels is not None and label not in options.labels:
            continue
        if score is None or score >= options.min_score:
            span = {"start": convert(start), "end": convert(end)}
            form = {} if normalized is None else {"normalized": normalized}
            yield {**span, "label": label, "score": score, "text": text[start:end], **form}


async def dump_entities(text: str, found: tuple[Found, ...], options: Options, pause: Pause) -> bytes:
    """Serialize entities as a JSON array, with pauses for other tasks: there may be a hundred thousand entities.

    text (str), found (tuple[Found, ...]), options (Options): See `entities`.
    pause (Pause): Awaited between steps.
    RETURNS (bytes): JSON in UTF-8.
    """
    parts: list[bytes] = []
    remaining = entities(text, found, options)
    while some := list(islice(remaining, ENTITIES_PER_STEP)):
        parts.append(dump(some)[1:-1])
        await pause()
    return b"[" + b",".join(parts) + b"]"


def dump(value: Any) -> bytes:
    """Serialize a value as JSON in UTF-8."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
