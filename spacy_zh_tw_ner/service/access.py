"""API key check, and ASGI middleware for the limit of concurrent requests, access log, metrics and security headers."""

import asyncio
import hmac
import logging
import time
import traceback
from collections.abc import Callable, Sequence
from typing import Annotated, Any, TypeAlias
from uuid import uuid4

from fastapi import Depends, HTTPException, Request, Security
from fastapi.security import APIKeyHeader, HTTPAuthorizationCredentials, HTTPBasic, HTTPBearer
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..errors import Errors
from .connections import CONNECTION
from .http_errors import ClientGone, Refusal
from .metrics import Metrics

# Pages load scripts and styles from this service only, connect to no other host, and never turn a string into HTML.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
HEADERS = [
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-cache"),
]
CLIENT_GONE = 499
# Exempt from the limit of concurrent requests: a cluster would restart a busy service whose probes get 429.
PROBES = frozenset({"/healthz", "/readyz", "/metrics"})
# Exempt from the check of `Host`: a kubelet sends the IP address of the pod, not a host name.
ANY_HOST = frozenset({"/healthz", "/readyz"})
BEARER = HTTPBearer(auto_error=False)
BASIC = HTTPBasic(auto_error=False)
HEADER = APIKeyHeader(name="X-API-Key", auto_error=False, description="For clients that cannot send `Authorization`.")
CheckT: TypeAlias = Callable[..., Any]
METHODS = ("GET", "POST", "HEAD", "OPTIONS")
log = logging.getLogger(__name__)


def key_checker(key: str, *, basic: bool = False) -> CheckT:
    """Create the FastAPI dependency that checks the API key of a request.

    key (str): The API key. Empty: all requests are accepted, and the OpenAPI document has no security scheme.
    basic (bool): Also accept the key as the password of basic authentication, for clients that support nothing else.
    RETURNS (Callable): The dependency. It raises a `Refusal` with status 401 if the key is missing or wrong.
    """

    async def check(
        bearer: Annotated[HTTPAuthorizationCredentials | None, Security(BEARER)],
        header: Annotated[str | None, Security(HEADER)],
    ) -> None:
        # Headers are bytes, decoded as Latin-1.
        _check_key(bearer.credentials if bearer is not None else header, key, "latin-1")

    async def check_with_basic(
        bearer: Annotated[HTTPAuthorizationCredentials | None, Security(BEARER)],
        header: Annotated[str | None, Security(HEADER)],
        password: Annotated[str | None, Depends(_basic_password)],
    ) -> None:
        if password is not None:
            _check_key(password, key, "utf-8")
        else:
            await check(bearer, header)

    if not key:
        return _accept_all
    return check_with_basic if basic else check


async def _basic_password(request: Request) -> str | None:
    """Return the password that a request sends by HTTP basic authentication.

    RETURNS (Optional[str]): The password; None if the request does not use basic authentication, or if its
        `Authorization` header is invalid.
    """
    try:
        credentials = await BASIC(request)
    except HTTPException:
        return None
    return None if credentials is None else credentials.password


def _check_key(sent: str | None, key: str, codec: str) -> None:
    """Raise a `Refusal` with status 401 unless the client sent the right API key.

    sent (Optional[str]): The key that the client sent; None if it sent none.
    key (str): The API key of the service.
    codec (str): Codec that encodes `sent` to bytes for the comparison: "latin-1" for headers, else "utf-8".
    """
    # Comparison in constant time reveals nothing about the key.
    if sent is None or not hmac.compare_digest(sent.encode(codec), key.encode()):
        raise Refusal(
            401, Errors.ZT514.format(seen="the request has none" if sent is None else "the one sent is wrong")
        )


async def _accept_all() -> None:
    """Accept every request. A coroutine, because FastAPI would call a plain function in a thread pool."""


class Access:
    """ASGI middleware: check `Host` and the number of concurrent requests, log and count requests, add headers.

    The access log contains the method, route, status and duration of each request. It contains no path, query string,
    header or body, because clients choose these.

    app (ASGIApp): The application that answers accepted requests.
    metrics (Metrics): Counts requests and measures their time.
    max_requests (int): Largest number of concurrent requests; further requests get 429. Requests for health and
        metrics (PROBES) are not counted.
    hosts (Sequence[str]): Accepted values of the `Host` header; others get 400. "*.example.tw" accepts all subdomains.
        Empty: any host is accepted.
    """

    def __init__(self, app: ASGIApp, *, metrics: Metrics, max_requests: int, hosts: Sequence[str] = ()) -> None:
        self._app, self._metrics, self._max_requests = app, metrics, max_requests
        self._hosts = tuple(host.lower() for host in hosts)
        self._held = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request (ASGI interface): refuse it, or pass it to the application; then log and count it.

        An unexpected error of the application is logged, and becomes a response with status 500 if none has begun. All
        other kinds of scopes, such as "lifespan", are passed to the application unchanged.
        """
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        exchange = _Exchange(receive, send)
        connection, is_probe = CONNECTION.get(), scope["path"] in PROBES
        self._held += not is_probe
        if connection is not None:
            connection.begin_request()
        try:
            refusal = self._refusal(scope, is_probe)
            app = self._app if refusal is None else refusal.response()
            await app(scope, exchange.receive, exchange.send)
        except (ClientGone, ClientDisconnect):
            exchange.gone = True
        except asyncio.CancelledError:
            # Cancelled by the shutdown after the drain time. Not raised: uvicorn would log an error with a traceback.
            exchange.gone = True
            if connection is not None:
                connection.transport.abort()
                await asyncio.sleep(0)
        except Exception as error:
            failure = _unexpected(error)
            if not exchange.status:
                await failure.response()(scope, exchange.receive, exchange.send)
            exchange.status = 500  # logged as a failure, even if another status has already been sent
        finally:
            self._held -= not is_probe
            if connection is not None:
                connection.end_request()
            self._report(scope, exchange)

    def _refusal(self, scope: Scope, is_probe: bool) -> Refusal | None:
        """Return the error response for a request that is not accepted; None if it is accepted.

        The status is 400 for a forbidden `Host`, and 429 for more than `max_requests` concurrent requests, this request
        included.

        scope (Scope): The ASGI scope of the request.
        is_probe (bool): Whether the request is for health or metrics. Such requests never get 429.
        """
        if self._hosts and scope["path"] not in ANY_HOST and not self._accepts_host(scope):
            return Refusal(400, Errors.ZT565)
        if self._held > self._max_requests and not is_probe:
            return Refusal(429, Errors.ZT510.format(seconds=1), retry_after=1)
        return None

    def _accepts_host(self, scope: Scope) -> bool:
        """Return whether the `Host` header, without its port, matches one of the allowed hosts."""
        sent = next((value for name, value in scope["headers"] if name == b"host"), b"").decode("latin-1").lower()
        name = sent.partition("]")[0].removeprefix("[") if sent.startswith("[") else sent.partition(":")[0]
        return any(name == host or (host.startswith("*.") and name.endswith(host[1:])) for host in self._hosts)

    def _report(self, scope: Scope, exchange: "_Exchange") -> None:
        """Count the request in the metrics, and write one line to the access log."""
        seconds = time.perf_counter() - exchange.start
        status = exchange.final_status
        # Routes, not paths: clients choose paths, so their number is unlimited.
        route = getattr(scope.get("route"), "path", "other")
        self._metrics.requests.labels(route, str(status)).inc()
        self._metrics.seconds.labels(route).observe(seconds)
        method = scope["method"] if scope["method"] in METHODS else "other"
        log.info("%s %s %d %.1f ms", method, route, status, seconds * 1000)


class _Exchange:
    """Wrapper of the ASGI `receive` and `send` of a request, to record the status and a disconnection of the client.

    A disconnection after the complete response is not recorded. `send` also adds the security headers.
    """

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive, self._send = receive, send
        self.start = time.perf_counter()
        self.status, self.gone, self._complete = 0, False, False

    @property
    def final_status(self) -> int:
        """Return the status for log and metrics: 499 if the client left before the end of the response."""
        return CLIENT_GONE if self.gone or not self.status else self.status

    async def receive(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.disconnect" and not self._complete:
            self.gone = True
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message = {**message, "headers": [*message.get("headers", ()), *HEADERS]}
        elif message["type"] == "http.response.body" and not message.get("more_body"):
            self._complete = True
        await self._send(message)


def _unexpected(error: Exception) -> Refusal:
    """Log the type and stack frames of an unexpected error, and return a 500 response with the id of the log entry.

    The message of the error is not logged, because it may quote the text of a request.
    """
    id_ = uuid4().hex[:8]
    frames = "; ".join(f"{f.filename}:{f.lineno} {f.name}" for f in traceback.extract_tb(error.__traceback__)[-5:])
    log.error("%s: %s at %s", id_, type(error).__name__, frames)
    return Refusal(500, Errors.ZT519.format(id=id_))
