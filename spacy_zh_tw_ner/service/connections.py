"""Limit connections: their number, the time for request headers, and the rate at which clients read responses.

A connection is *waiting* while it has no request in progress: the client has sent nothing, or part of the headers. A
connection that waits longer than the header timeout is closed. If the limit of connections is reached and a new one
arrives, the connection that has waited longest is closed. So clients that open connections and send nothing (slowloris)
cannot keep other clients out, and file descriptors cannot run out:

    limit of open files ≥ files open at start + connections + ARRIVING + FILES

ARRIVING is the largest number of connections that are accepted and not yet in the pool, or dropped and not yet closed.
FILES is the number of descriptors reserved for temporary files of long texts, and for the loading of pipelines.
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

from ..errors import Errors, ServiceError, Warnings
from .http_errors import Refusal

MAX_HEADER = 32_768  # bytes of a request line with its headers
BLOCK = 8_192  # bytes parsed at a time before a request begins
MAX_IGNORED = 16 << 20  # bytes of a body that are received after its request was refused
MIN_RATE = 1_024  # bytes per second at which a client must read a response
WATERMARK = 49_152  # bytes sent between pause and resume of writing: asyncio's buffer falls from 64 KiB to 16 KiB
ACCEPTS = 2  # connections accepted per turn of the event loop
ARRIVING = 16 * ACCEPTS  # connections accepted and not yet in the pool, or dropped and not yet closed by asyncio
SPARE = 16  # connections beyond the allowed requests, for probes and for requests that get 429
FILES = 16  # file descriptors reserved for temporary files of long texts, and for loading pipelines
SWEEP = 0.5  # seconds between checks of all connections
# Connection of the request that the current asyncio task handles; None if another server runs the application.
CONNECTION: ContextVar["Connection | None"] = ContextVar("zh_tw_ner_connection", default=None)


class ConnectionPool:
    """Set of all open connections, which closes those that exceed a limit.

    limit (int): Largest number of open connections.
    header_timeout (float): Seconds in which the headers of a request must arrive, counted from the start of the
        connection or the end of its last response.
    write_timeout (float): Seconds over which a client must read at least MIN_RATE bytes per second of a response.
    on_drop (Callable[[str], None]): Called when a connection is closed, with the exceeded limit: "limit" (number of
        connections), "header", "write" (reads too slowly) or "invalid" (not HTTP, or too much data).
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
        self._waiting: OrderedDict[Connection, float] = OrderedDict()  # → time when the wait began, oldest first
        self._busy: set[Connection] = set()

    def __len__(self) -> int:
        return len(self._waiting) + len(self._busy)

    def add(self, connection: "Connection") -> None:
        """Add a new connection as waiting. At the limit, close the one that has waited longest before.

        If none is waiting at the limit, the new connection is added nevertheless.
        """
        if len(self) >= self.limit and self._waiting:
            oldest = next(iter(self._waiting))
            self.drop(oldest, "limit")
        self.waits(connection)

    def waits(self, connection: "Connection") -> None:
        """Mark a connection as waiting: no request is in progress."""
        self._busy.discard(connection)
        self._waiting[connection] = time.monotonic()
        self._waiting.move_to_end(connection)

    def works(self, connection: "Connection") -> None:
        """Mark a connection as busy: a request has begun."""
        if self._waiting.pop(connection, None) is not None:
            self._busy.add(connection)

    def remove(self, connection: "Connection") -> None:
        """Remove a closed connection. Nothing happens if it is not in the pool."""
        self._waiting.pop(connection, None)
        self._busy.discard(connection)

    def drop(self, connection: "Connection", reason: str) -> None:
        """Abort a connection: remove it from the pool, close it at once, and discard buffered data.

        connection (Connection): A connection of the pool.
        reason (str): The exceeded limit, passed to `on_drop`.
        """
        self.remove(connection)
        self.on_drop(reason)
        connection.transport.abort()

    def sweep(self) -> None:
        """Close connections that exceed the header timeout, or whose clients read a response too slowly."""
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
        """Call `sweep` every SWEEP seconds until the task is cancelled."""
        while True:
            await asyncio.sleep(SWEEP)
            self.sweep()


class Connection(H11Protocol):
    """HTTP/1.1 connection of uvicorn that belongs to a pool, whose limits apply to it.

    It overrides methods of `asyncio.Protocol`, and uvicorn's method that answers invalid requests.

    pool (ConnectionPool): The pool that holds this connection while it is open.
    options (Any): Arguments of uvicorn's `H11Protocol`.
    """

    def __init__(self, *, pool: ConnectionPool, **options: Any) -> None:
        super().__init__(**options)
        self._pool = pool
        self._requests = 0  # requests in progress; more than one if the client pipelines them
        self._ignored = 0  # bytes received since the last request ended
        self._unsent, self._taken = 0, 0  # bytes in the write buffer, and bytes the client read since `_slow_since`
        self._slow_since: float | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Add the new connection to the pool."""
        super().connection_made(transport)
        self._pool.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Remove the closed connection from the pool."""
        self._pool.remove(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse received bytes.

        Before a request begins, the bytes are parsed in blocks of BLOCK bytes. After each block, the length of the
        headers is compared with its limit. So at most one block beyond the limit is parsed.
        """
        token = CONNECTION.set(self)
        try:
            if self._requests:
                super().data_received(data)
                return
            self._ignored += len(data)
            if self._ignored > MAX_IGNORED:
                self._pool.drop(self, "invalid")
                return
            for start in range(0, len(data), BLOCK):
                if not self.transport.is_closing():
                    super().data_received(data[start : start + BLOCK])
        finally:
            CONNECTION.reset(token)

    def resume_writing(self) -> None:
        """Record that the client has read WATERMARK more bytes of the response, and continue to write.

        asyncio stops writing when its buffer is full to an upper limit, and calls this method when the buffer has
        fallen to the lower limit. The difference is WATERMARK.
        """
        self._taken += WATERMARK
        super().resume_writing()

    def begin_request(self) -> None:
        """Add one to the requests in progress, and mark the connection as busy.

        The middleware in `access` calls it for each request.
        """
        self._requests += 1
        self._pool.works(self)

    def end_request(self) -> None:
        """Subtract one from the requests in progress; after the last one, mark the connection as waiting.

        uvicorn calls it when the response is sent, or the client has disconnected.
        """
        self._requests -= 1
        self._ignored = 0
        if not self._requests and not self.transport.is_closing():
            self._pool.waits(self)

    def is_stalled(self, now: float) -> bool:
        """Return whether the client has read less than MIN_RATE bytes per second over the write timeout.

        now (float): Current time in seconds (`time.monotonic`).
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
        """Close a connection whose headers are late; send a 408 response if part of them was received.

        `ConnectionPool.sweep` calls it.
        """
        if self._ignored and not self._requests and not self.transport.get_write_buffer_size():
            self._answer(HTTPStatus.REQUEST_TIMEOUT, Errors.ZT564.format(seconds=self._pool.header_timeout))
        else:
            self.transport.abort()

    def send_400_response(self, msg: str) -> None:
        """Answer invalid HTTP with 400, and headers that are too long with 431. uvicorn calls it on a parse error.

        msg (str): uvicorn's description of the error, which is not used.
        """
        self._pool.on_drop("invalid")
        if self._requests:
            self.transport.abort()
        elif getattr(sys.exc_info()[1], "error_status_hint", 400) == HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE:
            self._answer(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, Errors.ZT563.format(limit=MAX_HEADER))
        else:
            self._answer(HTTPStatus.BAD_REQUEST, Errors.ZT566)

    def _answer(self, status: HTTPStatus, message: str) -> None:
        """Send an error response with a JSON body although no request was parsed, and close the connection."""
        body = json.dumps(Refusal(status, message).body).encode()
        head = (
            f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\nX-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()


def fit_to_open_files(max_connections: int, max_requests: int, warn: Callable[[str], None]) -> tuple[int, int]:
    """Reduce the limits of connections and requests to what the system's limit of open files allows.

    max_connections (int): Configured limit of open connections.
    max_requests (int): Configured limit of concurrent requests.
    warn (Callable[[str], None]): Called with a message if a limit is reduced.
    RETURNS (tuple[int, int]): Largest number of connections, and largest number of requests. There are at least SPARE
        more connections than requests.
    RAISES (ServiceError): If the limit of open files allows fewer than 2 × SPARE connections.
    """
    connections = max(max_connections, max_requests + SPARE)
    open_files, limit = _open_files()
    if limit is None or open_files + connections + ARRIVING + FILES <= limit:
        return connections, max_requests
    allowed = limit - open_files - ARRIVING - FILES
    if allowed < 2 * SPARE:
        raise ServiceError(Errors.ZT567.format(limit=limit, needed=limit - allowed + 2 * SPARE))
    requests = min(max_requests, allowed - SPARE)
    warn(Warnings.ZT960.format(limit=limit, connections=allowed, requests=requests))
    return allowed, requests


def _open_files() -> tuple[int, int | None]:
    """Return the number of open files of this process, and the limit of open files (None: no limit)."""
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
