"""HTTP error responses: status, code and message.

A message never quotes a text to annotate. It may quote a short option of the request, such as the name of a pipeline.
"""

from collections.abc import Mapping, Sequence, Set
from typing import Any

from fastapi.responses import JSONResponse

from ..errors import Errors, ServiceError


class ClientGone(Exception):
    """Raised by a route if the client disconnects before its response is complete. `Access` then logs status 499."""


class Refusal(ServiceError):
    """Error that becomes an HTTP response with a JSON body.

    status (int): HTTP status (4xx or 5xx).
    message (str): A formatted message of `Errors`.
    retry_after (Optional[int]): Value of the `Retry-After` header in seconds; None for no header.
    """

    def __init__(self, status: int, message: str, retry_after: int | None = None) -> None:
        super().__init__(message)
        self.status, self.retry_after = status, retry_after

    @property
    def body(self) -> dict[str, dict[str, str]]:
        """Body of the response: `{"error": {"code": …, "message": …}}`, with the code of the message, such as ZT508."""
        return {"error": {"code": self.code, "message": str(self)}}

    def response(self) -> JSONResponse:
        """Create the response, with the headers that its status requires."""
        headers = {} if self.retry_after is None else {"Retry-After": str(self.retry_after)}
        if self.status == 401:
            headers["WWW-Authenticate"] = "Bearer"
        return JSONResponse(self.body, self.status, headers)


class QueueFull(Refusal):
    """Response 429: the queue is full. `retry_after` is the estimated time in seconds until the queue is empty."""


class Unreadable(Refusal):
    """Response 422: the pipeline raised an error for a text, or a text contains too many words of a gazetteer."""


class NotLoaded(Refusal):
    """Response 503: the requested pipeline cannot be loaded."""


class Stopping(Refusal):
    """Response 503: the service shuts down, and the time for accepted requests (`drain`) has ended."""


def describe_invalid(path: Sequence[int | str], error: Mapping[str, Any], known: Set[str]) -> str:
    """Format a validation error of pydantic as a message for the client.

    path (Sequence[int | str]): Field names and list indices that lead to the invalid value.
    error (Mapping[str, Any]): pydantic's error with `type` and `msg`.
    known (Set[str]): Field names that the message may quote. It leaves out other names, because the client chose them.
    RETURNS (str): `Errors.ZT508`, formatted with the field and the problem.
    """
    field = ".".join(str(part) for part in path if isinstance(part, int) or part in known)
    problem = "has an unknown field, remove it" if error["type"] == "extra_forbidden" else error["msg"]
    return Errors.ZT508.format(field=field or "the top level", problem=problem.removeprefix("Value error, "))
