"""The key that clients must send, where the service wants one."""

import hmac
from collections.abc import Callable
from typing import Annotated, TypeAlias

from fastapi import Security
from fastapi.security import APIKeyHeader, HTTPAuthorizationCredentials, HTTPBearer

from ..errors import Errors
from .refusals import Refusal

CheckT: TypeAlias = Callable[[HTTPAuthorizationCredentials | None, str | None], None]
BEARER = HTTPBearer(auto_error=False, description="The service's key, where it wants one.")
HEADER = APIKeyHeader(name="X-API-Key", auto_error=False, description="The same, for clients that have no Bearer.")


def key_checker(key: str) -> CheckT:
    """Make a dependency of routes that refuses, with 401, whoever does not send this key; without one, nobody."""

    def check(
        bearer: Annotated[HTTPAuthorizationCredentials | None, Security(BEARER)],
        header: Annotated[str | None, Security(HEADER)],
    ) -> None:
        if not key:
            return
        sent = bearer.credentials if bearer is not None else header
        # As bytes, which headers are (shown as Latin-1), and in constant time, which tells nothing.
        if sent is None or not hmac.compare_digest(sent.encode("latin-1"), key.encode()):
            raise Refusal(401, Errors.ZT514.format(seen="none came" if sent is None else "another one came"))

    return check
