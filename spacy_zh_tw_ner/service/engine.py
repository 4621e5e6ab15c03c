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
from ..errors import Errors
from ..recognizers import Recognizer
from ..safe_points import interrupted_by
from .fair_queue import FairQueue, QueuedText
from .http_errors import Refusal
from .model_cache import PAUSE, ModelCache, Trimmer
from .request_gazetteer import FoundTooOften, RequestGazetteer

# Warm-up text, processed once as a short and once as a long text: triggers lazy loading and compilation before the
# first request, and measures the speed of the pipeline.
WARM_UP = "臺北" * 550
log = logging.getLogger(__name__)


class QueueFull(Refusal):
    """The queue is full; `retry_after` is an estimate in seconds."""


class Unreadable(Refusal):
    """A text at which the pipeline fails."""


class NotLoaded(Refusal):
    """A pipeline that cannot be loaded."""


class Stopping(Refusal):
    """The service is shutting down, and the time to answer accepted requests is over."""


class _Abandoned(BaseException):
    """The text that is processed was abandoned. A BaseException, so that components of a pipeline do not catch it."""


class Batch(NamedTuple):
    """Figures of a batch, for `on_batch`."""

    pipeline: str
    n_texts: int
    n_chars: int
    seconds: float
    labels: Mapping[str, int]


class Engine:
    """The queue, and the inference thread that processes it.

    Batches are dynamic: under load, texts gather while the batch before is processed; a lone text starts at once. At
    the safe points of a long text the thread processes texts of less than half its length, which may be long again. So
    at most log2(length of the longest text) texts are in progress at a time.

    models (ModelCache): The pipelines; used by the thread only.
    batch_chars (int): Largest cost of a batch in characters; a longer text is processed alone.
    queue_chars (int): Largest cost of the queue in characters. An empty queue accepts any request.
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
        self._running: list[QueuedText] = []  # texts in progress; those of nested batches are last
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
        """Start the thread, which loads the first pipeline; `ready` is set when that is done, or has failed."""
        self._thread.start()

    def stop(self, timeout: float | None = None) -> None:
        """Process the queue, refuse new texts, and end the thread.

        timeout (Optional[float]): Seconds to wait for that; then all texts that are left are cancelled.
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
        for queued in left:
            queued.abandoned = True
            _set_result(queued, Stopping(503, Errors.ZT535, retry_after=1))

    def submit(
        self, pipeline: str, texts: Sequence[str], gazetteer: RequestGazetteer | None = None, owner: Hashable = None
    ) -> list[QueuedText]:
        """Add texts to the queue, all or none.

        pipeline (str): Name of a pipeline.
        texts (Sequence[str]): The texts.
        gazetteer (Optional[RequestGazetteer]): Gazetteer for these texts alone.
        owner (Hashable): Texts of different owners are processed in turn; by default each call is an owner.
        RETURNS (list[QueuedText]): One for each text.
        RAISES (QueueFull): If there is no room for them.
        """
        added = [QueuedText(pipeline, text, gazetteer) for text in texts]
        with self._changed:
            if self._closed or not self._queue.has_room(added, self._queue_chars):
                raise self._full()
            self._queue.add(object() if owner is None else owner, added)
            self._changed.notify_all()
        return added

    def check_room(self) -> None:
        """Raise QueueFull if a short text would not be accepted now."""
        with self._changed:
            if self._closed or not self._queue.has_room([QueuedText("", "")], self._queue_chars):
                raise self._full()

    def _full(self) -> QueueFull:
        seconds = min(60, max(1, math.ceil(self._queue.cost / self.speed)))
        return QueueFull(429, Errors.ZT510.format(seconds=seconds), retry_after=seconds)

    def withdraw(self, texts: Sequence[QueuedText]) -> None:
        """Withdraw texts whose results are no longer needed; a long text in progress ends at its next safe point."""
        for queued in texts:
            queued.abandoned = True
        gone = {queued for queued in texts if queued.future.cancel()}
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
                    _find(recognizer, [QueuedText(name, WARM_UP)])
            self.speed = len(WARM_UP) / max(time.perf_counter() - start, 1e-6)
            self._describe(name, recognizer)
        except Exception as error:
            self.failed = error
            return
        finally:
            self._memory.used()
            self.ready.set()
        while batch := self._take():
            self._work(batch)
            self._memory.used()

    def _has_work(self) -> bool:
        return bool(self._queue) or self._closed

    def _take(self) -> list[QueuedText]:
        """Wait for the next batch; return an empty one when the engine shuts down."""
        with self._changed:
            while True:
                if not self._changed.wait_for(self._has_work, PAUSE if self._memory.due else None):
                    self._memory.trim()
                    continue
                if not self._queue:
                    return []
                if started := self._start(math.inf):
                    return started

    def _start(self, below: float) -> list[QueuedText]:
        """Take the next batch, without texts that have been withdrawn."""
        taken = self._queue.take(self._batch_chars, below)
        return [queued for queued in taken if queued.future.set_running_or_notify_cancel()]

    def _between_slices(self, queued: QueuedText) -> None:
        """Process a batch of shorter texts at a safe point of a long one."""
        if queued.abandoned:
            raise _Abandoned
        with self._changed:
            batch = self._start(below=queued.cost / 2)
        if batch:
            self._work(batch)

    def _work(self, batch: list[QueuedText]) -> None:
        """Process a batch, and report it without the time of nested batches."""
        outer, self._nested_seconds = self._nested_seconds, 0.0
        with self._changed:
            self._running += batch
        start = time.perf_counter()
        labels = self._read(batch)
        total = time.perf_counter() - start
        seconds, cost = max(total - self._nested_seconds, 1e-6), sum(queued.cost for queued in batch)
        self._nested_seconds = outer + total
        with self._changed:
            del self._running[-len(batch) :]
        self.speed += 0.2 * (cost / seconds - self.speed)
        n_chars = sum(len(queued.text) for queued in batch)
        self._on_batch(Batch(batch[0].pipeline, len(batch), n_chars, seconds, labels))

    def _read(self, batch: list[QueuedText]) -> Counter[str]:
        """Read texts that have one pipeline in common, give each its result, and count labels."""
        try:
            recognizer = self._models.get(batch[0].pipeline)
            self._describe(batch[0].pipeline, recognizer)
        except Exception as error:
            log.error("the pipeline %s does not load: %s", batch[0].pipeline, error)
            for queued in batch:
                _set_result(queued, NotLoaded(503, Errors.ZT518.format(reason=f"{batch[0].pipeline} does not load")))
            return Counter()
        try:
            with interrupted_by(partial(self._between_slices, batch[0]) if batch[0].is_long else None):
                results = _find(recognizer, batch)
        except _Abandoned:
            _set_result(batch[0], Stopping(503, Errors.ZT535, retry_after=1))
            return Counter()
        except Exception as error:
            if len(batch) > 1:  # one text caused it; the others get their entities
                return sum((self._read([queued]) for queued in batch), Counter[str]())
            if isinstance(error, FoundTooOften):
                _set_result(batch[0], Unreadable(422, error.args[0]))
                return Counter()
            # The message of an error may quote the text, so it is neither logged nor sent.
            frames = "; ".join(f"{f.name} line {f.lineno}" for f in traceback.extract_tb(error.__traceback__)[-3:])
            log.error("text of %d characters failed: %s in %s", len(batch[0].text), type(error).__name__, frames)
            _set_result(batch[0], Unreadable(422, Errors.ZT511.format(kind=type(error).__name__)))
            return Counter()
        for queued, found in zip(batch, results, strict=True):
            _set_result(queued, found)
        return Counter(entity.label for found in results for entity in found)

    def _describe(self, name: str, recognizer: Recognizer) -> None:
        # `labels` is set last: a thread that finds it may use the others.
        self.evidence_labels[name] = recognizer.evidence_labels
        self.min_scores[name] = recognizer.min_score
        self.labels[name] = recognizer.labels


def _set_result(queued: QueuedText, result: tuple[Found, ...] | Exception) -> None:
    """Set the result of a text, unless `abandon` has set it before."""
    try:
        if isinstance(result, Exception):
            queued.future.set_exception(result)
        else:
            queued.future.set_result(result)
    except InvalidStateError:
        pass


def _find(recognizer: Recognizer, batch: Sequence[QueuedText]) -> list[tuple[Found, ...]]:
    hints = [queued.gazetteer.hints(queued.text) if queued.gazetteer is not None else None for queued in batch]
    return recognizer([queued.text for queued in batch], hints)
