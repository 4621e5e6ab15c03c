"""Metrics for Prometheus. No label value comes from a request, so the number of series is bounded."""

from collections.abc import Sized

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

from .engine import Batch, Engine

NAME = "zh_tw_ner"
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)


class Metrics:
    """Metrics of one service, in a registry of their own."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self.requests = Counter(
            f"{NAME}_requests", "Answers by route and status.", ["route", "status"], registry=registry
        )
        self.seconds = Histogram(
            f"{NAME}_request_seconds",
            "From a request to the end of its answer.",
            ["route"],
            buckets=SECONDS,
            registry=registry,
        )
        self.texts = Counter(f"{NAME}_texts", "Texts read.", registry=registry)
        self.characters = Counter(f"{NAME}_characters", "Characters read.", registry=registry)
        self.entities = Counter(f"{NAME}_entities", "Entities found.", ["pipeline", "label"], registry=registry)
        self.batch_texts = Histogram(f"{NAME}_batch_texts", "Texts of a batch.", buckets=SIZES, registry=registry)
        self.inference = Counter(f"{NAME}_inference_seconds", "Time spent reading texts.", registry=registry)
        self.dropped = Counter(
            f"{NAME}_connections_dropped", "Connections closed for a limit.", ["reason"], registry=registry
        )
        self._connections = Gauge(f"{NAME}_connections", "Open connections.", registry=registry)
        self._queue_texts = Gauge(f"{NAME}_queue_texts", "Texts that wait.", registry=registry)
        self._queue_characters = Gauge(f"{NAME}_queue_characters", "Characters that wait.", registry=registry)

    def watch(self, engine: Engine) -> None:
        """Read the length of the queue from an engine whenever metrics are collected."""
        self._queue_texts.set_function(lambda: engine.waiting[0])
        self._queue_characters.set_function(lambda: engine.waiting[1])

    def watch_connections(self, pool: Sized) -> None:
        """Read the number of open connections from a pool whenever metrics are collected."""
        self._connections.set_function(lambda: len(pool))

    def count_batch(self, batch: Batch) -> None:
        """Add the figures of a batch."""
        self.texts.inc(batch.n_texts)
        self.characters.inc(batch.n_chars)
        self.batch_texts.observe(batch.n_texts)
        self.inference.inc(batch.seconds)
        for label, n in batch.labels.items():
            self.entities.labels(batch.pipeline, label).inc(n)

    def render(self) -> bytes:
        """Return all metrics in the text format of Prometheus."""
        return generate_latest(self._registry)
