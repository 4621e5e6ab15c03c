"""Around every request: how many at a time, what is logged and counted, and the headers that keep browsers safe."""

import logging
import time
import traceback
from uuid import uuid4

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..errors import Errors
from .metrics import Metrics
from .refusals import ClientGone, Refusal

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
log = logging.getLogger(__name__)


class Access:
    """ASGI middleware; a line of its log holds method, route, status and time, and nothing that a client wrote.

    app (ASGIApp): What answers.
    metrics (Metrics): What counts.
    max_requests (int): Requests that are held at a time; more get 429.
    """

    def __init__(self, app: ASGIApp, *, metrics: Metrics, max_requests: int) -> None:
        self._app, self._metrics, self._max_requests = app, metrics, max_requests
        self._held = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status, start = 0, time.perf_counter()

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message = {**message, "headers": [*message.get("headers", ()), *HEADERS]}
            await send(message)

        self._held += 1
        try:
            if self._held > self._max_requests:
                await Refusal(429, Errors.ZT510.format(seconds=1), retry_after=1).response()(scope, receive, watched)
            else:
                await self._app(scope, receive, watched)
        except ClientGone:
            status = CLIENT_GONE
        except Exception as error:
            if status:  # too late for another answer
                status = 500
            else:
                await _unexpected(error).response()(scope, receive, watched)
        finally:
            self._held -= 1
            seconds = time.perf_counter() - start
            # Paths are the client's and without number; routes are ours.
            route = getattr(scope.get("route"), "path", "other")
            self._metrics.requests.labels(route, str(status or CLIENT_GONE)).inc()
            self._metrics.seconds.labels(route).observe(seconds)
            method = scope["method"] if scope["method"] in ("GET", "POST", "HEAD", "OPTIONS") else "other"
            log.info("%s %s %d %.1f ms", method, route, status or CLIENT_GONE, seconds * 1000)


def _unexpected(error: Exception) -> Refusal:
    """Log where it happened, without the error's message, which may quote a text."""
    id_ = uuid4().hex[:8]
    frames = "; ".join(f"{f.filename}:{f.lineno} {f.name}" for f in traceback.extract_tb(error.__traceback__)[-5:])
    log.error("%s: %s at %s", id_, type(error).__name__, frames)
    return Refusal(500, Errors.ZT519.format(id=id_))
