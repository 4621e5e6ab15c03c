"""Measure learning rates, speed, remaining time and memory, which spaCy's loop does not pass to loggers."""

import re
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

import torch
from spacy.language import Language
from spacy.util import registry

from .optimizers import GroupedOptimizer

MIB = 2**20


class PeakMemory(NamedTuple):
    """The highest memory so far in MiB, and whose it is: "GPU", or "RSS" of the process."""

    mib: float
    of: str


def peak_memory() -> PeakMemory | None:
    """Return the highest memory so far: the allocations of torch on the GPU, or else the process in RAM.

    RETURNS (Optional[PeakMemory]): None where the system does not report it (Windows).
    """
    if torch.cuda.is_available() and (allocated := torch.cuda.max_memory_allocated()):
        return PeakMemory(allocated / MIB, "GPU")
    resident = peak_resident_memory()
    return None if resident is None else PeakMemory(resident / MIB, "RSS")


def peak_resident_memory() -> int | None:
    """Return the highest resident memory of this process in bytes; None on Windows."""
    with suppress(OSError):
        # On Linux; getrusage would begin with the memory of the parent process.
        status = Path("/proc/self/status").read_text(encoding="utf-8")
        if high_water := re.search(r"VmHWM:\s+(\d+) kB", status):
            return int(high_water[1]) * 1024
    if sys.platform == "win32":
        return None
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


class Rates:
    """Learning rates of every step.

    A logger is not given the optimizer. The rates follow from the config: a second optimizer is built from it, which
    holds no weights and only advances its schedules. Not included are the factors `layer_decay` and `lora_rate`, and
    steps that fp16 skips.

    nlp (Language): The pipeline, with the config of its training.
    """

    def __init__(self, nlp: Language) -> None:
        settings = nlp.config.interpolate()["training"]["optimizer"]
        self._optimizer = registry.resolve({"optimizer": settings})["optimizer"]
        self._step = 0

    def at(self, step: int) -> dict[str, float]:
        """Return the rates of a step; steps must not decrease.

        step (int): From 0, as spaCy counts.
        RETURNS (dict[str, float]): Of "encoder" and "head", or of "all" where one rate serves all.
        """
        for _ in range(self._step, step):
            self._optimizer.step_schedules()
        self._step = max(self._step, step)
        rate = float(self._optimizer.learn_rate)
        if isinstance(self._optimizer, GroupedOptimizer):
            return {"encoder": float(self._optimizer.encoder_rate), "head": rate}
        return {"all": rate}


class Pace:
    """Speed and remaining time of a run.

    max_steps (int): As in [training]; 0 for no limit.
    max_epochs (int): As in [training]; 0 or −1 for no limit.
    clock (Callable[[], float]): Seconds.
    """

    def __init__(self, max_steps: int, max_epochs: int, clock: Callable[[], float] = perf_counter) -> None:
        self._max_steps, self._max_epochs, self._clock = max_steps, max_epochs, clock
        self._began = self._last = clock()
        self._training, self._n_steps, self._words = 0.0, 0, 0
        self._earlier = 0.0  # seconds before this process, of a run that is resumed
        self._first: tuple[int, float] | None = None  # the first step that was evaluated, and when
        self._epoch_bounds = (0.0, float("inf"))  # of steps in an epoch

    @property
    def seconds(self) -> float:
        """Return the duration of training, without the time between the end of a process and its resumption."""
        return self._earlier + self._clock() - self._began

    def start_at(self, *, words: int, seconds: float) -> None:
        """Continue the counts of a resumed run: tokens seen and seconds taken before."""
        self._words, self._earlier = words, seconds

    def step(self) -> None:
        """Count a step that was not evaluated."""
        now = self._clock()
        self._training, self._n_steps, self._last = self._training + now - self._last, self._n_steps + 1, now

    def characters_per_second(self, words: int) -> float | None:
        """Compute the speed of training since `resume`, without the evaluation at the end.

        words (int): Tokens since training began, the evaluated step included.
        RETURNS (Optional[float]): None if each step was evaluated, as the first is: the two times cannot be separated.
        """
        share = self._n_steps / (self._n_steps + 1)
        return (words - self._words) * share / self._training if self._training else None

    def last_step(self, step: int, epoch: int) -> float | None:
        """Return the step at which training ends unless `patience` ends it, or None without such a limit.

        If the number of epochs is limited, the steps of one are only estimated, and better with each epoch.
        """
        low, high = self._epoch_bounds
        self._epoch_bounds = max(low, step / (epoch + 1)), min(high, step / epoch if epoch else high)
        ends = [float(self._max_steps)] if self._max_steps else []
        if self._max_epochs > 0 and epoch:
            ends.append(max(step, self._max_epochs * sum(self._epoch_bounds) / 2))
        elif self._max_epochs > 0:
            return None
        return min(ends, default=None)

    def seconds_left(self, step: int, last_step: float | None) -> float | None:
        """Estimate the remaining time from the steps since the first evaluation, later evaluations included."""
        now = self._clock()
        if self._first is None:
            self._first = step, now
        first, began = self._first
        if last_step is None or step <= first:
            return None
        return (now - began) / (step - first) * max(0.0, last_step - step)

    def resume(self, words: int) -> None:
        """Continue after an evaluation."""
        self._training, self._n_steps, self._words, self._last = 0.0, 0, words, self._clock()


def losses_per_character(nlp: Language, losses: dict[str, Any], characters: int) -> tuple[float, dict[str, float]]:
    """Divide spaCy's sums of losses by the number of characters, so that they can be compared.

    nlp (Language): The pipeline.
    losses (dict): By component.
    characters (int): Number of tokens.
    RETURNS (tuple[float, dict[str, float]]): The sum over components that predict something, and the loss of each
        component. A component with listeners, such as a Transformer, reports the size of its gradient, which is no
        loss.
    """
    each = {name: float(loss) / max(1, characters) for name, loss in losses.items()}
    listened = {name for name, component in nlp.pipeline if getattr(component, "listening_components", None)}
    return sum(loss for name, loss in each.items() if name not in listened), each
