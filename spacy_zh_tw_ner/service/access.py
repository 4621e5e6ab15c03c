"""Check API keys; and ASGI middleware: admission limits, access log, metrics, and security headers."""

import asyncio
import hmac
import logging
import time
import traceback
from collections.abc import Callable, Sequence
from typing import Annotated, Any, TypeAlias
from uuid import uuid4

from fastapi import Security
from fastapi.security import APIKeyHeader, HTTPAuthorizationCredentials, HTTPBearer
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..errors import Errors
from .connections import CONNECTION
from .http_errors import ClientGone, Refusal
from .metrics import Metrics

# Scripts and styles of our own files alone, no connection to elsewhere, and no string ever becomes markup.
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
# Answered under any load, so that a cluster does not restart a service because it is busy.
PROBES = frozenset({"/healthz", "/readyz", "/metrics"})
# Requested by address, not by name: a kubelet sends the address of the pod as `Host`.
ANY_HOST = frozenset({"/healthz", "/readyz"})
BEARER = HTTPBearer(auto_error=False)
HEADER = APIKeyHeader(name="X-API-Key", auto_error=False, description="For clients that have no Bearer.")
CheckT: TypeAlias = Callable[..., Any]
METHODS = ("GET", "POST", "HEAD", "OPTIONS")
log = logging.getLogger(__name__)


def key_checker(key: str) -> CheckT:
    """Make a dependency of routes that refuses, with 401, requests without the key.

    key (str): The key; empty for a service without one, whose OpenAPI document then has none.
    RETURNS (Callable): The dependency.
    """

    async def check(
        bearer: Annotated[HTTPAuthorizationCredentials | None, Security(BEARER)],
        header: Annotated[str | None, Security(HEADER)],
    ) -> None:
        sent = bearer.credentials if bearer is not None else header
        # Headers are bytes, decoded as Latin-1. Comparison in constant time reveals nothing about the key.
        if sent is None or not hmac.compare_digest(sent.encode("latin-1"), key.encode()):
            raise Refusal(401, Errors.ZT514.format(seen="none came" if sent is None else "another one came"))

    return check if key else _accept_all


async def _accept_all() -> None:
    """Accept all. It is a coroutine, since FastAPI calls plain functions in a thread pool."""


class Access:
    """ASGI middleware. The log has method, route, status and time of a request, and nothing that a client wrote.

    app (ASGIApp): The application.
    metrics (Metrics): Counts requests.
    max_requests (int): Requests at a time; more get 429. Probes are not counted.
    hosts (Sequence[str]): Names that `Host` may have, "*.example.tw" for all below it; empty for any.
    """

    def __init__(self, app: ASGIApp, *, metrics: Metrics, max_requests: int, hosts: Sequence[str] = ()) -> None:
        self._app, self._metrics, self._max_requests = app, metrics, max_requests
        self._hosts = tuple(host.lower() for host in hosts)
        self._held = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
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
            # The drain time is over. If this were raised, uvicorn would log an error with a traceback.
            exchange.gone = True
            if connection is not None:
                connection.transport.abort()
                await asyncio.sleep(0)
        except Exception as error:
            failure = _unexpected(error)
            if not exchange.status:
                await failure.response()(scope, exchange.receive, exchange.send)
            exchange.status = 500  # for the log, even if another status has been sent
        finally:
            self._held -= not is_probe
            if connection is not None:
                connection.end_request()
            self._report(scope, exchange)

    def _refusal(self, scope: Scope, is_probe: bool) -> Refusal | None:
        if self._hosts and scope["path"] not in ANY_HOST and not self._accepts_host(scope):
            return Refusal(400, Errors.ZT565)
        if self._held > self._max_requests and not is_probe:
            return Refusal(429, Errors.ZT510.format(seconds=1), retry_after=1)
        return None

    def _accepts_host(self, scope: Scope) -> bool:
        sent = next((value for name, value in scope["headers"] if name == b"host"), b"").decode("latin-1").lower()
        name = sent.partition("]")[0].removeprefix("[") if sent.startswith("[") else sent.partition(":")[0]
        return any(name == host or (host.startswith("*.") and name.endswith(host[1:])) for host in self._hosts)

    def _report(self, scope: Scope, exchange: "_Exchange") -> None:
        seconds = time.perf_counter() - exchange.start
        status = exchange.final_status
        # Routes, not paths: clients choose paths, so their number is unlimited.
        route = getattr(scope.get("route"), "path", "other")
        self._metrics.requests.labels(route, str(status)).inc()
        self._metrics.seconds.labels(route).observe(seconds)
        method = scope["method"] if scope["method"] in METHODS else "other"
        log.info("%s %s %d %.1f ms", method, route, status, seconds * 1000)


class _Exchange:
    """Observe the messages of a request: the status, and whether the client disconnected before the end."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive, self._send = receive, send
        self.start = time.perf_counter()
        self.status, self.gone, self._complete = 0, False, False

    @property
    def final_status(self) -> int:
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
    """Log where it happened, without the error's message, which may quote a text."""
    id_ = uuid4().hex[:8]
    frames = "; ".join(f"{f.filename}:{f.lineno} {f.name}" for f in traceback.extract_tb(error.__traceback__)[-5:])
    log.error("%s: %s at %s", id_, type(error).__name__, frames)
    return Refusal(500, Errors.ZT519.format(id=id_))
