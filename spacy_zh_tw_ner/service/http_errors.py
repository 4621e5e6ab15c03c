"""HTTP errors: a 4xx or 5xx status, a code and a message without any text of the request."""

from collections.abc import Mapping, Sequence, Set
from typing import Any

from fastapi.responses import JSONResponse

from ..errors import Errors, ServiceError


class ClientGone(Exception):
    """The client disconnected before its response was complete."""


class Refusal(ServiceError):
    """A response with an error.

    status (int): HTTP status.
    message (str): A message of `Errors`.
    retry_after (Optional[int]): Seconds after which the client may try again.
    """

    def __init__(self, status: int, message: str, retry_after: int | None = None) -> None:
        super().__init__(message)
        self.status, self.retry_after = status, retry_after

    @property
    def body(self) -> dict[str, dict[str, str]]:
        """JSON object of the response."""
        return {"error": {"code": self.code, "message": str(self)}}

    def response(self) -> JSONResponse:
        """Return the response."""
        headers = {} if self.retry_after is None else {"Retry-After": str(self.retry_after)}
        if self.status == 401:
            headers["WWW-Authenticate"] = "Bearer"
        return JSONResponse(self.body, self.status, headers)


def describe_invalid(path: Sequence[int | str], error: Mapping[str, Any], known: Set[str]) -> str:
    """Describe an error of pydantic. Field names are quoted only if they are ours: a client may choose any.

    path (Sequence[int | str]): Place of the invalid value.
    error (Mapping[str, Any]): Has `type` and `msg`.
    known (Set[str]): Names of our fields.
    RETURNS (str): A message of `Errors`.
    """
    field = ".".join(str(part) for part in path if isinstance(part, int) or part in known)
    problem = "a field that is not known" if error["type"] == "extra_forbidden" else error["msg"]
    return Errors.ZT508.format(field=field or "the body", problem=problem.removeprefix("Value error, "))
