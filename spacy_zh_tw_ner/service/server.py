"""Start and stop the server: load pipelines, listen, and drain requests on shutdown."""

import asyncio
import errno
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import uvicorn

from ..errors import Errors, ServiceError, Warnings
from ..recognizers import load_recognizer
from .app import create_app
from .connections import ACCEPTS, MAX_HEADER, Connection, ConnectionPool, fit_to_open_files
from .engine import Engine
from .metrics import Metrics
from .model_cache import ModelCache
from .reloading import Reloader
from .settings import ServiceSettings

if TYPE_CHECKING:
    from fastapi import FastAPI

BACKLOG = 1_024  # connections that the operating system holds until they are accepted
CUT = 3.0  # seconds after the drain time in which 503 responses are sent, before connections are closed
SWITCH_INTERVAL = 0.001  # seconds after which the inference thread releases the GIL for the event loop
log = logging.getLogger(__name__)


def serve(
    sources: Mapping[str, str],
    settings: ServiceSettings,
    *,
    host: str,
    port: int,
    drain: float,
    threads: int = 0,
    gpu_id: int = -1,
) -> None:
    """Serve pipelines until SIGTERM or SIGINT; then refuse new requests, and answer accepted ones. SIGHUP reloads them.

    The port is reserved at once, and opened when the first pipeline is loaded.

    sources (Mapping[str, str]): Name → folder or package of a pipeline; the first is the default.
    settings (ServiceSettings): Limits, API key, and allowed origins and hosts.
    host (str): Address to listen on.
    port (int): Port to listen on; 0 for any free port.
    drain (float): Seconds to answer accepted requests on shutdown. Requests not answered by then get 503.
    threads (int): CPU threads for inference; 0 for the default of torch or ONNX Runtime.
    gpu_id (int): GPU id for spaCy pipelines, or -1 for the CPU.
    RAISES (ValueError, OSError): If the first pipeline cannot be loaded, or the port cannot be opened.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    with ExitStack() as stack:
        sockets = [stack.enter_context(listener) for listener in bind(host, port)]
        engine, metrics = create_engine(sources, settings, threads, gpu_id)
        stack.callback(engine.stop, 1.0)
        _run(engine, metrics, settings, sockets, host=host, drain=drain)
    log.info("All accepted requests are answered.")


def _run(
    engine: Engine,
    metrics: Metrics,
    settings: ServiceSettings,
    sockets: list[socket.socket],
    *,
    host: str,
    drain: float,
) -> None:
    """Reduce the limits to what the operating system allows, create the server, and run it until it is stopped.

    engine (Engine), metrics (Metrics): From `create_engine`.
    settings (ServiceSettings): Limits, API key, and allowed origins and hosts.
    sockets (list[socket.socket]): From `bind`.
    host (str): Address of the sockets, for messages.
    drain (float): Seconds to answer accepted requests on shutdown.
    """
    connections, requests = fit_to_open_files(settings.max_connections, settings.max_requests, log.warning)
    settings = replace(settings, max_connections=connections, max_requests=requests)
    needed, allowed = settings.max_chars / engine.speed, settings.seconds_for(settings.max_chars)
    if needed > allowed:
        log.warning(
            Warnings.ZT961.format(
                speed=engine.speed,
                chars=settings.max_chars,
                needed=needed,
                allowed=allowed,
                possible=max(1, int(settings.timeout * engine.speed)),
            )
        )
    sys.setswitchinterval(SWITCH_INTERVAL)
    reloader = Reloader(engine, settings)
    app = create_app(engine, settings, metrics, reloader)
    server = Server(app, engine, settings, metrics, drain=drain)
    if hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, lambda *_: threading.Thread(target=reloader.reload_all, daemon=True).start())
    # After its shutdown uvicorn raises the signal again; with the default handler the process would exit as failed.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    port = sockets[0].getsockname()[1]
    listen(sockets, host, port)
    log.info("Serving at http://%s:%d", f"[{host}]" if ":" in host else host, port)
    server.run(sockets)


class Server(uvicorn.Server):
    """uvicorn server with limits on connections. During shutdown, it still answers accepted requests and probes.

    app (FastAPI): The application.
    engine (Engine): When the drain time is over, its method `abandon` ends all requests that are not answered yet.
    settings (ServiceSettings): Limits of connections.
    metrics (Metrics): Counts open and dropped connections.
    drain (float): Seconds to answer accepted requests on shutdown. Requests not answered by then get 503.
    """

    def __init__(
        self, app: "FastAPI", engine: Engine, settings: ServiceSettings, metrics: Metrics, *, drain: float = 5.0
    ) -> None:
        self._engine, self._drain = engine, drain
        self.pool = ConnectionPool(
            settings.max_connections,
            header_timeout=settings.header_timeout,
            write_timeout=settings.write_timeout,
            on_drop=lambda reason: metrics.dropped.labels(reason).inc(),
        )
        metrics.watch_connections(self.pool)
        config = uvicorn.Config(
            app,
            # asyncio accepts at most `backlog` connections per turn of the loop, uvloop all that are waiting.
            loop="asyncio",
            http=partial(Connection, pool=self.pool),  # type: ignore[arg-type]  # uvicorn only calls it
            ws="none",
            workers=1,
            lifespan="off",
            backlog=ACCEPTS,
            h11_max_incomplete_event_size=MAX_HEADER,
            log_config=None,
            access_log=False,  # `Access` logs routes without query strings
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=max(1, round(drain + CUT)),
        )
        super().__init__(config)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start to listen on the sockets, and start the task that closes connections over their time limits.

        uvicorn calls it in `run`, with the sockets that were passed to `run`.
        """
        await super().startup(sockets)
        for listener in sockets or ():
            listener.listen(BACKLOG)
        self._sweeper = asyncio.ensure_future(self.pool.sweep_forever())

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Answer accepted requests. Requests that are not answered within the drain time get 503.

        uvicorn calls it after SIGTERM or SIGINT, with the sockets that were passed to `run`.
        """
        cut = asyncio.get_running_loop().call_later(self._drain, self._engine.abandon)
        await super().shutdown(sockets)
        cut.cancel()
        self._sweeper.cancel()


def bind(host: str, port: int) -> list[socket.socket]:
    """Bind a port at each address of a host name, without listening.

    host (str): Name or address of this machine.
    port (int): The port; 0 for any free port, the same at all addresses.
    RETURNS (list[socket.socket]): Bound sockets that do not listen yet.
    RAISES (ServiceError): If the host is not this machine, or the port is in use or needs privileges.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:
        raise ServiceError(Errors.ZT562.format(host=host, reason=_reason(error))) from None
    sockets: list[socket.socket] = []
    failed: OSError | None = None
    for family, kind, protocol, _, address in dict.fromkeys(found):
        try:
            listener = socket.socket(family, kind, protocol)
        except OSError as error:  # a system without IPv6
            failed = error
            continue
        try:
            if os.name == "posix":
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            chosen = port or (sockets[0].getsockname()[1] if sockets else 0)
            listener.bind((address[0], chosen, *address[2:]))
            listener.setblocking(False)
            sockets.append(listener)
        except (OSError, OverflowError) as error:
            listener.close()
            failed = error if isinstance(error, OSError) else OSError(str(error))
            if failed.errno != errno.EADDRNOTAVAIL:
                break
    else:
        if sockets:
            return sockets
    for listener in sockets:
        listener.close()
    assert failed is not None
    if failed.errno == errno.EADDRINUSE:
        raise ServiceError(Errors.ZT561.format(host=host, port=port)) from None
    if failed.errno in (errno.EACCES, errno.EPERM):
        raise ServiceError(Errors.ZT573.format(port=port, reason=_reason(failed))) from None
    raise ServiceError(Errors.ZT562.format(host=host, reason=_reason(failed))) from None


def listen(sockets: Sequence[socket.socket], host: str, port: int) -> None:
    """Start to listen on bound sockets.

    sockets (Sequence[socket.socket]): Sockets of `bind`.
    host (str): Host for the error message.
    port (int): Port for the error message.
    RAISES (ServiceError): If another program has started to listen on the port since `bind`.
    """
    try:
        for listener in sockets:
            listener.listen(BACKLOG)
    except OSError:
        raise ServiceError(Errors.ZT561.format(host=host, port=port)) from None


def _reason(error: Exception) -> str:
    """Return the message of an error without its errno."""
    return getattr(error, "strerror", None) or str(error)


def create_engine(
    sources: Mapping[str, str], settings: ServiceSettings, threads: int = 0, gpu_id: int = -1
) -> tuple[Engine, Metrics]:
    """Start an engine, and wait until its first pipeline is loaded.

    sources (Mapping[str, str]): Name → folder or package of a pipeline; the first is the default.
    settings (ServiceSettings): Limits of batches, queue, texts and loaded pipelines.
    threads (int): CPU threads for inference; 0 for the default of torch or ONNX Runtime.
    gpu_id (int): GPU id for spaCy pipelines, or -1 for the CPU.
    RETURNS (tuple[Engine, Metrics]): The engine, and the metrics that count its batches.
    RAISES (ValueError, OSError): If the first pipeline cannot be loaded.
    """
    metrics = Metrics()
    load = partial(load_recognizer, max_chars=settings.max_chars, threads=threads, gpu_id=gpu_id, learn_characters=True)
    engine = Engine(
        ModelCache(sources, settings.max_models, load),
        batch_chars=settings.batch_chars,
        queue_chars=settings.queue_chars,
        on_batch=metrics.count_batch,
    )
    engine.start()
    engine.ready.wait()
    if engine.failed is not None:
        raise engine.failed
    return engine, metrics
