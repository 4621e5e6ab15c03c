"""Serialize entities for responses in short steps, between which the event loop serves other requests."""

import asyncio
import json
import time
from collections.abc import Iterator
from itertools import islice
from typing import Any

from ..entities import Found, spans_of
from .schema import OffsetUnit, Options

# Offset unit → codec and bytes per unit. UTF-16 units: JavaScript, Java, C#; UTF-8 bytes: Go, Rust, C.
CODECS = {"utf16": ("utf-16-le", 2), "utf8": ("utf-8", 1)}
QUANTUM = 0.01  # seconds of work after which a task lets other tasks run
ENTITIES_PER_STEP = 500  # entities serialized between two pauses


class Pause:
    """Cooperative pause. Awaited in each step of a loop, it lets other tasks run, at most once per QUANTUM seconds."""

    def __init__(self) -> None:
        self._since = time.perf_counter()

    async def __call__(self) -> None:
        """Let other tasks run, if this object last did so more than QUANTUM seconds ago."""
        if time.perf_counter() - self._since > QUANTUM:
            await asyncio.sleep(0)
            self._since = time.perf_counter()


class OffsetConverter:
    """Convert ascending offsets of a text from code points to another unit.

    Each call starts at the offset of the previous call, so every part of the text is encoded only once.

    text (str): The text.
    unit (OffsetUnit): The unit of the results: "codepoint", "utf16" or "utf8".
    """

    def __init__(self, text: str, unit: OffsetUnit) -> None:
        self._text = text
        self._codec, self._width = ("", 0) if unit == "codepoint" or text.isascii() else CODECS[unit]
        self._position, self._total = 0, 0

    def __call__(self, offset: int) -> int:
        """Convert an offset in code points. It must not be less than the offset of the previous call."""
        if not self._width:
            return offset
        self._total += len(self._text[self._position : offset].encode(self._codec)) // self._width
        self._position = offset
        return self._total


def entities(text: str, found: tuple[Found, ...], options: Options) -> Iterator[dict[str, Any]]:
    """Yield the entities of a text for a response.

    text (str): The text.
    found (tuple[Found, ...]): Entities in ascending order, with offsets in code points.
    options (Options): `labels` and `min_score` select entities; `offset_unit` is the unit of the offsets.
    YIELDS (dict[str, Any]): The fields of an `EntityAnswer`: "start", "end", "label", "score", "text" and, if there
        is a normal form, "normalized".
    """
    convert = OffsetConverter(text, options.offset_unit)
    for start, end, label, score, normalized in found:
        if options.labels is not None and label not in options.labels:
            continue
        if score is None or score >= options.min_score:
            span = {"start": convert(start), "end": convert(end)}
            form = {} if normalized is None else {"normalized": normalized}
            yield {**span, "label": label, "score": score, "text": text[start:end], **form}


def overlapping_entities(text: str, spans: tuple[Found, ...], options: Options) -> Iterator[dict[str, Any]]:
    """Yield overlapping entities of a text for a response, with the same fields and options as `entities`.

    text (str): The text.
    spans (tuple[Found, ...]): Entities sorted by start, with offsets in code points; their ends are in any order.
    options (Options): `labels` and `min_score` select entities; `offset_unit` is the unit of the offsets.
    YIELDS (dict[str, Any]): The fields of an `EntityAnswer`: "start", "end", "label", "score", "text" and, if there
        is a normal form, "normalized".
    """
    convert = OffsetConverter(text, options.offset_unit)
    units = {offset: convert(offset) for offset in sorted({offset for span in spans for offset in span[:2]})}
    plain = options.model_copy(update={"offset_unit": "codepoint"})
    for entity in entities(text, spans, plain):
        yield entity | {"start": units[entity["start"]], "end": units[entity["end"]]}


async def dump_found(text: str, found: tuple[Found, ...], options: Options, pause: Pause) -> bytes:
    """Serialize the field `entities` of a result and, if the pipeline finds overlapping entities, the field `spans`.

    text (str): The text.
    found (tuple[Found, ...]): Entities of the text in ascending order, with offsets in code points. If the pipeline
        finds overlapping entities, this tuple is a `FoundEntities`, whose attribute `spans` has them.
    options (Options): Options of the request.
    pause (Pause): Awaited after every ENTITIES_PER_STEP entities.
    RETURNS (bytes): The fields of a JSON object in UTF-8, without its braces.
    """
    fields = b'"entities":' + await dump_entities(entities(text, found, options), pause)
    spans = spans_of(found)
    if spans is None:
        return fields
    return fields + b',"spans":' + await dump_entities(overlapping_entities(text, spans, options), pause)


async def dump_entities(remaining: Iterator[dict[str, Any]], pause: Pause) -> bytes:
    """Serialize the entities of a text as a JSON array, with pauses: there may be a hundred thousand of them.

    remaining (Iterator[dict[str, Any]]): The entities, from `entities` or `overlapping_entities`.
    pause (Pause): Awaited after every ENTITIES_PER_STEP entities.
    RETURNS (bytes): JSON in UTF-8.
    """
    parts: list[bytes] = []
    while some := list(islice(remaining, ENTITIES_PER_STEP)):
        parts.append(dump(some)[1:-1])
        await pause()
    return b"[" + b",".join(parts) + b"]"


def dump(value: Any) -> bytes:
    """Serialize a value as compact JSON in UTF-8."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
