"""Prometheus metrics. No label value comes from a request, so the number of time series is bounded."""

from collections.abc import Sized

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

from .engine import Batch, Engine

NAME = "zh_tw_ner"
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)


class Metrics:
    """Metrics of one service, in a Prometheus registry of their own.

    The service creates one object. It counts responses and dropped connections directly in the attributes `requests`,
    `seconds` and `dropped`. The methods report everything else.
    """

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self.requests = Counter(
            f"{NAME}_requests", "Responses by route and status.", ["route", "status"], registry=registry
        )
        self.seconds = Histogram(
            f"{NAME}_request_seconds",
            "Time from a request to the end of its response.",
            ["route"],
            buckets=SECONDS,
            registry=registry,
        )
        self.texts = Counter(f"{NAME}_texts", "Texts processed.", registry=registry)
        self.characters = Counter(f"{NAME}_characters", "Characters processed.", registry=registry)
        self.entities = Counter(f"{NAME}_entities", "Entities found.", ["pipeline", "label"], registry=registry)
        self.batch_texts = Histogram(
            f"{NAME}_batch_texts", "Number of texts in a batch.", buckets=SIZES, registry=registry
        )
        self.inference = Counter(f"{NAME}_inference_seconds", "Time spent processing batches.", registry=registry)
        self.dropped = Counter(
            f"{NAME}_connections_dropped",
            "Connections closed because they exceeded a limit.",
            ["reason"],
            registry=registry,
        )
        self._connections = Gauge(f"{NAME}_connections", "Open connections.", registry=registry)
        self._queue_texts = Gauge(f"{NAME}_queue_texts", "Texts in the queue.", registry=registry)
        self._queue_characters = Gauge(f"{NAME}_queue_characters", "Characters in the queue.", registry=registry)

    def watch(self, engine: Engine) -> None:
        """Report the numbers of texts and characters in the queue of this engine whenever metrics are collected."""
        self._queue_texts.set_function(lambda: engine.waiting[0])
        self._queue_characters.set_function(lambda: engine.waiting[1])

    def watch_connections(self, pool: Sized) -> None:
        """Report `len(pool)`, the number of open connections, whenever metrics are collected."""
        self._connections.set_function(lambda: len(pool))

    def count_batch(self, batch: Batch) -> None:
        """Add a batch to the counters: its texts, characters, entities by label, and processing time."""
        self.texts.inc(batch.n_texts)
        self.characters.inc(batch.n_chars)
        self.batch_texts.observe(batch.n_texts)
        self.inference.inc(batch.seconds)
        for label, n in batch.labels.items():
            self.entities.labels(batch.pipeline, label).inc(n)

    def render(self) -> bytes:
        """Return all metrics in the text format of Prometheus."""
        return generate_latest(self._registry)
