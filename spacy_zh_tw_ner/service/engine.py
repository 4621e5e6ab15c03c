"""Inference thread with dynamic batching.

A safe point is a place between two windows of a long text where the thread may process a batch of shorter texts.
"""

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
from .http_errors import NotLoaded, QueueFull, Stopping, Unreadable
from .model_cache import PAUSE, ModelCache, ServedPipeline, Trimmer
from .request_gazetteer import FoundTooOften, RequestGazetteer

# Warm-up text, processed once as a short and once as a long text: triggers lazy loading and compilation before the
# first request, and measures the speed of the pipeline.
WARM_UP = "臺北" * 550
log = logging.getLogger(__name__)


class _Abandoned(BaseException):
    """Raised at a safe point to stop a text whose result is not needed. No component catches a BaseException."""


class Batch(NamedTuple):
    """Statistics of a batch for `on_batch`: pipeline (its name), n_texts, n_chars (of all texts), seconds, labels.

    seconds: Processing time, without that of nested batches. labels: Label → number of entities found.
    """

    pipeline: str  # name of the pipeline
    n_texts: int
    n_chars: int  # characters of all texts
    seconds: float  # processing time, without nested batches
    labels: Mapping[str, int]  # label → number of entities found


class Engine:
    """Queue of texts, and the inference thread that processes it.

    Batches are dynamic: texts that are queued while a batch is processed form the next batch, and a single text in an
    empty queue starts at once. The cost of a text is its number of characters plus a constant. At each safe point of a
    long text, the thread processes a nested batch: texts that cost less than half as much as the long text. A text of a
    nested batch may be long itself, so batches are nested up to log2(length of the longest text) levels.

    models (ModelCache): The pipelines. Only the inference thread calls them.
    batch_chars (int): Largest total cost of a batch; a text that costs more is processed alone.
    queue_chars (int): Largest total cost of all queued short texts, and of all long ones with the same ⌊log2(length)⌋.
    on_batch (Callable[[Batch], None]): Called by the inference thread after each batch.
    """

    def __init__(
        self,
        models: ModelCache,
        *,
        batch_chars: int,
        queue_chars: int,
        on_batch: Callable[[Batch], None] = lambda batch: None,
    ) -> None:
        self.models, self._on_batch = models, on_batch
        self._batch_chars, self._queue_chars = batch_chars, queue_chars
        self._queue = FairQueue()
        self._running: list[QueuedText] = []  # texts in progress; those of nested batches are last
        self._nested_seconds, self._closed = 0.0, False  # the time of batches nested in the current one
        self._changed = threading.Condition()  # its lock is reentrant: `withdraw` takes it again inside `stop`
        self._memory = Trimmer()
        self._thread = threading.Thread(target=self._run, name="inference", daemon=True)
        self.speed = 10_000.0  # characters per second; an estimate until the warm-up
        self.failed: Exception | None = None
        self.ready = threading.Event()

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the pipelines, the default first."""
        return self.models.names

    @property
    def loaded(self) -> tuple[str, ...]:
        """Names of the pipelines in memory."""
        return self.models.loaded

    @property
    def is_stopping(self) -> bool:
        """Return whether the engine refuses new texts."""
        return self._closed

    def pipeline(self, name: str | None = None) -> ServedPipeline:
        """Return the pipeline for new requests with this name (None: the default). Raise KeyError for other names."""
        return self.models[self.names[0] if name is None else name]

    @property
    def waiting(self) -> tuple[int, int]:
        """Number of queued texts, and the sum of their costs (characters, plus a constant per text)."""
        with self._changed:
            return len(self._queue), self._queue.cost

    def start(self) -> None:
        """Start the thread. It loads the first pipeline and then sets `ready`; on failure, `failed` is the error."""
        self._thread.start()

    def stop(self, timeout: float | None = None) -> None:
        """Refuse new texts, process the queue, and end the thread.

        timeout (Optional[float]): Seconds to wait for the thread; then all remaining texts are cancelled. None: no
            limit.
        """
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._thread.join(timeout)
        with self._changed:
            self.withdraw(self._queue.clear())
            self.withdraw(self._running)

    def abandon(self) -> None:
        """Refuse new texts, and set the error `Stopping` for all texts that are queued or in progress."""
        with self._changed:
            self._closed = True
            left = [*self._queue.clear(), *self._running]
            self._changed.notify_all()
        for queued in left:
            queued.abandoned = True
            _set_result(queued, Stopping(503, Errors.ZT535, retry_after=1))

    def submit(
        self,
        pipeline: ServedPipeline | str,
        texts: Sequence[str],
        gazetteer: RequestGazetteer | None = None,
        owner: Hashable = None,
    ) -> list[QueuedText]:
        """Add texts to the queue: all of them, or none if there is no room.

        pipeline (ServedPipeline | str): The pipeline that processes the texts, or the name of one that is served now.
        texts (Sequence[str]): The texts.
        gazetteer (Optional[RequestGazetteer]): Gazetteer that is used for these texts only.
        owner (Hashable): Key of the sub-queue. Batches take texts from all sub-queues in turn. None: a new sub-queue.
        RETURNS (list[QueuedText]): A queued text for each text; its `future` gets the entities.
        RAISES (QueueFull): If the queue has no room for all texts, or the engine is stopping.
        """
        served = self.models[pipeline] if isinstance(pipeline, str) else pipeline
        added = [QueuedText(served, text, gazetteer) for text in texts]
        with self._changed:
            if self._closed or not self._queue.has_room(added, self._queue_chars):
                raise self._full()
            self._queue.add(object() if owner is None else owner, added)
            self._changed.notify_all()
        return added

    def check_room(self) -> None:
        """Raise QueueFull if the queue has no room for a short text, or the engine is stopping."""
        with self._changed:
            if self._closed or not self._queue.has_room([QueuedText(self.pipeline(), "")], self._queue_chars):
                raise self._full()

    def _full(self) -> QueueFull:
        seconds = min(60, max(1, math.ceil(self._queue.cost / self.speed)))
        return QueueFull(429, Errors.ZT510.format(seconds=seconds), retry_after=seconds)

    def withdraw(self, texts: Sequence[QueuedText]) -> None:
        """Cancel queued texts, and remove them from the queue; a long text in progress stops at its next safe point."""
        for queued in texts:
            queued.abandoned = True
        gone = {queued for queued in texts if queued.future.cancel()}
        if gone:
            with self._changed:
                self._queue.remove(gone)

    def _run(self) -> None:
        try:
            self._warm_up()
        except Exception as error:
            self.failed = error
            return
        finally:
            self._memory.used()
            self.ready.set()
        # No variable of this thread may refer to a batch while it waits: the memory of its pipeline could not be freed.
        while self._work_on_next():
            self._memory.used()

    def _warm_up(self) -> None:
        """Load the default pipeline, and set `speed` to the characters per second that it processes."""
        pipeline = self.pipeline()
        recognizer = self.models.get(pipeline)
        for interrupt in (None, lambda: None):
            start = time.perf_counter()
            with interrupted_by(interrupt):
                _find(recognizer, [QueuedText(pipeline, WARM_UP)])
        self.speed = len(WARM_UP) / max(time.perf_counter() - start, 1e-6)

    def _work_on_next(self) -> bool:
        """Wait for the next batch and process it; return False if the engine stops and nothing is queued."""
        batch = self._take()
        if batch:
            self._work(batch)
        return bool(batch)

    def _has_work(self) -> bool:
        return bool(self._queue) or self._closed

    def _take(self) -> list[QueuedText]:
        """Wait for queued texts, and return the next batch; it is empty if the engine stops and nothing is queued."""
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
        """Remove the next batch of texts that cost less than `below` from the queue; return all but cancelled ones."""
        taken = self._queue.take(self._batch_chars, below)
        return [queued for queued in taken if queued.future.set_running_or_notify_cancel()]

    def _between_slices(self, queued: QueuedText) -> None:
        """Process shorter texts at a safe point of the long text `queued`; raise _Abandoned if it is abandoned."""
        if queued.abandoned:
            raise _Abandoned
        with self._changed:
            batch = self._start(below=queued.cost / 2)
        if batch:
            self._work(batch)

    def _work(self, batch: list[QueuedText]) -> None:
        """Process a batch, and pass its statistics to `on_batch`. Their time excludes that of nested batches."""
        outer, self._nested_seconds = self._nested_seconds, 0.0
        with self._changed:
            self._running += batch
        start = time.perf_counter()
        labels = self._recognize(batch)
        total = time.perf_counter() - start
        seconds, cost = max(total - self._nested_seconds, 1e-6), sum(queued.cost for queued in batch)
        self._nested_seconds = outer + total
        with self._changed:
            del self._running[-len(batch) :]
        self.speed += 0.2 * (cost / seconds - self.speed)
        n_chars = sum(len(queued.text) for queued in batch)
        self._on_batch(Batch(batch[0].pipeline.name, len(batch), n_chars, seconds, labels))

    def _recognize(self, batch: list[QueuedText]) -> Counter[str]:
        """Recognize the entities of a batch, set the result of each text, and return label → number of entities."""
        try:
            recognizer = self.models.get(batch[0].pipeline)
        except Exception as error:
            log.error("the pipeline %s cannot be loaded: %s", batch[0].pipeline.name, error)
            for queued in batch:
                reason = f"the pipeline {batch[0].pipeline.name} cannot be loaded"
                _set_result(queued, NotLoaded(503, Errors.ZT518.format(reason=reason)))
            return Counter()
        try:
            with interrupted_by(partial(self._between_slices, batch[0]) if batch[0].is_long else None):
                results = _find(recognizer, batch)
        except _Abandoned:
            _set_result(batch[0], Stopping(503, Errors.ZT535, retry_after=1))
            return Counter()
        except Exception as error:
            if len(batch) > 1:  # processed one by one, so that only the text that fails gets the error
                return sum((self._recognize([queued]) for queued in batch), Counter[str]())
            if isinstance(error, FoundTooOften):
                _set_result(batch[0], Unreadable(422, error.args[0]))
                return Counter()
            # The message of an error may quote the text, so it is neither logged nor sent.
            frames = "; ".join(f"{f.name} line {f.lineno}" for f in traceback.extract_tb(error.__traceback__)[-3:])
            log.error("a text of %d characters failed: %s in %s", len(batch[0].text), type(error).__name__, frames)
            _set_result(batch[0], Unreadable(422, Errors.ZT511.format(kind=type(error).__name__)))
            return Counter()
        for queued, found in zip(batch, results, strict=True):
            _set_result(queued, found)
        return Counter(entity.label for found in results for entity in found)


def _set_result(queued: QueuedText, result: tuple[Found, ...] | Exception) -> None:
    """Set the entities or the error of a text, unless `abandon` has already set an error."""
    try:
        if isinstance(result, Exception):
            queued.future.set_exception(result)
        else:
            queued.future.set_result(result)
    except InvalidStateError:
        pass


def _find(recognizer: Recognizer, batch: Sequence[QueuedText]) -> list[tuple[Found, ...]]:
    hints = [queued.gazetteer and queued.gazetteer.hints(queued.text) for queued in batch]
    return recognizer([queued.text for queued in batch], hints)
