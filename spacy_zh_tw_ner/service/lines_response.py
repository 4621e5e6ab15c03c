"""Streaming response: lines are sent as they are produced, until they end or the client disconnects."""

import asyncio
from collections.abc import AsyncIterator

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from .http_errors import ClientGone
from .reading import disconnect

NDJSON = "application/x-ndjson"


class LinesResponse(Response):
    """Response of JSON lines.

    lines (AsyncIterator[bytes]): One or more complete lines per item. It is closed even if sending fails.
    status_code (int): HTTP status.
    """

    def __init__(self, lines: AsyncIterator[bytes], status_code: int = 200) -> None:
        super().__init__(status_code=status_code, media_type=NDJSON)
        del self.headers["content-length"]
        self._lines = lines

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the lines.

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
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        try:
            async for lines in self._lines:
                await send({"type": "http.response.body", "body": lines, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            aclose = getattr(self._lines, "aclose", None)
            if aclose is not None:
                await aclose()
