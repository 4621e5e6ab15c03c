"""Submit texts to the engine and await their entities, until the client leaves or the time is over."""

import asyncio
import re
from collections import deque
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from itertools import chain
from typing import Any

from pydantic_core import from_json
from starlette.types import Receive

from ..entities import Found
from ..errors import Errors
from .engine import Engine, NotLoaded, QueueFull, Stopping, Unreadable
from .event_loop import Pause
from .fair_queue import Job
from .http_errors import ClientGone, Refusal, check_values, parse
from .request_gazetteer import RequestWords, request_words
from .schema import Options, OwnWords, Record, StreamWords, dump, dump_entities
from .settings import ServiceSettings

RETRY = 0.05  # seconds until a stream tries again to add a text to a full queue
LINE = re.compile(rb"[^\n]+")
MAX_WORDS_LINE = 1 << 20  # bytes of a first line with words


def check_options(options: Options, engine: Engine) -> str:
    """Name of the pipeline that is asked for, or Refusal: 422 for an unknown pipeline or label."""
    name = options.pipeline if options.pipeline is not None else engine.names[0]
    if name not in engine.names:
        raise Refusal(422, Errors.ZT515.format(name=name[:80], names=", ".join(engine.names)))
    known = engine.labels.get(name)
    if known is not None:  # a pipeline that was never asked for is not loaded
        for label in options.labels or ():
            if label not in known:
                raise Refusal(422, Errors.ZT516.format(label=label[:80], labels=", ".join(known)))
    return name


async def own_words(
    asked: OwnWords | None, name: str, engine: Engine, settings: ServiceSettings
) -> RequestWords | None:
    """Make words ready for a pipeline, which is loaded for that if it must be: only then its labels are known.

    asked (Optional[OwnWords]): The words.
    name (str): The pipeline.
    engine (Engine): Knows the labels.
    settings (ServiceSettings): The limits.
    RETURNS (Optional[RequestWords]): Finds them; None where there are none.
    RAISES (Refusal): 422 for words that may not be, of a label that the pipeline does not know, or, but for
        `override`, cannot weigh; 503 where it does not load.
    """
    if asked is None:
        return None
    if name not in engine.labels:
        (empty,) = engine.submit(name, [""])
        try:
            await _in_time(empty, settings.timeout)
        finally:
            engine.withdraw([empty])
    known, evidence = engine.labels[name], engine.evidence_labels[name]
    for label in asked.words:
        if label not in known:
            raise Refusal(422, Errors.ZT516.format(label=label[:80], labels=", ".join(known)))
        if label not in evidence and not asked.override:
            raise Refusal(422, Errors.ZT609.format(label=label, labels=", ".join(evidence) or "none"))
    return request_words(asked, settings)


def check_length(text: str, field: str, limit: int) -> None:
    """Refuse, with 422, a text that is too long."""
    if len(text) > limit:
        raise Refusal(422, Errors.ZT508.format(field=field, problem=f"longer than {limit:,} characters"))


async def read_texts(
    receive: Receive,
    engine: Engine,
    pipeline: str,
    texts: Sequence[str],
    timeout: float,
    words: RequestWords | None = None,
) -> list[tuple[Found, ...]]:
    """Have texts read, for as long as the client is there and the time is not over.

    receive (Receive): Of the request, its body received.
    engine (Engine): Reads.
    pipeline (str): By this pipeline.
    texts (Sequence[str]): The texts.
    timeout (float): Seconds.
    words (Optional[RequestWords]): Words for these texts alone.
    RETURNS (list[tuple[Found, ...]]): What was found in each.
    RAISES (Refusal): 422, 429, 503.
    RAISES (ClientGone): Where nobody waits any more.
    """
    jobs = engine.submit(pipeline, texts, words)
    results = asyncio.gather(*map(_wait, jobs))
    results.add_done_callback(lambda done: done.cancelled() or done.exception())  # seen, even if nobody looks
    gone = asyncio.ensure_future(disconnect(receive))
    try:
        await asyncio.wait((results, gone), timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        if results.done():
            return results.result()
        if gone.done():
            raise ClientGone
        raise Refusal(503, Errors.ZT512.format(seconds=timeout), retry_after=5)
    finally:
        gone.cancel()
        results.cancel()
        engine.withdraw(jobs)


async def _wait(job: Job) -> tuple[Found, ...]:
    try:
        return await asyncio.wrap_future(job.future)
    except Unreadable as error:
        raise Refusal(422, error.message) from error
    except NotLoaded as error:
        raise Refusal(503, error.message) from error
    except Stopping as error:
        raise Refusal(503, error.message, retry_after=1) from error


async def _in_time(job: Job, timeout: float) -> tuple[Found, ...]:
    try:
        return await asyncio.wait_for(_wait(job), timeout)
    except (asyncio.TimeoutError, TimeoutError):  # not the same before Python 3.11
        raise Refusal(503, Errors.ZT512.format(seconds=timeout), retry_after=5) from None


async def disconnect(receive: Receive) -> None:
    """Wait until the client disconnects."""
    while (await receive())["type"] != "http.disconnect":
        pass


class Stream:
    """Answers to lines of JSON, one line each, in order; a bad line gets its error and spoils no other.

    Memory is that of the request and of the lines read ahead, whatever their number.

    engine (Engine): Reads.
    pipeline (str): By this pipeline.
    options (Options): What is asked of every line.
    settings (ServiceSettings): The limits.
    words (Optional[RequestWords]): Words for all lines that have none of their own.
    """

    def __init__(
        self,
        engine: Engine,
        pipeline: str,
        options: Options,
        settings: ServiceSettings,
        words: RequestWords | None = None,
    ) -> None:
        self._engine, self._pipeline, self._options, self._settings = engine, pipeline, options, settings
        self._words, self._pause = words, Pause()
        self._ahead: deque[tuple[dict[str, Any], Job | Refusal]] = deque()

    async def answer(self, lines: Iterable[bytes]) -> AsyncIterator[bytes]:
        """Yield lines, as they are ready."""
        try:
            ahead, index = 0, 0
            for line in lines:
                await self._pause()
                if not line.strip():
                    continue
                record, asked = await self._ask(index, line)
                index += 1
                self._ahead.append((record, asked))
                ahead += len(line)
                # Enough for the batch that is read and the next.
                while self._ahead and ahead > 2 * self._settings.batch_chars:
                    yield await self._next()
                    ahead = sum(job.cost for _, job in self._ahead if isinstance(job, Job))
            while self._ahead:
                yield await self._next()
        finally:
            self._engine.withdraw([job for _, job in self._ahead if isinstance(job, Job)])

    async def _ask(self, index: int, line: bytes) -> tuple[dict[str, Any], Job | Refusal]:
        sent: dict[str, Any] = {"index": index}
        try:
            await check_values(line, self._settings.max_values)
            record = parse(Record, line)
            sent["id"] = record.id
            check_length(record.text, "text", self._settings.max_chars)
            words = self._words
            if record.gazetteer is not None:
                words = await own_words(record.gazetteer, self._pipeline, self._engine, self._settings)
            return sent, await self._submit(record.text, words)
        except QueueFull as full:
            return sent, Refusal(429, full.message)
        except Refusal as refusal:
            return sent, refusal

    async def _submit(self, text: str, words: RequestWords | None) -> Job:
        deadline = asyncio.get_running_loop().time() + self._settings.seconds_for(len(text))
        while True:
            try:
                return self._engine.submit(self._pipeline, [text], words, owner=self)[0]
            except QueueFull as full:
                if asyncio.get_running_loop().time() > deadline:
                    raise Refusal(429, full.message) from full
                await asyncio.sleep(RETRY)

    async def _next(self) -> bytes:
        """The oldest answer, and those after it that are ready."""
        lines = [await self._line(*self._ahead[0])]
        self._ahead.popleft()
        while self._ahead and (isinstance(self._ahead[0][1], Refusal) or self._ahead[0][1].future.done()):
            lines.append(await self._line(*self._ahead.popleft()))
        return b"".join(lines)

    async def _line(self, sent: dict[str, Any], asked: Job | Refusal) -> bytes:
        if isinstance(asked, Refusal):
            return dump(sent | asked.body) + b"\n"
        try:
            found = await _in_time(asked, self._settings.seconds_for(len(asked.text)))
            check_options(self._options, self._engine)  # the labels are known now
        except Refusal as refusal:
            self._engine.withdraw([asked])
            return dump(sent | refusal.body) + b"\n"
        dumped = await dump_entities(asked.text, found, self._options, self._pause)
        return dump(sent)[:-1] + b',"entities":' + dumped + b"}\n"


def divide(body: bytes) -> tuple[OwnWords | None, Iterator[bytes]]:
    """Divide the body of a stream.

    body (bytes): All lines.
    RETURNS (tuple[Optional[OwnWords], Iterator[bytes]]): The words that are its first line, if it has no text; and the
        lines that ask. Of these some may be blank.
    RAISES (Refusal): 422 for words that are not as they should be.
    """
    # One by one: a list of eight million lines would block the event loop.
    lines = (match.group() for match in LINE.finditer(body))
    first = next((line for line in lines if line.strip()), b"")
    if len(first) <= MAX_WORDS_LINE and b'"gazetteer"' in first:
        try:
            fields = from_json(first)
        except ValueError:  # reported in the response to this line
            fields = None
        if isinstance(fields, dict) and "gazetteer" in fields and "text" not in fields:
            return parse(StreamWords, first).gazetteer, lines
    return None, chain([first], lines)
