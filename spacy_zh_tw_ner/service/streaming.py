"""Streaming responses: one JSON line for each text, sent as soon as it is ready."""

import asyncio
import re
from collections import deque
from collections.abc import AsyncIterator, Iterable, Iterator
from itertools import chain
from typing import Any

from pydantic_core import from_json
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from .engine import Engine
from .fair_queue import QueuedText
from .http_errors import ClientGone, QueueFull, Refusal
from .inference import await_in_time, check_labels, check_length, disconnect, request_gazetteer
from .model_cache import ServedPipeline
from .request_body import check_values, parse
from .request_gazetteer import RequestGazetteer
from .responses import Pause, dump, dump_found
from .schema import GazetteerWords, Options, StreamHeader, StreamLine
from .settings import ServiceSettings

NDJSON = "application/x-ndjson"
RETRY = 0.05  # seconds until a stream tries again to add a text to a full queue
LINE = re.compile(rb"[^\n]+")
MAX_HEADER_LINE = 1 << 20  # bytes of a first line with a gazetteer


class StreamAnswer:
    """Answer each JSON line of a stream, in order, with one line: its entities, or the error of an invalid line.

    At most two batches of lines are submitted before their answers are sent, so the memory does not grow with the
    number of lines.

    engine (Engine): Recognizes the entities.
    pipeline (ServedPipeline): The pipeline for every line, also for those that are read after a reload.
    options (Options): Options for every line.
    settings (ServiceSettings): Limits of texts, batches and time.
    gazetteer (Optional[RequestGazetteer]): Gazetteer for all lines that contain no gazetteer.
    """

    def __init__(
        self,
        engine: Engine,
        pipeline: ServedPipeline,
        options: Options,
        settings: ServiceSettings,
        gazetteer: RequestGazetteer | None = None,
    ) -> None:
        self._engine, self._pipeline, self._options, self._settings = engine, pipeline, options, settings
        self._gazetteer, self._pause = gazetteer, Pause()
        self._ahead: deque[tuple[dict[str, Any], QueuedText | Refusal]] = deque()

    async def answer(self, lines: Iterable[bytes]) -> AsyncIterator[bytes]:
        """Yield the answers, one or more complete lines at a time.

        lines (Iterable[bytes]): Lines of the request; blank lines are skipped and not numbered.
        YIELDS (bytes): Lines of JSON in UTF-8.
        """
        try:
            ahead, index = 0, 0
            for line in lines:
                await self._pause()
                if not line.strip():
                    continue
                self._ahead.append(await self._submit_line(index, line))
                index += 1
                ahead += len(line)
                # Enough text is submitted for the current batch and the next one.
                while self._ahead and ahead > 2 * self._settings.batch_chars:
                    yield await self._next()
                    ahead = sum(queued.cost for _, queued in self._ahead if isinstance(queued, QueuedText))
            while self._ahead:
                yield await self._next()
        finally:
            self._engine.withdraw([queued for _, queued in self._ahead if isinstance(queued, QueuedText)])

    async def _submit_line(self, index: int, line: bytes) -> tuple[dict[str, Any], QueuedText | Refusal]:
        """Parse a line, and submit its text to the engine.

        index (int): Index of the line; blank lines are not counted.
        line (bytes): JSON in UTF-8.
        RETURNS (tuple[dict[str, Any], QueuedText | Refusal]): The fields `index` and `id` of the answer; and the queued
            text, or the error of an invalid line.
        """
        head: dict[str, Any] = {"index": index}
        try:
            await check_values(line, self._settings.max_values)
            parsed = parse(StreamLine, line)
            head["id"] = parsed.id
            check_length(parsed.text, "text", self._settings.max_chars)
            gazetteer = self._gazetteer
            if parsed.gazetteer is not None:
                gazetteer = await request_gazetteer(parsed.gazetteer, self._pipeline, self._engine, self._settings)
            return head, await self._submit(parsed.text, gazetteer)
        except Refusal as refusal:
            return head, refusal

    async def _submit(self, text: str, gazetteer: RequestGazetteer | None) -> QueuedText:
        """Submit a text to the engine, and return it queued. While the queue is full, try again every RETRY seconds.

        gazetteer (Optional[RequestGazetteer]): Gazetteer for this text; None for no gazetteer.
        RAISES (QueueFull): If the queue is still full at the end of the time limit for the text.
        """
        deadline = asyncio.get_running_loop().time() + self._settings.seconds_for(len(text))
        while True:
            try:
                return self._engine.submit(self._pipeline, [text], gazetteer, owner=self)[0]
            except QueueFull:
                if asyncio.get_running_loop().time() > deadline:
                    raise
                await asyncio.sleep(RETRY)

    async def _next(self) -> bytes:
        """Await the answer to the oldest pending line; return it, joined with those to the next lines that are ready.

        Answered lines are removed from the pending ones.
        """
        lines = [await self._line(*self._ahead[0])]
        self._ahead.popleft()
        while self._ahead and (isinstance(self._ahead[0][1], Refusal) or self._ahead[0][1].future.done()):
            lines.append(await self._line(*self._ahead.popleft()))
        return b"".join(lines)

    async def _line(self, head: dict[str, Any], queued: QueuedText | Refusal) -> bytes:
        """Await the entities of a text, and return its complete JSON line, with the line break at the end.

        head (dict[str, Any]): Fields that the line begins with: `index` and `id`.
        queued (QueuedText | Refusal): The submitted text, or the error to write. An error of the engine and the end of
            the time limit are written in the same way; the text is then withdrawn from the engine.
        """
        if isinstance(queued, Refusal):
            return dump(head | queued.body) + b"\n"
        try:
            found = await await_in_time(queued, self._settings.seconds_for(len(queued.text)))
            check_labels(self._options, self._pipeline)  # again: the pipeline is loaded now, so its labels are known
        except Refusal as refusal:
            self._engine.withdraw([queued])
            return dump(head | refusal.body) + b"\n"
        dumped = await dump_found(queued.text, found, self._options, self._pause)
        return dump(head)[:-1] + b"," + dumped + b"}\n"


class LinesResponse(Response):
    """Streaming response of JSON lines.

    lines (AsyncIterator[bytes]): Yields one or more complete lines. It is closed even if sending fails.
    status_code (int): HTTP status.
    """

    def __init__(self, lines: AsyncIterator[bytes], status_code: int = 200) -> None:
        super().__init__(status_code=status_code, media_type=NDJSON)
        del self.headers["content-length"]
        self._lines = lines

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the lines (ASGI interface).

        RAISES (ClientGone): If the client disconnects before the last line.
        """
        sending = asyncio.ensure_future(self._send(send))
        gone = asyncio.ensure_future(disconnect(receive))
        try:
            await asyncio.wait((sending, gone), return_when=asyncio.FIRST_COMPLETED)
            if not sending.done():
                raise ClientGone
            sending.result()
        finally:
            gone.cancel()
            sending.cancel()
            await asyncio.gather(sending, gone, return_exceptions=True)

    async def _send(self, send: Send) -> None:
        """Send the status and headers and then all lines, and close the iterator of the lines."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        try:
            async for lines in self._lines:
                await send({"type": "http.response.body", "body": lines, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            aclose = getattr(self._lines, "aclose", None)
            if aclose is not None:
                await aclose()


def divide(body: bytes) -> tuple[GazetteerWords | None, Iterator[bytes]]:
    """Split the body of a stream into its optional header and its lines.

    body (bytes): All lines.
    RETURNS (tuple[Optional[GazetteerWords], Iterator[bytes]]): The gazetteer of the header, or None without a header;
        and all other lines, some of which may be blank. The first line is a header if it has a gazetteer and no text.
    RAISES (Refusal): 422 for an invalid gazetteer in the first line.
    """
    # An iterator: a list of up to eight million lines would block the event loop.
    lines = (match.group() for match in LINE.finditer(body))
    first = next((line for line in lines if line.strip()), b"")
    if len(first) <= MAX_HEADER_LINE and b'"gazetteer"' in first:
        try:
            fields = from_json(first)
        except ValueError:  # reported in the response to this line
            fields = None
        if isinstance(fields, dict) and "gazetteer" in fields and "text" not in fields:
            return parse(StreamHeader, first).gazetteer, lines
    return None, chain([first], lines)
