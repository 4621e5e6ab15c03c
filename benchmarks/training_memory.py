"""Measure the memory of a process that trains on a CPU, over the steps of a run: resident and peak.

Two models run in separate processes on the bundled corpus: a BERT with random weights and batches of 1,024 wordpieces,
padding included, and the BiLSTM of `configs/bilstm.cfg`; with the evaluations and checkpoints of `zh-tw-ner train`.
Memory is read from Linux (VmRSS, and VmHWM, which is reset after each line).
"""

import json
import os
import platform
import re
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any

from benchmarks.measure import table

MODELS = ("bert", "bilstm")
EVERY, FROM = 150, 300  # steps per line; the step after which memory must not grow
GOAL = 5.0  # percent by which memory may be above or below the middle
BATCH = 1_024


def print_curves(steps: int, *, only: str | None, layers: int, hidden: int) -> None:
    """Train the models, and print a table for each."""
    libraries = ", ".join(f"{name} {version(name)}" for name in ("spacy", "thinc", "transformers"))
    print(f"{libraries}, {' '.join(platform.libc_ver())}")
    for model in [only] if only else MODELS:
        command = [sys.executable, "-m", "benchmarks.training_memory", model, str(steps), str(layers), str(hidden)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, encoding="utf-8") as process:
            assert process.stdout is not None
            rows = [json.loads(line) for line in process.stdout if line.startswith("[")]
        if process.returncode:
            sys.exit(process.returncode)
        name = f"{layers} × {hidden} BERT, {BATCH:,} wordpieces a batch" if model == "bert" else "BiLSTM"
        print(f"\n{name}\n")
        cells = [(step, f"{rss:.0f}", f"{peak:.0f}", f"{ms:.0f}") for step, rss, peak, ms in rows]
        print(table(cells, header=("step", "resident MiB", "peak MiB", "processor ms a step")))
        flat = [row for row in rows if row[0] >= FROM]
        for column, label in ((1, "resident"), (2, "peak")):
            print(f"{label} from step {FROM}: ±{spread([row[column] for row in flat]):.1f} % (goal ±{GOAL:.0f} %)")


def spread(values: list[float]) -> float:
    """Return the largest distance of values from the middle between highest and lowest, in percent."""
    if not values:
        return 0.0
    low, high = min(values), max(values)
    return 100 * (high - low) / (high + low)


def train(model: str, steps: int, layers: int, hidden: int) -> None:
    """Train one model, and print a line of JSON every EVERY steps."""
    import torch
    from spacy.training.initialize import init_nlp
    from spacy.util import registry

    from spacy_zh_tw_ner.cli.main import zh_tw_ner_cli  # noqa: F401  (registers what configs name)
    from spacy_zh_tw_ner.corpora.convert import ConvertSettings, convert
    from spacy_zh_tw_ner.planning.presets import read_config, with_settings
    from spacy_zh_tw_ner.training import loop

    torch.set_num_threads(1)
    registry.loggers("benchmarks.memory.v1", func=lambda: partial(log_memory, EVERY))
    with TemporaryDirectory() as folder:
        corpus = Path(folder) / "corpus"
        convert(Path("assets/taiwan"), corpus, ConvertSettings(), notify=lambda message: None)
        settings: dict[str, Any] = {
            "paths.train": str(corpus / "train.spacy"),
            "paths.dev": str(corpus / "dev.spacy"),
            "training.max_steps": steps,
            "training.eval_frequency": EVERY,
            "training.logger": {"@loggers": "benchmarks.memory.v1"},
        }
        if model == "bert":
            from benchmarks.synthetic import make_checkpoint

            base = make_checkpoint(Path(folder) / "base", layers=layers, hidden=hidden, heads=hidden // 32)
            settings |= {"paths.base": str(base), "training.batcher.size": BATCH}
        name = {"bert": "transformer", "bilstm": "bilstm"}[model]
        nlp = init_nlp(with_settings(read_config(name), settings).interpolate())
        loop.train(nlp, Path(folder) / "output")


def log_memory(
    every: int, nlp: Any, stdout: IO[str], stderr: IO[str]
) -> tuple[Callable[[Any], None], Callable[[], None]]:
    """Log the memory every few steps, including that of evaluations."""
    step, clock = 0, time.process_time()

    def log_step(info: Any) -> None:
        nonlocal step, clock
        if step and step % every == 0:
            now = time.process_time()
            print(
                json.dumps([step, read_memory("VmRSS"), read_memory("VmHWM"), 1000 * (now - clock) / every]), flush=True
            )
            clock = now
            reset_peak()
        step += 1

    return log_step, lambda: None


def read_memory(name: str) -> float:
    """Return a figure of /proc/self/status in MiB."""
    found = re.search(rf"{name}:\s+(\d+) kB", Path("/proc/self/status").read_text(encoding="utf-8"))
    assert found is not None
    return int(found[1]) / 1024


def reset_peak() -> None:
    """Reset VmHWM to the resident memory."""
    with open("/proc/self/clear_refs", "w", encoding="utf-8") as file:
        file.write("5")


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    train(sys.argv[1], *map(int, sys.argv[2:5]))
