"""From the first pipeline loaded to the last answer sent."""

import logging
import signal
from collections.abc import Mapping
from functools import partial

import uvicorn

from .app import create_app
from .engine import Engine
from .metrics import Metrics
from .models import ModelCache
from .readers import load_reader
from .settings import ServiceSettings

log = logging.getLogger(__name__)


def serve(
    sources: Mapping[str, str], settings: ServiceSettings, *, host: str, port: int, drain: float, threads: int = 0
) -> None:
    """Serve pipelines until SIGTERM or SIGINT; then take no more, and answer what was taken.

    The port opens once the first pipeline is loaded.

    sources (Mapping[str, str]): Name → folder or package; the first is the default.
    settings (ServiceSettings): The limits.
    host (str): Address to listen at.
    port (int): Port to listen at.
    drain (float): Seconds for what was taken to be answered, after which it is dropped.
    threads (int): CPU threads to read with; 0 for the choice of torch or ONNX Runtime.
    RAISES (ValueError, OSError): Where the first pipeline does not load.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    engine, metrics = create_engine(sources, settings, threads)
    config = uvicorn.Config(
        create_app(engine, settings, metrics),
        host=host,
        port=port,
        log_config=None,
        access_log=False,  # ours knows routes, and no query strings
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=max(1, round(drain)),
    )
    # uvicorn raises the signal that ended it once more, when all is done: an end that was asked for is no failure.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    try:
        uvicorn.Server(config).run()
    finally:
        engine.stop(1.0)
    log.info("All that was taken is answered.")


def create_engine(sources: Mapping[str, str], settings: ServiceSettings, threads: int = 0) -> tuple[Engine, Metrics]:
    """Start an engine, and wait until its first pipeline is loaded.

    sources (Mapping[str, str]): Name → folder or package.
    settings (ServiceSettings): The limits.
    threads (int): CPU threads to read with; 0 for the choice of torch or ONNX Runtime.
    RETURNS (tuple[Engine, Metrics]): The engine, and what counts its batches.
    RAISES (ValueError, OSError): Where the first pipeline does not load.
    """
    metrics = Metrics()
    engine = Engine(
        ModelCache(sources, settings.max_models, partial(load_reader, max_chars=settings.max_chars, threads=threads)),
        batch_chars=settings.batch_chars,
        queue_chars=settings.queue_chars,
        on_batch=metrics.count_batch,
    )
    engine.start()
    engine.ready.wait()
    if engine.failed is not None:
        raise engine.failed
    return engine, metrics
