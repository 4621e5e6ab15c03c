"""Receive and parse request bodies within limits of size, time and number of JSON values."""

import asyncio
from typing import TypeVar, get_args

import numpy as np
from fastapi import Request
from pydantic import BaseModel, ValidationError

from ..errors import Errors
from .http_errors import Refusal, describe_invalid
from .settings import ServiceSettings

EXAMPLE = '{"text": "國立臺灣大學位於臺北市大安區。"}'
COUNTED = 1 << 18  # bytes from which values are counted before parsing; smaller bodies parse in a few milliseconds
CHUNK = 1 << 18  # bytes counted per step
QUOTE, COMMA, BRACKET, BACKSLASH, BRACE = b'",[\\{'
ModelT = TypeVar("ModelT", bound=BaseModel)


async def read_body(request: Request, content_type: str, settings: ServiceSettings) -> bytes:
    """Receive the body of a request within the limits of size and time.

    request (Request): The request.
    content_type (str): The expected media type; the charset, if given, must be UTF-8.
    settings (ServiceSettings): Limits `max_body` (bytes) and `body_timeout` (seconds).
    RETURNS (bytes): The body.
    RAISES (Refusal): 408 (too slow), 413 (too long), 415 (another media type or charset).
    """
    limit, timeout = settings.max_body, settings.body_timeout
    seen = request.headers.get("content-type", "")
    media, *parameters = (part.strip().lower() for part in seen.split(";"))
    if media != content_type or any(p.startswith("charset=") and "utf-8" not in p for p in parameters):
        raise Refusal(415, Errors.ZT509.format(seen=seen[:80], expected=content_type))
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced[:20]) > limit:
        raise Refusal(413, Errors.ZT507.format(limit=limit))
    try:
        return await asyncio.wait_for(_receive(request, limit), timeout)
    except (asyncio.TimeoutError, TimeoutError):  # different classes before Python 3.11
        raise Refusal(408, Errors.ZT513.format(seconds=timeout)) from None


async def _receive(request: Request, limit: int) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise Refusal(413, Errors.ZT507.format(limit=limit))
    return bytes(body)


async def check_values(body: bytes, limit: int) -> None:
    """Check the number of JSON values in a body: parsing too many would block all other requests.

    body (bytes): JSON in UTF-8. A body of at most COUNTED bytes is not checked.
    limit (int): Largest number of values.
    RAISES (Refusal): 422 if there are more values.
    """
    if len(body) > COUNTED and await asyncio.to_thread(count_values, body) > limit:
        raise Refusal(422, Errors.ZT571.format(limit=limit))


def count_values(body: bytes) -> int:
    """Count the commas and opening brackets outside the strings of a JSON document, to estimate its number of values.

    A JSON parser holds the GIL for a second or more while it builds millions of `[]`. Counting takes a few milliseconds
    per MiB, and numpy releases the GIL for most of that time.

    body (bytes): JSON in UTF-8. For other data the result has no meaning.
    RETURNS (int): The count. It is the number of values, minus one, plus the number of empty arrays and objects.
    """
    data, found = np.frombuffer(body, dtype=np.uint8), 0
    # State at the start of a chunk: 1 if inside a string; 1 after an odd number of backslashes.
    inside, odd = 0, 0
    for start in range(0, len(data), CHUNK):
        part = data[start : start + CHUNK]
        places = np.arange(len(part), dtype=np.int32)
        # (n,) for each byte the last position at or before it without a backslash: gives the length of backslash runs
        last = np.maximum.accumulate(np.where(part == BACKSLASH, np.int32(-1 - odd), places))
        before = np.concatenate([[-1 - odd], last[:-1]])
        escaped = (places - 1 - before) & 1
        # A byte is inside a string after an odd number of quotes that are not escaped.
        within = (np.cumsum((part == QUOTE) & (escaped == 0)) + inside) & 1
        separators = (part == COMMA) | (part == BRACKET) | (part == BRACE)
        found += int(np.count_nonzero(separators & (within == 0)))
        inside, odd = int(within[-1]), int(len(part) - 1 - last[-1]) & 1
    return found


def parse(model: type[ModelT], body: bytes) -> ModelT:
    """Parse and validate JSON.

    model (type[BaseModel]): The pydantic model.
    body (bytes): JSON in UTF-8.
    RETURNS (BaseModel): An instance of the model.
    RAISES (Refusal): 400 for invalid JSON, 422 for a value that does not fit the model.
    """
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        (first, *_) = error.errors(include_input=False, include_url=False, include_context=False)
    if first["type"] == "json_invalid":
        reason = first["msg"].removeprefix("Invalid JSON: ")
        if "surrogate" in reason or "hex escape" in reason:
            reason += "; a lone surrogate such as \\ud83d is not a character"
        raise Refusal(400, Errors.ZT506.format(reason=reason, example=EXAMPLE))
    raise Refusal(422, describe_invalid(first["loc"], first, _field_names(model)))


def _field_names(model: type[BaseModel]) -> set[str]:
    """Return the field names of a model and, recursively, of the models that its fields contain.

    The message for an invalid value names only fields in this set.
    """
    inner = (part for field in model.model_fields.values() for part in (field.annotation, *get_args(field.annotation)))
    models = [part for part in inner if isinstance(part, type) and issubclass(part, BaseModel)]
    return set(model.model_fields).union(*map(_field_names, models))
