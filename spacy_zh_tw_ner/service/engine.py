"""One inference thread: texts are batched dynamically, and long texts are read in slices between the batches."""

import logging
import math
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from concurrent.futures import InvalidStateError
from functools import partial
from typing import NamedTuple

from ..entities import Found
from ..errors import Errors, ServiceError
from ..recognizers import Recognizer
from ..safe_points import interrupted_by
from .fair_queue import FairQueue, Job
from .model_cache import PAUSE, ModelCache, Trimmer
from .request_gazetteer import FoundTooOften, RequestWords

# Warm-up text, processed once as a short and once as a long text: triggers lazy loading and compilation before the
# first request, and measures the speed of the pipeline.
WARM_UP = "臺北" * 550
log = logging.getLogger(__name__)


class QueueFull(ServiceError):
    """More waits than may; come again after so many seconds."""

    def __init__(self, retry_after: int) -> None:
        super().__init__(Errors.ZT510.format(seconds=retry_after))
        self.retry_after = retry_after


class Unreadable(ServiceError):
    """A text at which the pipeline fails."""


class NotLoaded(ServiceError):
    """A pipeline that cannot be loaded."""


class Stopping(ServiceError):
    """The service is shutting down, and the time to answer accepted requests is over."""

    def __init__(self) -> None:
        super().__init__(Errors.ZT535)


class _Abandoned(BaseException):
    """The text that is processed was abandoned. A BaseException, so that components of a pipeline do not catch it."""


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
    At the safe points of a long text the thread processes texts of less than half its length, which may be long again.
    So at most log2(length of the longest text) texts are in progress at a time.

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
        self._queue = FairQueue()
        self._running: list[Job] = []  # texts in progress; those of nested batches are last
        self._nested_seconds = 0.0  # spent on nested batches since the current one began
        self._changed = threading.Condition()  # its lock may be taken twice
        self._closed = False
        self._memory = Trimmer()
        self._thread = threading.Thread(target=self._run, name="inference", daemon=True)
        self.speed = 10_000.0  # characters per second; an estimate until the warm-up
        self.labels: dict[str, tuple[str, ...]] = {}
        self.evidence_labels: dict[str, tuple[str, ...]] = {}
        self.min_scores: dict[str, float] = {}
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
            return len(self._queue), self._queue.cost

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
        with self._changed:
            self.withdraw(self._queue.clear())
            self.withdraw(self._running)

    def abandon(self) -> None:
        """Refuse new texts, and end all texts that wait or are in progress with `Stopping`."""
        with self._changed:
            self._closed = True
            left = [*self._queue.clear(), *self._running]
            self._changed.notify_all()
        for job in left:
            job.abandoned = True
            _set_result(job, Stopping())

    def submit(
        self, pipeline: str, texts: Sequence[str], words: RequestWords | None = None, owner: Hashable = None
    ) -> list[Job]:
        """Put texts in the queue, all or none.

        pipeline (str): Name of a pipeline.
        texts (Sequence[str]): The texts.
        words (Optional[RequestWords]): Words for these texts alone.
        owner (Hashable): Texts of different owners are processed in turn; by default each call is an owner.
        RETURNS (list[Job]): One a text.
        RAISES (QueueFull): Where there is no room for them.
        """
        jobs = [Job(pipeline, text, words) for text in texts]
        with self._changed:
            if self._closed or not self._queue.has_room(jobs, self._queue_chars):
                raise self._full()
            self._queue.add(object() if owner is None else owner, jobs)
            self._changed.notify_all()
        return jobs

    def check_room(self) -> None:
        """Raise QueueFull if a short text would not be accepted now."""
        with self._changed:
            if self._closed or not self._queue.has_room([Job("", "")], self._queue_chars):
                raise self._full()

    def _full(self) -> QueueFull:
        return QueueFull(min(60, max(1, math.ceil(self._queue.cost / self.speed))))

    def withdraw(self, jobs: Sequence[Job]) -> None:
        """Withdraw texts whose results are no longer needed; a long text in progress ends at its next safe point."""
        for job in jobs:
            job.abandoned = True
        gone = {job for job in jobs if job.future.cancel()}
        if gone:
            with self._changed:
                self._queue.remove(gone)

    def _run(self) -> None:
        try:
            name = self.names[0]
            recognizer = self._models.get(name)
            for interrupt in (None, lambda: None):
                start = time.perf_counter()
                with interrupted_by(interrupt):
                    _find(recognizer, [Job(name, WARM_UP)])
            self.speed = len(WARM_UP) / max(time.perf_counter() - start, 1e-6)
            self._describe(name, recognizer)
        except Exception as error:
            self.failed = error
            return
        finally:
            self._memory.used()
            self.ready.set()
        while jobs := self._take():
            self._work(jobs)
            self._memory.used()

    def _has_work(self) -> bool:
        return bool(self._queue) or self._closed

    def _take(self) -> list[Job]:
        """Wait for the next batch; empty at the end."""
        with self._changed:
            while True:
                if not self._changed.wait_for(self._has_work, PAUSE if self._memory.due else None):
                    self._memory.trim()
                    continue
                if not self._queue:
                    return []
                if started := self._start(math.inf):
                    return started

    def _start(self, below: float) -> list[Job]:
        """Take the next batch, without texts that have been withdrawn."""
        taken = self._queue.take(self._batch_chars, below)
        return [job for job in taken if job.future.set_running_or_notify_cancel()]

    def _between_slices(self, job: Job) -> None:
        """Process a batch of shorter texts at a safe point of a long one."""
        if job.abandoned:
            raise _Abandoned
        with self._changed:
            jobs = self._start(below=job.cost / 2)
        if jobs:
            self._work(jobs)

    def _work(self, jobs: list[Job]) -> None:
        """Process a batch, and report it without the time of nested batches."""
        outer, self._nested_seconds = self._nested_seconds, 0.0
        with self._changed:
            self._running += jobs
        start = time.perf_counter()
        labels = self._read(jobs)
        total = time.perf_counter() - start
        seconds, cost = max(total - self._nested_seconds, 1e-6), sum(job.cost for job in jobs)
        self._nested_seconds = outer + total
        with self._changed:
            del self._running[-len(jobs) :]
        self.speed += 0.2 * (cost / seconds - self.speed)
        n_chars = sum(len(job.text) for job in jobs)
        self._on_batch(Batch(jobs[0].pipeline, len(jobs), n_chars, seconds, labels))

    def _read(self, jobs: list[Job]) -> Counter[str]:
        """Read texts that have one pipeline in common, give each its result, and count labels."""
        try:
            recognizer = self._models.get(jobs[0].pipeline)
            self._describe(jobs[0].pipeline, recognizer)
        except Exception as error:
            log.error("the pipeline %s does not load: %s", jobs[0].pipeline, error)
            for job in jobs:
                _set_result(job, NotLoaded(Errors.ZT518.format(reason=f"{jobs[0].pipeline} does not load")))
            return Counter()
        try:
            with interrupted_by(partial(self._between_slices, jobs[0]) if jobs[0].is_long else None):
                results = _find(recognizer, jobs)
        except _Abandoned:
            _set_result(jobs[0], Stopping())
            return Counter()
        except Exception as error:
            if len(jobs) > 1:  # one of them is to blame; the others get their answer
                return sum((self._read([job]) for job in jobs), Counter[str]())
            if isinstance(error, FoundTooOften):
                _set_result(jobs[0], Unreadable(error.message))
                return Counter()
            # The message of an error may quote the text, and is kept out of logs and answers for that.
            frames = "; ".join(f"{f.name} line {f.lineno}" for f in traceback.extract_tb(error.__traceback__)[-3:])
            log.error("text of %d characters failed: %s in %s", len(jobs[0].text), type(error).__name__, frames)
            _set_result(jobs[0], Unreadable(Errors.ZT511.format(kind=type(error).__name__)))
            return Counter()
        for job, found in zip(jobs, results, strict=True):
            _set_result(job, found)
        return Counter(entity.label for found in results for entity in found)

    def _describe(self, name: str, recognizer: Recognizer) -> None:
        # `labels` is set last: readers that find it may read the others, too.
        self.evidence_labels[name] = recognizer.evidence_labels
        self.min_scores[name] = recognizer.min_score
        self.labels[name] = recognizer.labels


def _set_result(job: Job, result: tuple[Found, ...] | Exception) -> None:
    """Set the result of a text, unless `abandon` has set it before."""
    try:
        if isinstance(result, Exception):
            job.future.set_exception(result)
        else:
            job.future.set_result(result)
    except InvalidStateError:
        pass


def _find(recognizer: Recognizer, jobs: Sequence[Job]) -> list[tuple[Found, ...]]:
    hints = [job.words.hints(job.text) if job.words is not None else None for job in jobs]
    return recognizer([job.text for job in jobs], hints)
