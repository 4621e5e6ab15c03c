"""One thread that reads texts, in batches of whatever has gathered while it read the batch before."""

import logging
import math
import threading
import time
import traceback
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from typing import NamedTuple

from ..entities import Found
from ..errors import Errors
from .memory import PAUSE, Trimmer
from .models import ModelCache
from .own_words import FoundTooOften, RequestWords
from .readers import Reader

# What a text costs beyond its characters, so that a million empty ones do not pass for nothing.
TEXT_COST = 16
# The first text of all waits for what is compiled and read when it is first used.
WARM_UP = "臺北"
log = logging.getLogger(__name__)


class QueueFull(Exception):
    """More waits than may; come again after so many seconds."""

    def __init__(self, retry_after: int) -> None:
        super().__init__(Errors.ZT510.format(seconds=retry_after))
        self.retry_after = retry_after


class Unreadable(Exception):
    """A text at which the pipeline fails."""


class NotLoaded(Exception):
    """A pipeline that cannot be loaded."""


class Job:
    """A text that waits to be read, with the words of its request; `future` gets what was found in it."""

    __slots__ = ("cost", "future", "pipeline", "text", "words")

    def __init__(self, pipeline: str, text: str, words: RequestWords | None = None) -> None:
        self.pipeline, self.text, self.words = pipeline, text, words
        self.cost = len(text) + TEXT_COST
        self.future: Future[tuple[Found, ...]] = Future()


class Batch(NamedTuple):
    """What `on_batch` is told of each batch."""

    pipeline: str
    n_texts: int
    n_chars: int
    seconds: float
    labels: Mapping[str, int]


class Engine:
    """The queue, and the thread that empties it.

    No batch waits for company: under load, texts gather while the one before is read, and a lone text starts at once.

    models (ModelCache): The pipelines. Only the thread touches them.
    batch_chars (int): Characters of a batch; a longer text goes alone.
    queue_chars (int): Characters that may wait. A request for an empty queue is always taken.
    on_batch (Callable[[Batch], None]): Called after each batch.
    """

    def __init__(
        self,
        models: ModelCache,
        *,
        batch_chars: int,
        queue_chars: int,
        on_batch: Callable[[Batch], None] = lambda batch: None,
    ) -> None:
        self._models, self._on_batch = models, on_batch
        self._batch_chars, self._queue_chars = batch_chars, queue_chars
        self._queue: deque[Job] = deque()
        self._waiting = 0
        self._speed = 10_000.0  # characters a second; a guess until the first batch
        self._changed = threading.Condition()  # its lock may be taken twice
        self._closed = False
        self._memory = Trimmer()
        self._thread = threading.Thread(target=self._run, name="inference", daemon=True)
        self.labels: dict[str, tuple[str, ...]] = {}
        self.evidence_labels: dict[str, tuple[str, ...]] = {}
        self.failed: Exception | None = None
        self.ready = threading.Event()

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the pipelines, the default first."""
        return self._models.names

    @property
    def loaded(self) -> tuple[str, ...]:
        """Names of the pipelines in memory."""
        return self._models.loaded

    @property
    def waiting(self) -> tuple[int, int]:
        """Texts and characters in the queue."""
        with self._changed:
            return len(self._queue), self._waiting

    def start(self) -> None:
        """Load the first pipeline and begin to read; `ready` is set when the first text may come."""
        self._thread.start()

    def stop(self, timeout: float | None = None) -> None:
        """Read what waits, and end; whatever comes now is refused.

        timeout (Optional[float]): Seconds to wait for that. What is left then is cancelled.
        """
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._thread.join(timeout)
        self.withdraw(list(self._queue))

    def submit(self, pipeline: str, texts: Sequence[str], words: RequestWords | None = None) -> list[Job]:
        """Put texts in the queue, all or none.

        pipeline (str): Name of a pipeline.
        texts (Sequence[str]): The texts.
        words (Optional[RequestWords]): Words for these texts alone.
        RETURNS (list[Job]): One a text.
        RAISES (QueueFull): Where there is no room for them.
        """
        jobs = [Job(pipeline, text, words) for text in texts]
        cost = sum(job.cost for job in jobs)
        with self._changed:
            self.check_room(cost)
            self._queue.extend(jobs)
            self._waiting += cost
            self._changed.notify_all()
        return jobs

    def check_room(self, cost: int = 1) -> None:
        """Raise QueueFull where characters would not be taken now."""
        with self._changed:
            if self._closed or (self._queue and self._waiting + cost > self._queue_chars):
                raise QueueFull(min(60, max(1, math.ceil(self._waiting / self._speed))))

    def withdraw(self, jobs: Sequence[Job]) -> None:
        """Take back what has not begun: nobody waits for it any more."""
        gone = {job for job in jobs if job.future.cancel()}
        if gone:
            with self._changed:
                kept = [job for job in self._queue if job not in gone]
                self._queue = deque(kept)
                self._waiting = sum(job.cost for job in kept)

    def _run(self) -> None:
        try:
            reader = self._models.get(self.names[0])
            _find(reader, [Job(self.names[0], WARM_UP)])
            self._learn_labels(self.names[0], reader)
        except Exception as error:
            self.failed = error
            return
        finally:
            self._memory.used()
            self.ready.set()
        while jobs := self._take():
            start = time.perf_counter()
            labels = self._read(jobs)
            seconds, cost = time.perf_counter() - start, sum(job.cost for job in jobs)
            self._speed += 0.2 * (cost / max(seconds, 1e-6) - self._speed)
            n_chars = sum(len(job.text) for job in jobs)
            self._on_batch(Batch(jobs[0].pipeline, len(jobs), n_chars, seconds, labels))
            self._memory.used()

    def _has_work(self) -> bool:
        return bool(self._queue) or self._closed

    def _take(self) -> list[Job]:
        """Wait for the next batch: the oldest text, and what fits beside it for the same pipeline; empty at the end."""
        with self._changed:
            while True:
                if not self._changed.wait_for(self._has_work, PAUSE if self._memory.due else None):
                    self._memory.trim()
                    continue
                if not self._queue:
                    return []
                taken, left, cost = [], deque[Job](), 0
                pipeline = self._queue[0].pipeline
                while self._queue and cost < self._batch_chars:
                    job = self._queue.popleft()
                    fits = not cost or cost + job.cost <= self._batch_chars
                    if job.pipeline == pipeline and fits:
                        cost += job.cost
                        taken.append(job)
                    else:
                        left.append(job)
                        if job.pipeline == pipeline:  # nobody overtakes within a pipeline
                            break
                self._queue.extendleft(reversed(left))
                self._waiting -= cost
                started = [job for job in taken if job.future.set_running_or_notify_cancel()]
                if started:
                    return started

    def _read(self, jobs: list[Job]) -> Counter[str]:
        """Read texts that have one pipeline in common, give each its result, and count labels."""
        try:
            reader = self._models.get(jobs[0].pipeline)
            self._learn_labels(jobs[0].pipeline, reader)
        except Exception as error:
            log.error("the pipeline %s does not load: %s", jobs[0].pipeline, error)
            for job in jobs:
                job.future.set_exception(NotLoaded(Errors.ZT518.format(reason=f"{jobs[0].pipeline} does not load")))
            return Counter()
        try:
            results = _find(reader, jobs)
        except Exception as error:
            if len(jobs) > 1:  # one of them is to blame; the others get their answer
                return sum((self._read([job]) for job in jobs), Counter[str]())
            if isinstance(error, FoundTooOften):
                jobs[0].future.set_exception(Unreadable(str(error)))
                return Counter()
            # The message of an error may quote the text, and is kept out of logs and answers for that.
            frames = "; ".join(f"{f.name} line {f.lineno}" for f in traceback.extract_tb(error.__traceback__)[-3:])
            log.error("text of %d characters failed: %s in %s", len(jobs[0].text), type(error).__name__, frames)
            jobs[0].future.set_exception(Unreadable(Errors.ZT511.format(kind=type(error).__name__)))
            return Counter()
        for job, found in zip(jobs, results, strict=True):
            job.future.set_result(found)
        return Counter(entity.label for found in results for entity in found)

    def _learn_labels(self, name: str, reader: Reader) -> None:
        # `labels` is last: whoever finds it there asks for the other, too.
        self.evidence_labels[name] = reader.evidence_labels
        self.labels[name] = reader.labels


def _find(reader: Reader, jobs: Sequence[Job]) -> list[tuple[Found, ...]]:
    hints = [job.words.hints(job.text) if job.words is not None else None for job in jobs]
    return reader([job.text for job in jobs], hints)
