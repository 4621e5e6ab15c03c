"""Replace a served pipeline by a newer version of its files, unless the newer version has a lower F on a dev corpus."""

import concurrent.futures
import logging
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ..entities import Entity, Found
from ..errors import Errors, UsageError, ZhTwNerError
from .engine import WARM_UP, Engine
from .fair_queue import TEXT_COST, QueuedText
from .http_errors import QueueFull, Refusal
from .model_cache import ServedPipeline
from .settings import ServiceSettings

if TYPE_CHECKING:
    from spacy.tokens import Doc

RETRY = 0.05  # seconds until a text is submitted again to a full queue
log = logging.getLogger(__name__)


class Reloaded(NamedTuple):
    """Result of a successful reload.

    pipeline: Name of the pipeline.
    replaced: Whether the files were loaded again and are served now. False if the pipeline was in memory and its files
        have not changed.
    version, former_version: Versions that are served now, and that were served before.
    f, former_f: Micro F of exact entities of both versions on the dev corpus, 0 to 100; None without a corpus.
    """

    pipeline: str
    replaced: bool
    version: str
    former_version: str
    f: float | None = None
    former_f: float | None = None

    def __str__(self) -> str:
        if not self.replaced:
            return f"The files of the pipeline '{self.pipeline}' have not changed since they were loaded."
        scores = "" if self.f is None else f" F on the dev corpus: {self.f:.2f}, before {self.former_f:.2f}."
        return f"Version {self.version} of the pipeline '{self.pipeline}' replaces {self.former_version}.{scores}"


class Reloader:
    """Reloads pipelines while requests are answered.

    The newer version is loaded in the thread of the caller. Then it processes the dev corpus on the inference thread,
    where batches of the corpus alternate with batches of requests. If it is accepted, it answers all requests that
    begin from then on; earlier requests are finished by the former version.

    engine (Engine): Has the pipelines, and processes texts.
    settings (ServiceSettings): Dev corpora, and time limits.
    RAISES (ZhTwNerError): If a dev corpus cannot be read, or has no entities.
    """

    def __init__(self, engine: Engine, settings: ServiceSettings) -> None:
        self._engine, self._settings = engine, settings
        self._lock = threading.Lock()
        for corpus in settings.reload_dev.values():
            read_dev(corpus)

    def reload_all(self) -> None:
        """Reload all pipelines in memory, and log the results. The handler of SIGHUP calls it in a thread.

        Errors are logged, not raised. Pipelines that are not in memory are loaded when they are first used.
        """
        for name in self._engine.loaded:
            with suppress(Refusal):
                self.reload(name)

    def reload(self, name: str) -> Reloaded:
        """Load the current files of a pipeline, and serve them unless their F on the dev corpus is lower.

        name (str): Name of the pipeline.
        RETURNS (Reloaded): The versions and their scores.
        RAISES (Refusal): 409 if the newer version cannot be loaded, raises an error or has a lower F, or if another
            reload is in progress; 503 if the service is stopping or too busy. After an error, the former version is
            still served.
        """
        if not self._lock.acquire(blocking=False):
            log.error("the pipeline %s was not reloaded: %s", name, Errors.ZT738)  # SIGHUP has no other answer
            raise Refusal(409, Errors.ZT738)
        try:
            with self._explained(name):
                reloaded = self._reload(name)
            log.info("%s", reloaded)
            return reloaded
        finally:
            self._lock.release()

    def _reload(self, name: str) -> Reloaded:
        former = self._engine.pipeline(name)
        newer = self._engine.models.load_newer(name)
        if former.recognizer is not None and newer.version == former.version:
            return Reloaded(name, False, former.version, former.version)
        self._recognize(newer, [WARM_UP])
        f = former_f = None
        corpus = self._settings.reload_dev.get(name)
        if corpus is not None:
            golds = read_dev(corpus)
            former_f, f = self._score(former, golds), self._score(newer, golds)
            if f < former_f:
                raise Refusal(409, Errors.ZT737.format(name=name, corpus=corpus, old=former_f, new=f))
        self._engine.models.replace(newer)
        return Reloaded(name, True, newer.version, former.version, f, former_f)

    @contextmanager
    def _explained(self, name: str) -> Iterator[None]:
        """Context manager for a reload: log any error, and raise it as a `Refusal` with status 409 or 503.

        name (str): Name of the pipeline, for the message.
        """
        try:
            yield
            return
        except Refusal as refusal:
            # 422 is the error of the newer version at a text, which was not sent by a client.
            if refusal.status != 422:
                log.error("%s", str(refusal))  # a log record would keep the frames of the exception in memory
                raise
            error: Exception = refusal
        except Exception as caught:  # spaCy may raise any exception for a damaged folder
            error = caught
        reason = str(error) if isinstance(error, ZhTwNerError) else f"{type(error).__name__}: {error}"
        source = self._engine.pipeline(name).source
        message = Errors.ZT736.format(name=name, reason=f"{reason.rstrip('.')}.", source=source)
        log.error("%s", message)
        raise Refusal(409, message) from None

    def _score(self, pipeline: ServedPipeline, golds: Sequence["Doc"]) -> float:
        """Return the micro F of exact entities of a pipeline on gold documents, 0 to 100."""
        from ..evaluation.entity_counts import micro_f_of
        from ..evaluation.predictions import compare_with

        results = self._recognize(pipeline, [gold.text for gold in golds])
        return micro_f_of(
            compare_with(gold, [Entity(ent.start, ent.end, ent.label) for ent in found])
            for gold, found in zip(golds, results, strict=True)
        )

    def _recognize(self, pipeline: ServedPipeline, texts: Sequence[str]) -> list[tuple[Found, ...]]:
        """Recognize the entities of texts on the inference thread.

        One batch is submitted at a time, so that requests wait for one batch at most.

        RETURNS (list[tuple[Found, ...]]): The entities of each text.
        RAISES (Refusal): 503 if a batch takes longer than its time limit.
        """
        results: list[tuple[Found, ...]] = []
        batch: list[str] = []
        for i, text in enumerate(texts):
            batch.append(text)
            if sum(map(len, batch)) + TEXT_COST * len(batch) < self._settings.batch_chars and i < len(texts) - 1:
                continue
            deadline = time.monotonic() + self._settings.seconds_for(sum(map(len, batch)))
            queued = self._submit(pipeline, batch, deadline)
            try:
                results += [each.future.result(max(0.0, deadline - time.monotonic())) for each in queued]
            except (concurrent.futures.TimeoutError, TimeoutError):  # different classes before Python 3.11
                raise self._late(batch) from None
            finally:
                self._engine.withdraw(queued)
            batch = []
        return results

    def _submit(self, pipeline: ServedPipeline, texts: Sequence[str], deadline: float) -> list[QueuedText]:
        """Submit texts to the engine. While the queue is full, try again until the deadline.

        deadline (float): Value of `time.monotonic` in seconds.
        RETURNS (list[QueuedText]): One per text; its `future` gets the entities.
        RAISES (Refusal): 503 if the queue is still full at the deadline, or the engine is stopping.
        """
        while True:
            try:
                return self._engine.submit(pipeline, texts, owner=self)
            except QueueFull:
                if self._engine.is_stopping or time.monotonic() > deadline:
                    raise self._late(texts) from None
                time.sleep(RETRY)

    def _late(self, texts: Sequence[str]) -> Refusal:
        return Refusal(
            503, Errors.ZT512.format(seconds=self._settings.seconds_for(sum(map(len, texts)))), retry_after=60
        )


def read_dev(corpus: Path) -> list["Doc"]:
    """Read the gold documents of a dev corpus.

    corpus (Path): A `.spacy` file, or a folder of `.spacy` files.
    RETURNS (list[Doc]): The documents.
    RAISES (ZhTwNerError): If the corpus cannot be read, or has no entities.
    """
    import spacy

    from ..evaluation.predictions import read_golds

    golds = list(read_golds(spacy.blank("zh_tw"), corpus))
    if not any(gold.ents for gold in golds):
        raise UsageError(Errors.ZT740.format(argument=str(corpus), problem="has no entities, so F cannot be measured"))
    return golds


def named_corpora(arguments: Sequence[str], names: Sequence[str]) -> dict[str, Path]:
    """Parse the values of `--reload-dev`: `CORPUS` or `NAME=CORPUS`.

    arguments (Sequence[str]): The values. `CORPUS` without a name is the corpus of the default pipeline.
    names (Sequence[str]): Names of the served pipelines; the first is the default.
    RETURNS (dict[str, Path]): Name of a pipeline → corpus.
    RAISES (UsageError): If a pipeline or corpus does not exist, or two corpora are given for one pipeline.
    """
    corpora: dict[str, Path] = {}
    for argument in arguments:
        name, equals, path = argument.partition("=")
        if not equals or Path(argument).exists():
            name, path = names[0], argument
        if name not in names or name in corpora or not Path(path).exists():
            if name not in names:
                problem = f"names the pipeline {name!r}, but the served pipelines are {', '.join(names)}"
            elif name in corpora:
                problem = f"is the second corpus of the pipeline {name!r}"
            else:
                problem = f"names a corpus that does not exist, {path!r}"
            raise UsageError(Errors.ZT740.format(argument=argument, problem=problem))
        corpora[name] = Path(path)
    return corpora
