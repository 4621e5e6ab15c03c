"""`zh-tw-ner serve` under 64 clients beside one request at a time: requests a second, latencies, errors, memory.

Every text is another one, so that nothing is answered from a cache, and memory that kept texts would grow.
"""

import argparse
import asyncio
import json
import random
import re
import socket
import statistics
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import torch
from spacy.language import Language
from spacy.training import Example
from spacy.util import load_config, load_model_from_config

from benchmarks.measure import machine, table
from spacy_zh_tw_ner.pipeline.from_hf import pipeline_from_hf
from tests.checkpoints import make_checkpoint, sentences

ROOT = Path(__file__).parents[1]
GOAL, GROWTH = 3.0, 0.03  # times the requests/s of one at a time; share by which memory may grow
SHAPES = {"base": (12, 768, 12), "small": (4, 312, 12)}
SENTENCES = list(sentences())
LABELS = ["O", *(f"{kind}-L{i}" for i in range(18) for kind in "BIES")]


class Result(NamedTuple):
    """What clients have seen."""

    statuses: Counter[int]
    seconds: list[float]
    wall: float

    def rate(self) -> float:
        """Answers a second."""
        return self.statuses[200] / self.wall

    def percentile(self, percent: int) -> float:
        """Milliseconds within which so many percent were answered."""
        return 1000 * statistics.quantiles(self.seconds, n=100, method="inclusive")[percent - 1]


def pipeline(kind: str, folder: Path) -> Language:
    """A pipeline of full size with random weights: time does not depend on what they are."""
    if kind in SHAPES:
        layers, hidden, heads = SHAPES[kind]
        base = make_checkpoint(folder / "base", layers=layers, hidden=hidden, heads=heads, labels=LABELS)
        return pipeline_from_hf(str(base))
    config = load_config(ROOT / "configs" / "bilstm.cfg")
    nlp = load_model_from_config({name: config[name] for name in ("nlp", "components")}, auto_fill=True)
    docs = [nlp.make_doc(text) for text in SENTENCES]
    nlp.initialize(lambda: [Example.from_dict(doc, {"entities": [(0, 1, "L0")]}) for doc in docs if len(doc) > 1])
    return nlp


@contextmanager
def served(folder: Path) -> Iterator[int]:
    """Run the command, and yield its port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    command = [sys.executable, "-m", "spacy", "zh-tw-ner", "serve", str(folder), "--port", str(port), "--threads", "1"]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        try:
            while True:
                try:
                    fetch(port, "/readyz")
                    break
                except OSError:
                    if process.poll() is not None:
                        raise RuntimeError("the service ended") from None
                    time.sleep(0.2)
            yield port
        finally:
            process.terminate()


def fetch(port: int, path: str) -> str:
    """What a GET brings."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=60) as response:
        text: str = response.read().decode()
    return text


def resident(port: int) -> float:
    """MiB of the service's process."""
    (value,) = re.findall(r"^process_resident_memory_bytes (\S+)", fetch(port, "/metrics"), re.MULTILINE)
    return float(value) / 2**20


async def client(port: int, deadline: float, length: int, seen: Result, seed: int) -> None:
    """Ask, wait for the answer, ask again."""
    rng, said = random.Random(seed), SENTENCES
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while time.perf_counter() < deadline:
        text = f"{rng.getrandbits(40)}{''.join(rng.choices(said, k=1 + length // 20))}"[: length or None]
        body = json.dumps({"text": text}).encode()
        head = f"POST /v1/entities HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
        start = time.perf_counter()
        writer.write(f"{head}\r\n\r\n".encode() + body)
        headers = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        (size,) = re.findall(r"content-length: (\d+)", headers)
        await reader.readexactly(int(size))
        seen.statuses[int(headers.split(" ", 2)[1])] += 1
        seen.seconds.append(time.perf_counter() - start)
    writer.close()


def load(port: int, clients: int, seconds: float, length: int) -> Result:
    """So many clients for so long."""
    seen, start = Result(Counter(), [], 0.0), time.perf_counter()

    async def run() -> None:
        deadline = start + seconds
        await asyncio.gather(*(client(port, deadline, length, seen, start_id) for start_id in range(clients)))

    asyncio.run(run())
    return seen._replace(wall=time.perf_counter() - start)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--encoder", choices=["bilstm", *SHAPES], default="small")
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--length", type=int, default=0, help="characters of a text; 0 for single sentences")
    parser.add_argument("--requests", type=int, default=0, help="after the table, go on until so many are answered")
    options = parser.parse_args()
    torch.set_num_threads(1)
    print(machine())
    with TemporaryDirectory() as folder:
        pipeline(options.encoder, Path(folder)).to_disk(Path(folder) / "pipeline")
        with served(Path(folder) / "pipeline") as port:
            load(port, options.clients, 3.0, options.length)
            memory = [resident(port)]
            results = {n: load(port, n, options.seconds, options.length) for n in (1, options.clients)}
            memory.append(resident(port))
            answered = sum(result.statuses[200] for result in results.values())
            while answered < options.requests:
                answered += load(port, options.clients, 10.0, options.length).statuses[200]
                memory.append(resident(port))
    one = results[1].rate()
    rows = [
        (
            *(n, f"{r.rate():.1f}", f"{r.rate() / one:.2f}", f"{r.percentile(50):.0f}", f"{r.percentile(99):.0f}"),
            ", ".join(f"{status}: {count}" for status, count in sorted(r.statuses.items())),
        )
        for n, r in results.items()
    ]
    print(table(rows, header=("clients", "requests/s", f"ratio (goal {GOAL:g})", "p50 ms", "p99 ms", "answers")))
    print("MiB:", " ".join(f"{value:.0f}" for value in memory))
    growth = memory[-1] / memory[0] - 1
    print(
        f"{answered} requests; {memory[0]:.0f} MiB before, {memory[-1]:.0f} after: {growth:+.1%} (goal ≤ {GROWTH:.0%})"
    )


if __name__ == "__main__":
    main()
