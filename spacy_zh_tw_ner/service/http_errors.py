"""HTTP errors: a 4xx or 5xx status, a code and a message without any text of the request."""

import asyncio
from collections.abc import Mapping, Sequence, Set
from typing import Any, TypeVar, get_args

from fastapi import Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ValidationError

from ..errors import Errors, ServiceError
from .event_loop import COUNTED, count_values
from .settings import ServiceSettings

EXAMPLE = '{"text": "國立臺灣大學位於臺北市大安區。"}'
ModelT = TypeVar("ModelT", bound=BaseModel)


class ClientGone(Exception):
    """Nobody waits for the answer any more."""


class Refusal(ServiceError):
    """An answer that is no success.

    status (int): HTTP status.
    message (str): A message of `Errors`, filled in.
    retry_after (Optional[int]): Seconds after which it may be tried again.
    """

    def __init__(self, status: int, message: str, retry_after: int | None = None) -> None:
        super().__init__(message)
        self.status, self.retry_after = status, retry_after

    @property
    def body(self) -> dict[str, dict[str, str]]:
        """The object that is sent."""
        return {"error": {"code": self.code, "message": str(self)}}

    def response(self) -> JSONResponse:
        """The answer as it is sent."""
        headers = {} if self.retry_after is None else {"Retry-After": str(self.retry_after)}
        if self.status == 401:
            headers["WWW-Authenticate"] = "Bearer"
        return JSONResponse(self.body, self.status, headers)


async def read_body(request: Request, content_type: str, settings: ServiceSettings) -> bytes:
    """Receive a body that is what it says, no longer than it may be, and not for ever.

    request (Request): The request.
    content_type (str): What it must be.
    settings (ServiceSettings): Says how long it may be, and how long it may take.
    RETURNS (bytes): The body.
    RAISES (Refusal): 408, 413, 415.
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
    except (asyncio.TimeoutError, TimeoutError):  # not the same before Python 3.11
        raise Refusal(408, Errors.ZT513.format(seconds=timeout)) from None


async def check_values(body: bytes, limit: int) -> None:
    """Refuse, with 422, JSON of so many values that parsing it would hold up everybody.

    body (bytes): JSON, whole.
    limit (int): How many values it may have.
    """
    if len(body) > COUNTED and await asyncio.to_thread(count_values, body) > limit:
        raise Refusal(422, Errors.ZT571.format(limit=limit))


async def _receive(request: Request, limit: int) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise Refusal(413, Errors.ZT507.format(limit=limit))
    return bytes(body)


def parse(model: type[ModelT], body: bytes) -> ModelT:
    """Read JSON into a model.

    model (type[BaseModel]): What it should be.
    body (bytes): JSON in UTF-8.
    RETURNS (BaseModel): The object.
    RAISES (Refusal): 400 for what is no JSON, 422 for what is another object.
    """
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        (first, *_) = error.errors(include_input=False, include_url=False, include_context=False)
    if first["type"] == "json_invalid":
        reason = first["msg"].removeprefix("Invalid JSON: ")
        if "surrogate" in reason or "hex escape" in reason:
            reason += "; half of a UTF-16 pair, such as \\ud83d alone, is no character"
        raise Refusal(400, Errors.ZT506.format(reason=reason, example=EXAMPLE))
    raise Refusal(422, problem_of(first["loc"], first, _names(model)))


def _names(model: type[BaseModel]) -> set[str]:
    """Names of the fields of a model, and of the models within."""
    inner = (part for field in model.model_fields.values() for part in (field.annotation, *get_args(field.annotation)))
    models = [part for part in inner if isinstance(part, type) and issubclass(part, BaseModel)]
    return set(model.model_fields).union(*map(_names, models))


def problem_of(path: Sequence[int | str], error: Mapping[str, Any], known: Set[str]) -> str:
    """A sentence about one of pydantic's errors. Names of fields are quoted where they are ours.

    path (Sequence[int | str]): Where it is.
    error (Mapping[str, Any]): Its `type` and `msg`.
    known (Set[str]): Names of our fields.
    RETURNS (str): The sentence.
    """
    field = ".".join(str(part) for part in path if isinstance(part, int) or part in known)
    # What a client calls its fields may be anything.
    problem = "a field that is not known" if error["type"] == "extra_forbidden" else error["msg"]
    return Errors.ZT508.format(field=field or "the body", problem=problem.removeprefix("Value error, "))
