"""Measure latencies of `zh-tw-ner serve` while other clients are slow, stall, or send too much.

Each row has one kind of attack, the last row all of them. Goals: `/readyz` answers within 100 ms each time, and 95 % of
requests of 30 characters within 1 s. `--open-files 128` runs the service with that limit.
"""

import argparse
import asyncio
import contextlib
import json
import random
import re
import statistics
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import NamedTuple

from benchmarks.measure import machine, table
from benchmarks.service import memory, random_text, served

PROBE_GOAL, REQUEST_GOAL = 0.1, 1.0
HEAD = "POST {path} HTTP/1.1\r\nHost: a\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\r\n"
Client = Callable[[int], Awaitable[None]]


class Seen(NamedTuple):
    """Seconds and statuses of probes and of short requests."""

    probes: list[float]
    requests: list[float]
    statuses: Counter[int]


def post(body: bytes, path: str = "/v1/entities", kind: str = "application/json") -> bytes:
    """Build a POST request."""
    return HEAD.format(path=path, kind=kind, length=len(body)).encode() + body


async def exchange(port: int, request: bytes) -> int:
    """Send a request over a new connection, and return the status of the answer; 0 where there is none."""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            writer.write(request)
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            if length := re.findall(r"(?i)content-length: (\d+)", head):
                await reader.readexactly(int(length[0]))
            else:
                while not (await reader.read(1 << 16)).endswith(b"0\r\n\r\n"):
                    if reader.at_eof():
                        return 0
            return int(head.split(" ", 2)[1])
        finally:
            writer.close()
    except (OSError, EOFError, asyncio.IncompleteReadError):
        return 0


async def half_open(port: int, part: bytes) -> None:
    """Hold a connection on which nothing, or a part of a header, has come; open it again when it is closed."""
    while True:
        with contextlib.suppress(OSError):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                writer.write(part)
                await reader.read()
            finally:
                writer.close()
        await asyncio.sleep(0.05)


async def slow_body(port: int) -> None:
    """Send a byte a second."""
    while True:
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(HEAD.format(path="/v1/entities", kind="application/json", length=1_000).encode())
            while not writer.is_closing():
                writer.write(b" ")
                await writer.drain()
                await asyncio.sleep(1)


async def endless_body(port: int) -> None:
    """Send chunks without end to a route that does not read them."""
    head = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    while True:
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(head)
            while True:
                writer.write(b"10000\r\n" + bytes(65_536) + b"\r\n")
                await writer.drain()


async def stalled_reader(port: int) -> None:
    """Ask for a large answer and never read it."""
    line = json.dumps({"text": "王小明在臺北市接見台積電董事長。" * 8, "id": "x" * 2_000}).encode() + b"\n"
    while True:
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", port, limit=1)
            writer.transport.pause_reading()
            writer.write(post(line * 3_000, "/v1/entities/stream", "application/x-ndjson"))
            await writer.drain()
            await asyncio.sleep(60)
            writer.transport.abort()


async def repeat(port: int, request: bytes) -> None:
    """Send the same request again and again."""
    while True:
        if not await exchange(port, request):
            await asyncio.sleep(0.05)


def attacks() -> dict[str, list[Client]]:
    """Return the attacks by name: lists of clients, which are functions of the port."""
    rng = random.Random(0)
    million = json.dumps({"text": random_text(rng, 1_000_000)}).encode()
    many = json.dumps({"texts": [random_text(rng, 800) for _ in range(1_000)]}).encode()
    values = b'{"texts":[' + b"0," * 4_000_000 + b"0]}"
    lines = b"x\n" * 4_000_000
    headers = b"GET / HTTP/1.1\r\nHost: a\r\n" + b"x: y\r\n" * 1_000_000
    query = b"GET /?" + b"q" * 8_000_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n"

    def sends(request: bytes) -> Client:
        return partial(repeat, request=request)

    return {
        "nobody": [],
        "100 half-open": [partial(half_open, part=part) for part in (b"", b"GET / HTTP/1.1\r\nHo") * 50],
        "8 stalled readers": [stalled_reader] * 8,
        "20 slow bodies": [slow_body] * 20,
        "4 endless bodies": [endless_body] * 4,
        "a million characters": [sends(post(million))],
        "1,000 texts of 800": [sends(post(many))],
        "4,000,000 values": [sends(post(values))],
        "4,000,000 bad lines": [sends(post(lines, "/v1/entities/stream", "application/x-ndjson"))],
        "6 MB of headers": [sends(headers)] * 2,
        "8 MB of query": [sends(query)] * 2,
    }


@asynccontextmanager
async def at_work(port: int, clients: list[Client]) -> AsyncIterator[None]:
    """Keep clients at work."""
    tasks = [asyncio.ensure_future(client(port)) for client in clients]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def watch(port: int, seconds: float) -> Seen:
    """Ask probes ten times a second, and send short requests one after the other from two clients."""
    seen, deadline, rng = Seen([], [], Counter()), time.perf_counter() + seconds, random.Random(1)

    async def timed(request: bytes, into: list[float]) -> None:
        start = time.perf_counter()
        seen.statuses[await exchange(port, request)] += 1
        into.append(time.perf_counter() - start)

    async def probe() -> None:
        while time.perf_counter() < deadline:
            await timed(b"GET /readyz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", seen.probes)
            await asyncio.sleep(0.1)

    async def ask() -> None:
        while time.perf_counter() < deadline:
            await timed(post(json.dumps({"text": random_text(rng, 30)}).encode()), seen.requests)
            await asyncio.sleep(0.05)

    await asyncio.gather(probe(), ask(), ask())
    return seen


async def run(port: int, seconds: float, only: str | None) -> list[tuple[str, Seen]]:
    """Measure each attack by itself, and the one of the issue: half-open, stalled and a million characters at once."""
    kinds, rows = attacks(), []
    kinds["half-open, stalled, a million"] = [
        *kinds["100 half-open"],
        *kinds["8 stalled readers"],
        *kinds["a million characters"],
    ]
    kinds["all at once"] = [client for clients in list(kinds.values())[:-1] for client in clients]
    for name, clients in kinds.items():
        if only is None or only in name:
            async with AsyncExitStack() as stack:
                await stack.enter_async_context(at_work(port, clients))
                await asyncio.sleep(1)
                rows.append((name, await watch(port, seconds)))
            await asyncio.sleep(2)
    return rows


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pipeline", default="zh_tw_ner", help="folder or package to serve")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=15.0, help="seconds of each attack")
    parser.add_argument("--open-files", type=int, help="limit of the service's open files")
    parser.add_argument("--only", help="run only attacks whose names contain this")
    options = parser.parse_args()
    print(machine())
    with served(options.pipeline, options.threads, open_files=options.open_files) as (port, pid):
        before = memory(pid)[0]
        rows = asyncio.run(run(port, options.seconds, options.only))
        after = memory(pid)
    header = ("clients", "/readyz p50, worst ms", "30 characters p50, p95, worst ms", "answers")
    print(table([_row(name, seen) for name, seen in rows], header=header))
    print(f"MiB at rest: {before:.0f}, {after[0]:.0f}, at most {after[1]:.0f}")
    for name, seen in rows:
        if max(seen.probes) > PROBE_GOAL or _percentile(seen.requests, 95) > REQUEST_GOAL:
            print(f"missed: {name}")


def _row(name: str, seen: Seen) -> tuple[str, ...]:
    probes = f"{1000 * statistics.median(seen.probes):.0f}, {1000 * max(seen.probes):.0f}"
    times = [statistics.median(seen.requests), _percentile(seen.requests, 95), max(seen.requests)]
    answers = ", ".join(f"{status}: {count}" for status, count in sorted(seen.statuses.items()))
    return name, probes, ", ".join(f"{1000 * seconds:.0f}" for seconds in times), answers


def _percentile(values: list[float], percent: int) -> float:
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


if __name__ == "__main__":
    main()
