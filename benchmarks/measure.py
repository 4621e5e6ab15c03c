"""Shared functions of the benchmarks: run contestants in turn on one thread, take medians, print the machine."""

import gc
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate
from pathlib import Path

import torch
from torch.profiler import ProfilerActivity, profile


def machine() -> str:
    """Return one line that describes the machine: CPU, on Linux with its family and model, threads and versions."""
    cpu = platform.processor() or platform.machine()
    try:
        fields = dict[str, str]()
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            for line in file:
                name, _, value = line.partition(":")
                fields.setdefault(name.strip(), value.strip())
        cpu = f"{fields['model name']} (family {fields['cpu family']}, model {fields['model']})"
    except (OSError, KeyError):
        pass
    return (
        f"{cpu}, {torch.get_num_threads()} thread(s), Python {platform.python_version()}, torch {torch.__version__}, "
        f"{platform.system()}"
    )


def interleaved(
    contestants: Mapping[str, Callable[[], object]],
    *,
    rounds: int = 7,
    at_least: float = 0.0,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, float]:
    """Time functions in turn, A B C A B C …, so that a slow phase of the machine affects all of them.

    contestants (Mapping[str, Callable[[], object]]): Functions by name. Each runs once before it is timed.
    rounds (int): Number of rounds.
    at_least (float): Seconds per turn; a shorter function is repeated, and the mean is taken.
    clock (Callable[[], float]): `time.process_time` if there is other work on the machine and everything runs on one
        thread.
    RETURNS (dict[str, float]): Median seconds of each function.
    """
    for run in contestants.values():
        run()
    times: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(rounds):
        for name, run in contestants.items():
            gc.collect()
            gc.disable()
            calls, start, seconds = 0, clock(), 0.0
            while not calls or seconds < at_least:
                run()
                calls, seconds = calls + 1, clock() - start
            times[name].append(seconds / calls)
            gc.enable()
    return {name: statistics.median(seconds) for name, seconds in times.items()}


def peak_of(run: Callable[[], object]) -> int:
    """Return the largest number of bytes that torch's allocator for the CPU held at once, according to its profiler."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        run()
    events = [event for event in profiler.profiler.kineto_results.events() if event.name() == "[memory]"]
    return int(max(accumulate(event.nbytes() for event in sorted(events, key=lambda event: event.start_ns()))))


def child(folder: Path, module: str, *arguments: object) -> None:
    """Run a module in a process of its own, on one thread, with its output in `train.log`."""
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    with (folder / "train.log").open("ab") as log:
        command = [sys.executable, "-m", module, *map(str, arguments)]
        subprocess.run(command, check=True, env=environment, stdout=log, stderr=subprocess.STDOUT)


def mean_of(values: Sequence[float]) -> str:
    """Return the mean with the half-width of its 95 % interval (Student's t), such as "83.10 ± 1.20"."""
    t = {2: 12.71, 3: 4.30, 4: 3.18, 5: 2.78}.get(len(values), float("nan"))
    return f"{statistics.mean(values):.2f} ± {t * statistics.stdev(values) / len(values) ** 0.5:.2f}"


def table(rows: list[tuple[object, ...]], header: tuple[str, ...]) -> str:
    """Return rows as a Markdown table."""
    lines = [header, tuple("---" for _ in header), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)
