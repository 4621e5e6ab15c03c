"""Fixtures that run the service with uvicorn in a thread."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest


@dataclass
class Running:
    """A running service with its engine, and an HTTP client for it."""

    url: str
    engine: Any
    client: httpx.Client
    server: Any = None
    annotations: Path | None = None

    @property
    def port(self) -> int:
        return self.client.base_url.port or 0

    def ask(self, body: Any, **headers: str) -> httpx.Response:
        return self.client.post("/v1/entities", json=body, headers=headers)

    def send(self, body: bytes, content_type: str = "application/json", path: str = "/v1/entities") -> httpx.Response:
        return self.client.post(path, content=body, headers={"Content-Type": content_type})


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@contextmanager
def running(sources: dict[str, str], **settings: Any) -> Iterator[Running]:
    from spacy_zh_tw_ner.service.app import create_app
    from spacy_zh_tw_ner.service.reloading import Reloader
    from spacy_zh_tw_ner.service.server import Server, bind, create_engine
    from spacy_zh_tw_ner.service.settings import ServiceSettings

    drain = settings.pop("drain", 5.0)
    chosen = ServiceSettings(**settings)
    engine, metrics = create_engine(sources, chosen)
    try:
        app = create_app(engine, chosen, metrics, Reloader(engine, chosen))
    except ValueError:
        engine.stop(10)
        raise
    sockets = bind("127.0.0.1", 0)
    port = sockets[0].getsockname()[1]
    server = Server(app, engine, chosen, metrics, drain=drain)
    thread = threading.Thread(target=server.run, args=(sockets,), daemon=True)
    thread.start()
    deadline = time.monotonic() + 120
    while not server.started:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    url = f"http://127.0.0.1:{port}"
    with httpx.Client(base_url=url, timeout=120, trust_env=False) as client:
        yield Running(url, engine, client, server)
    server.should_exit = True
    thread.join(30)
    engine.stop(10)


@pytest.fixture(scope="session")
def service(tiny_pipeline: Path) -> Iterator[Running]:
    """A service with default limits, except smaller ones for texts and bodies."""
    sources = {"tiny": str(tiny_pipeline), "other": str(tiny_pipeline)}
    with running(sources, max_texts=100, max_chars=10_000, max_body=1_000_000) as found:
        yield found


@pytest.fixture
def start(tiny_pipeline: Path) -> Iterator[Callable[..., Running]]:
    """Function that starts a service with the given settings."""
    from contextlib import ExitStack

    with ExitStack() as stack:

        def begin(**settings: Any) -> Running:
            return stack.enter_context(running({"tiny": str(tiny_pipeline)}, **settings))

        yield begin


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Event that blocks the inference thread until it is set, so that the queue fills."""
    from spacy_zh_tw_ner.service import engine

    gate, find = threading.Event(), engine._find

    def wait(nlp: Any, jobs: list[Any]) -> Any:
        assert jobs[0].text == engine.WARM_UP or gate.wait(30)
        return find(nlp, jobs)

    monkeypatch.setattr(engine, "_find", wait)
    yield gate
    gate.set()
