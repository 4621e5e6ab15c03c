"""Measure learning rates, speed, remaining time and memory, which spaCy's loop does not pass to loggers."""

import re
import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

import torch
from spacy.language import Language
from spacy.util import registry

from .optimizers import GroupedOptimizer

MIB = 2**20


class Memory(NamedTuple):
    """The most that was taken until now, in MiB, and of what: "GPU" or "RSS", the memory of the process."""

    mib: float
    of: str


def peak_memory() -> Memory | None:
    """Look up the highest memory so far: what torch had allocated on the GPU, or else the whole process in RAM.

    RETURNS (Optional[Memory]): None where the system does not say (Windows).
    """
    if torch.cuda.is_available() and (allocated := torch.cuda.max_memory_allocated()):
        return Memory(allocated / MIB, "GPU")
    try:
        # Unlike getrusage, this does not begin with what the parent process had.
        high_water = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text(encoding="utf-8"))
        if high_water:
            return Memory(int(high_water[1]) / 1024, "RSS")
    except OSError:
        pass
    if sys.platform == "win32":
        return None
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return Memory(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / MIB, "RSS")


class Rates:
    """The learning rates of every step.

    A logger is not given the optimizer. The rates follow from the config, so a second optimizer is made of it, which
    holds no weights and only runs through its schedules. What is not seen is what lies behind a rate: the factors of
    `layer_decay` and `lora_rate`, and steps that fp16 left out.

    nlp (Language): The pipeline, with the config of its training.
    """

    def __init__(self, nlp: Language) -> None:
        settings = nlp.config.interpolate()["training"]["optimizer"]
        self._optimizer = registry.resolve({"optimizer": settings})["optimizer"]
        self._step = 0

    def at(self, step: int) -> dict[str, float]:
        """Look up the rates with which a step was made; steps may not go backwards.

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
    """How fast training goes, and how long it still takes.

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
        """Since training began, without the time between the end of a process and its resumption."""
        return self._earlier + self._clock() - self._began

    def start_at(self, *, words: int, seconds: float) -> None:
        """Count from where a run was resumed.

        words (int): Tokens seen before. seconds (float): That the run took before.
        """
        self._words, self._earlier = words, seconds

    def step(self) -> None:
        """Note a step that was not evaluated."""
        now = self._clock()
        self._training, self._n_steps, self._last = self._training + now - self._last, self._n_steps + 1, now

    def characters_per_second(self, words: int) -> float | None:
        """Compute the speed of training since `resume`, without the evaluation at the end.

        words (int): Tokens since training began, the evaluated step included.
        RETURNS (Optional[float]): None where each step was evaluated, as the first is: the two cannot be told apart.
        """
        share = self._n_steps / (self._n_steps + 1)
        return (words - self._words) * share / self._training if self._training else None

    def last_step(self, step: int, epoch: int) -> float | None:
        """Say at which step training ends if `patience` does not end it, or None where nothing else does.

        Where it ends after so many epochs, the steps of one are known only roughly, and better with each.
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
        """Estimate from the steps since the first evaluation, all later evaluations included."""
        now = self._clock()
        if self._first is None:
            self._first = step, now
        first, began = self._first
        if last_step is None or step <= first:
            return None
        return (now - began) / (step - first) * max(0.0, last_step - step)

    def resume(self, words: int) -> None:
        """Go on after an evaluation."""
        self._training, self._n_steps, self._words, self._last = 0.0, 0, words, self._clock()


def losses_per_character(nlp: Language, losses: dict[str, Any], characters: int) -> tuple[float, dict[str, float]]:
    """Divide spaCy's sums, so that they can be compared whatever was summed.

    nlp (Language): The pipeline.
    losses (dict): By component.
    characters (int): Tokens that they are of.
    RETURNS (tuple[float, dict[str, float]]): Of the components that predict something, together; and of each. What
        others listen to, such as a Transformer, reports the size of its gradient, which is no loss.
    """
    each = {name: float(loss) / max(1, characters) for name, loss in losses.items()}
    listened = {name for name, component in nlp.pipeline if getattr(component, "listening_components", None)}
    return sum(loss for name, loss in each.items() if name not in listened), each
