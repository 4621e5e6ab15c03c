"""Measure `zh-tw-ner serve` with 64 clients and with one: requests per second, latencies, errors, memory.

With `--peer`, also measure the memory of a plain transformers pipeline with the same weights in float32, in a separate
process. All texts are different, so that no answer comes from a cache, and stored texts would show as growing memory.
"""

import argparse
import asyncio
import json
import os
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
from benchmarks.synthetic import make_checkpoint, sentences, wordpiece
from spacy_zh_tw_ner.export.export_onnx import write_onnx
from spacy_zh_tw_ner.export.from_hf import pipeline_from_hf
from spacy_zh_tw_ner.export.quantize import TARGETS, write_quantized
from spacy_zh_tw_ner.export.quantize_onnx import quantize_onnx

ROOT = Path(__file__).parents[1]
GOAL, GROWTH = 3.0, 0.03  # requests/s relative to one client; share by which memory may grow
SHAPES = {"base": (12, 768, 12), "small": (4, 312, 12)}
SENTENCES = list(sentences())
PIECES = 21_128  # size of the vocabulary of bert-base-chinese
MEMORY_GOAL = 0.55  # relative to the memory of the peer
# What `pip install .[serve]` does not bring, and transformers, or the CRF, takes where it is there.
HIDDEN = ("sklearn", "scipy", "pandas", "pyarrow", "numba")
PEER = """
import sys
from pathlib import Path
from benchmarks.service import random_text
import random, torch
from transformers import pipeline
torch.set_num_threads(1)
reader = pipeline("token-classification", sys.argv[1], device="cpu")
rng = random.Random(0)
for _ in range(8):
    text = random_text(rng, int(sys.argv[2]))
    reader([text[i : i + 510] for i in range(0, len(text), 510)])  # the longest texts that it accepts
print(Path("/proc/self/status").read_text())
"""
# `quantize --to`, and what `export-onnx` writes.
WEIGHTS = (*TARGETS, "onnx", "onnx-int8")
LABELS = ["O", *(f"{kind}-L{i}" for i in range(18) for kind in "BIES")]


class Result(NamedTuple):
    """Measurements of the clients."""

    statuses: Counter[int]
    seconds: list[float]
    wall: float
    processor: float = 0.0  # seconds of the service

    def cost(self) -> float:
        """Return the service's processor time per answer in ms, which other work on the machine does not change."""
        return 1000 * self.processor / self.statuses[200]

    def rate(self) -> float:
        """Return the answers per second."""
        return self.statuses[200] / self.wall

    def percentile(self, percent: int) -> float:
        """Return the milliseconds within which a percentage of requests was answered."""
        return 1000 * statistics.quantiles(self.seconds, n=100, method="inclusive")[percent - 1]


def pipeline(kind: str, folder: Path) -> Language:
    """Build a pipeline of full size with random weights, which do not affect the time."""
    if kind in SHAPES:
        layers, hidden, heads = SHAPES[kind]
        base = make_checkpoint(
            folder / "base", layers=layers, hidden=hidden, heads=heads, labels=LABELS, tokenizer=wordpiece(PIECES)
        )
        return pipeline_from_hf(str(base))
    config = load_config(ROOT / "configs" / "bilstm.cfg")
    nlp = load_model_from_config({name: config[name] for name in ("nlp", "components")}, auto_fill=True)
    docs = [nlp.make_doc(text) for text in SENTENCES]
    nlp.initialize(lambda: [Example.from_dict(doc, {"entities": [(0, 1, "L0")]}) for doc in docs if len(doc) > 1])
    return nlp


def write(nlp: Language, folder: Path, to: str | None) -> None:
    """Save a pipeline in the form in which it is served."""
    if to is None:
        nlp.to_disk(folder)
    elif to in TARGETS:
        write_quantized(nlp, folder, to, force=True)
    else:
        write_onnx(nlp, folder)
        if to == "onnx-int8":
            quantize_onnx(nlp, folder)


@contextmanager
def served(pipeline: Path | str, threads: int = 1, *, open_files: int | None = None) -> Iterator[tuple[int, int]]:
    """Context manager: run `serve`; yield its port and process.

    pipeline (Path | str): Folder or package.
    threads (int): CPU threads.
    open_files (Optional[int]): Limit of open files of the process.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    run = "from spacy_zh_tw_ner.cli import zh_tw_ner_cli; zh_tw_ner_cli()"
    if open_files is not None:
        run = f"import resource; resource.setrlimit(resource.RLIMIT_NOFILE, ({open_files}, {open_files})); {run}"
    command = [sys.executable, "-c", f"{hidden()}{run}", "serve", str(pipeline), "--port", str(port)]
    command += ["--threads", str(threads)]
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
            yield port, process.pid
        finally:
            process.terminate()


def fetch(port: int, path: str) -> str:
    """Return the answer to a GET request."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=60) as response:
        text: str = response.read().decode()
    return text


def hidden() -> str:
    """Return Python code that hides packages from imports."""
    return f"import sys; sys.modules.update(dict.fromkeys({HIDDEN!r})); "


def memory_of(status: str) -> tuple[float, float]:
    """Return the resident memory of a process and its peak in MiB, from /proc/PID/status."""
    sizes = dict(re.findall(r"^(VmRSS|VmHWM):\s+(\d+) kB", status, re.MULTILINE))
    return int(sizes["VmRSS"]) / 1024, int(sizes["VmHWM"]) / 1024


def memory(pid: int) -> tuple[float, float]:
    """Return the memory of an idle process, and its peak, in MiB."""
    time.sleep(2.5)
    return memory_of(Path(f"/proc/{pid}/status").read_text(encoding="utf-8"))


def peer(base: Path, length: int) -> tuple[float, float]:
    """Return the memory of a plain transformers pipeline after such texts, and its peak, in MiB."""
    command = [sys.executable, "-c", hidden() + PEER, str(base), str(length or 40)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT)
    return memory_of(done.stdout)


def random_text(rng: random.Random, length: int) -> str:
    """Return a new random text; a single sentence if the length is 0."""
    return f"{rng.getrandbits(40)}{''.join(rng.choices(SENTENCES, k=1 + length // 20))}"[: length or None]


async def client(port: int, deadline: float, length: int, seen: Result, seed: int) -> None:
    """Send requests one after another until the deadline."""
    rng = random.Random(seed)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while time.perf_counter() < deadline:
        body = json.dumps({"text": random_text(rng, length)}).encode()
        head = f"POST /v1/entities HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
        start = time.perf_counter()
        writer.write(f"{head}\r\n\r\n".encode() + body)
        headers = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        (size,) = re.findall(r"content-length: (\d+)", headers)
        await reader.readexactly(int(size))
        seen.statuses[int(headers.split(" ", 2)[1])] += 1
        seen.seconds.append(time.perf_counter() - start)
    writer.close()


def processor(pid: int) -> float:
    """Return the seconds of processor time of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def load(port: int, pid: int, clients: int, seconds: float, length: int) -> Result:
    """Run a number of clients for a number of seconds."""
    before = processor(pid)
    seen, start = Result(Counter(), [], 0.0), time.perf_counter()

    async def run() -> None:
        deadline = start + seconds
        await asyncio.gather(*(client(port, deadline, length, seen, start_id) for start_id in range(clients)))

    asyncio.run(run())
    return seen._replace(wall=time.perf_counter() - start, processor=processor(pid) - before)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--encoder", choices=["bilstm", *SHAPES], default="small")
    parser.add_argument("--to", choices=WEIGHTS, help="quantize or export the pipeline first")
    parser.add_argument("--peer", action="store_true", help="measure the memory of a plain transformers pipeline, too")
    parser.add_argument(
        "--rounds", type=int, default=1, help="rounds with one client and with all; medians are printed"
    )
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--threads", type=int, default=1, help="threads of the service: its option --threads")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--length", type=int, default=0, help="characters of a text; 0 for single sentences")
    parser.add_argument(
        "--requests", type=int, default=0, help="after the table, continue until this many requests are answered"
    )
    options = parser.parse_args()
    torch.set_num_threads(1)
    print(machine())
    with TemporaryDirectory() as name:
        folder = Path(name)
        nlp = pipeline(options.encoder, folder)
        (folder / "pipeline").mkdir()
        write(nlp, folder / "pipeline", options.to)
        del nlp
        beside = peer(folder / "base", options.length) if options.peer else None
        with served(folder / "pipeline", options.threads) as (port, pid):
            load(port, pid, options.clients, 3.0, options.length)
            sizes = [memory(pid)]
            rounds = [
                {n: load(port, pid, n, options.seconds, options.length) for n in (1, options.clients)}
                for _ in range(options.rounds)
            ]
            sizes.append(memory(pid))
            answered = sum(result.statuses[200] for results in rounds for result in results.values())
            while answered < options.requests:
                answered += load(port, pid, options.clients, 10.0, options.length).statuses[200]
                sizes.append(memory(pid))
    report(rounds)
    print("MiB at rest:", " ".join(f"{now:.0f}" for now, _ in sizes), f"– the most at any time: {sizes[-1][1]:.0f}")
    growth = sizes[-1][0] / sizes[0][0] - 1
    print(f"{answered} requests: {growth:+.1%} (goal ≤ {GROWTH:.0%})")
    if beside is not None:
        shares = [mine / theirs for mine, theirs in zip(sizes[-1], beside, strict=True)]
        print(
            f"transformers, float32: {beside[0]:.0f} MiB, at most {beside[1]:.0f}; the service has {shares[0]:.2f} and "
            f"{shares[1]:.2f} of that (goal ≤ {MEMORY_GOAL})"
        )


def report(rounds: list[dict[int, Result]]) -> None:
    """Print the measurements of the clients, as medians of the rounds."""
    one = [results[1].rate() for results in rounds]
    rows = []
    for n in rounds[0]:
        seen = [results[n] for results in rounds]
        answers = sum((result.statuses for result in seen), Counter[int]())
        rows.append(
            (
                n,
                f"{statistics.median(r.rate() for r in seen):.1f}",
                f"{statistics.median(r.rate() / alone for r, alone in zip(seen, one, strict=True)):.2f}",
                f"{statistics.median(r.cost() for r in seen):.1f}",
                f"{statistics.median(o[1].cost() / r.cost() for o, r in zip(rounds, seen, strict=True)):.2f}",
                *(f"{statistics.median(r.percentile(percent) for r in seen):.0f}" for percent in (50, 99)),
                ", ".join(f"{status}: {count}" for status, count in sorted(answers.items())),
            )
        )
    header = ("clients", "requests/s", f"ratio (goal {GOAL:g})", "processor ms a request", "ratio")
    print(table(rows, header=(*header, "p50 ms", "p99 ms", "answers")))


if __name__ == "__main__":
    main()
