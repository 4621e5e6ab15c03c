"""Limit connections: their number, the time for request headers, and the rate at which responses are read.

A connection is *waiting* while no request of it is being answered: nothing, or only a part of a header, has come. It
may wait for so long only, and where there are too many connections, the one that has waited longest is closed. So
clients that open connections and send nothing cannot keep others out, and file descriptors never run out:

    limit of open files ≥ open at start + connections + ARRIVING + FILES
"""

import asyncio
import json
import os
import sys
import time
from collections import OrderedDict
from collections.abc import Callable
from contextvars import ContextVar
from http import HTTPStatus
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

from ..errors import Errors, Warnings

MAX_HEADER = 32_768  # bytes of a request line with its headers
PIECE = 8_192  # bytes that are parsed at a time before a request begins
MAX_IGNORED = 16 << 20  # bytes of a body that are received after its request was refused
MIN_RATE = 1_024  # bytes a second that a client must take of an answer
WATERMARK = 49_152  # bytes that have gone out at least when asyncio resumes writing: from 64 KiB down to 16 KiB
ACCEPTS = 2  # connections that are accepted in one turn of the event loop
ARRIVING = 16 * ACCEPTS  # accepted and not in the pool yet, or dropped and not closed yet: asyncio needs some turns
SPARE = 16  # connections beyond the requests that may be held, for probes and for requests that are refused
FILES = 16  # file descriptors for temporary files of long texts, and for pipelines that are loaded
SWEEP = 0.5  # seconds between two looks at all connections
# The connection on which the request of the present task came, None where another server runs the application.
CONNECTION: ContextVar["Connection | None"] = ContextVar("zh_tw_ner_connection", default=None)


class ConnectionPool:
    """All open connections.

    limit (int): How many may be open.
    header_timeout (float): Seconds for a request's headers, from the connection or the answer before.
    write_timeout (float): Seconds in which a client must take MIN_RATE bytes a second of what waits for it.
    on_drop (Callable[[str], None]): Called with the reason whenever a connection is closed for one of the limits:
        "limit", "header", "write" or "invalid".
    """

    def __init__(
        self,
        limit: int,
        *,
        header_timeout: float,
        write_timeout: float,
        on_drop: Callable[[str], None] = lambda reason: None,
    ) -> None:
        self.limit, self.header_timeout, self.write_timeout = limit, header_timeout, write_timeout
        self.on_drop = on_drop
        self._waiting: OrderedDict[Connection, float] = OrderedDict()  # since when; the oldest first
        self._busy: set[Connection] = set()

    def __len__(self) -> int:
        return len(self._waiting) + len(self._busy)

    def add(self, connection: "Connection") -> None:
        """Take in a new connection, in place of the one that has waited longest if there are too many."""
        if len(self) >= self.limit and self._waiting:
            oldest = next(iter(self._waiting))
            self.drop(oldest, "limit")
        self.waits(connection)

    def waits(self, connection: "Connection") -> None:
        """Note that a connection has no request."""
        self._busy.discard(connection)
        self._waiting[connection] = time.monotonic()
        self._waiting.move_to_end(connection)

    def works(self, connection: "Connection") -> None:
        """Note that a request has begun."""
        if self._waiting.pop(connection, None) is not None:
            self._busy.add(connection)

    def remove(self, connection: "Connection") -> None:
        """Forget a connection that is closed."""
        self._waiting.pop(connection, None)
        self._busy.discard(connection)

    def drop(self, connection: "Connection", reason: str) -> None:
        """Close a connection without waiting for its client."""
        self.remove(connection)
        self.on_drop(reason)
        connection.transport.abort()

    def sweep(self) -> None:
        """Close connections that have waited too long, and those whose clients do not read."""
        now = time.monotonic()
        for connection, since in list(self._waiting.items()):
            if now - since <= self.header_timeout:
                break
            connection.refuse_late_header()
            self.remove(connection)
            self.on_drop("header")
        for connection in [*self._waiting, *self._busy]:
            if connection.is_stalled(now):
                self.drop(connection, "write")

    async def sweep_forever(self) -> None:
        """Sweep until the task is cancelled."""
        while True:
            await asyncio.sleep(SWEEP)
            self.sweep()


class Connection(H11Protocol):
    """A connection of uvicorn with limits.

    It overrides methods of `asyncio.Protocol`, and one hook of uvicorn that says what an invalid request is answered.

    pool (ConnectionPool): Where it belongs.
    options (Any): What uvicorn gives its protocols.
    """

    def __init__(self, *, pool: ConnectionPool, **options: Any) -> None:
        super().__init__(**options)
        self._pool = pool
        self._requests = 0  # that are being answered; more than one where requests are pipelined
        self._ignored = 0  # bytes since the last request ended
        self._unsent, self._taken = 0, 0  # bytes that wait to be sent, and that went out since `_slow_since`
        self._slow_since: float | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Join the pool."""
        super().connection_made(transport)
        self._pool.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Leave it."""
        self._pool.remove(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse in small pieces until a request begins, so that headers are not read beyond their limit."""
        token = CONNECTION.set(self)
        try:
            if self._requests:
                super().data_received(data)
                return
            self._ignored += len(data)
            if self._ignored > MAX_IGNORED:
                self._pool.drop(self, "invalid")
                return
            for start in range(0, len(data), PIECE):
                if not self.transport.is_closing():
                    super().data_received(data[start : start + PIECE])
        finally:
            CONNECTION.reset(token)

    def resume_writing(self) -> None:
        """Count what has gone out while writing was paused."""
        self._taken += WATERMARK
        super().resume_writing()

    def begin_request(self) -> None:
        """Note that a request is being answered."""
        self._requests += 1
        self._pool.works(self)

    def end_request(self) -> None:
        """Note that it is answered, or given up."""
        self._requests -= 1
        self._ignored = 0
        if not self._requests and not self.transport.is_closing():
            self._pool.waits(self)

    def is_stalled(self, now: float) -> bool:
        """Return whether the client takes its answer too slowly, or not at all.

        now (float): Seconds of the monotonic clock.
        """
        unsent = self.transport.get_write_buffer_size()
        if not unsent:
            self._slow_since = None
            return False
        if self._slow_since is None:
            self._slow_since, self._taken = now, 0
        else:
            self._taken += max(0, self._unsent - unsent)
        self._unsent = unsent
        if now - self._slow_since <= self._pool.write_timeout:
            return False
        if self._taken < MIN_RATE * self._pool.write_timeout:
            return True
        self._slow_since, self._taken = now, 0
        return False

    def refuse_late_header(self) -> None:
        """Close, after an answer where a part of a header has come."""
        if self._ignored and not self._requests and not self.transport.get_write_buffer_size():
            self._answer(HTTPStatus.REQUEST_TIMEOUT, Errors.ZT564.format(seconds=self._pool.header_timeout))
        else:
            self.transport.abort()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is not HTTP, or has headers beyond the limit; called by uvicorn while it handles the error."""
        self._pool.on_drop("invalid")
        if self._requests:
            self.transport.abort()
        elif getattr(sys.exc_info()[1], "error_status_hint", 400) == HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE:
            self._answer(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, Errors.ZT563.format(limit=MAX_HEADER))
        else:
            self._answer(HTTPStatus.BAD_REQUEST, Errors.ZT566)

    def _answer(self, status: HTTPStatus, message: str) -> None:
        """Answer without a request, and close."""
        body = json.dumps({"error": {"code": message[1 : message.index("]")], "message": message}}).encode()
        head = (
            f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\nX-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()


def fit_to_open_files(max_connections: int, max_requests: int, warn: Callable[[str], None]) -> tuple[int, int]:
    """Lower limits that the system's limit of open files does not allow.

    max_connections (int), max_requests (int): As they were asked for.
    warn (Callable[[str], None]): Called with a message where they are lowered.
    RETURNS (tuple[int, int]): Connections, and requests that are held; always fewer of these.
    RAISES (ValueError): Where the limit of open files leaves no room for a service.
    """
    connections = max(max_connections, max_requests + SPARE)
    open_files, limit = _open_files()
    if limit is None or open_files + connections + ARRIVING + FILES <= limit:
        return connections, max_requests
    allowed = limit - open_files - ARRIVING - FILES
    if allowed < 2 * SPARE:
        raise ValueError(Errors.ZT567.format(limit=limit, needed=limit - allowed + 2 * SPARE))
    requests = min(max_requests, allowed - SPARE)
    warn(Warnings.ZT960.format(limit=limit, connections=allowed, requests=requests))
    return allowed, requests


def _open_files() -> tuple[int, int | None]:
    """Count this process' open files, and look up their limit; None where there is no such limit."""
    if sys.platform == "win32":
        return 0, None
    import resource

    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    folder = "/proc/self/fd" if os.path.isdir("/proc/self/fd") else "/dev/fd"
    try:
        n_open = len(os.listdir(folder))
    except OSError:
        n_open = 64
    return n_open, None if soft == resource.RLIM_INFINITY else soft
