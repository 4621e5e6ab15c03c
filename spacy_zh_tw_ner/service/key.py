"""Check the API key of a request, if the service has one."""

import hmac
from collections.abc import Callable
from typing import Annotated, Any, TypeAlias

from fastapi import Security
from fastapi.security import APIKeyHeader, HTTPAuthorizationCredentials, HTTPBearer

from ..errors import Errors
from .http_errors import Refusal

BEARER = HTTPBearer(auto_error=False)
HEADER = APIKeyHeader(name="X-API-Key", auto_error=False, description="For clients that have no Bearer.")
CheckT: TypeAlias = Callable[..., Any]


def key_checker(key: str) -> CheckT:
    """Make a dependency of routes that refuses, with 401, whoever does not send the key.

    key (str): The key; empty for a service that wants none, and says so in its description.
    RETURNS (Callable): The dependency.
    """

    async def check(
        bearer: Annotated[HTTPAuthorizationCredentials | None, Security(BEARER)],
        header: Annotated[str | None, Security(HEADER)],
    ) -> None:
        sent = bearer.credentials if bearer is not None else header
        # As bytes, which headers are (shown as Latin-1), and in constant time, which tells nothing.
        if sent is None or not hmac.compare_digest(sent.encode("latin-1"), key.encode()):
            raise Refusal(401, Errors.ZT514.format(seen="none came" if sent is None else "another one came"))

    return check if key else _anybody


async def _anybody() -> None:
    """Ask for nothing. Not a plain function: each call of one would go through a thread pool."""
