"""Measure learning rates, speed, remaining time and peak memory, which spaCy does not pass to training loggers."""

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
    """Peak memory since the start of the process.

    mib: The peak in MiB.
    of: "GPU" for the memory that torch has allocated on the GPU, "RSS" for the resident main memory of the process.
    """

    mib: float
    of: str


def peak_memory() -> PeakMemory | None:
    """Return the peak memory since the start of the process.

    RETURNS (Optional[PeakMemory]): With a GPU, the memory that torch has allocated on it; without a GPU, the resident
        main memory. None on Windows without a GPU.
    """
    if torch.cuda.is_available() and (allocated := torch.cuda.max_memory_allocated()):
        return PeakMemory(allocated / MIB, "GPU")
    resident = peak_resident_memory()
    return None if resident is None else PeakMemory(resident / MIB, "RSS")


def peak_resident_memory() -> int | None:
    """Return the peak resident memory of this process in bytes; None on Windows."""
    with suppress(OSError):
        # On Linux. getrusage is not used there: its peak includes that of the parent process before exec.
        status = Path("/proc/self/status").read_text(encoding="utf-8")
        if high_water := re.search(r"VmHWM:\s+(\d+) kB", status):
            return int(high_water[1]) * 1024
    if sys.platform == "win32":
        return None
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


class Rates:
    """Learning rates of each step, computed from the config, because spaCy does not pass the optimizer to loggers.

    A second optimizer is built from the config. It updates no weights; only its learning rate schedules are advanced.
    The settings `layer_decay` and `lora_rate` of the optimizer, which change the rates of some layers and of adapters,
    are not applied. Updates that are skipped because fp16 gradients overflow are counted as steps.

    nlp (Language): The pipeline, with the config of its training.
    """

    def __init__(self, nlp: Language) -> None:
        settings = nlp.config.interpolate()["training"]["optimizer"]
        self._optimizer = registry.resolve({"optimizer": settings})["optimizer"]
        self._step = 0

    def at(self, step: int) -> dict[str, float]:
        """Return the learning rates of a step.

        step (int): The step, counted from 0. It must not be less than in the previous call.
        RETURNS (dict[str, float]): Rates of "encoder" and "head"; or of "all", if there is a single rate.
        """
        for _ in range(self._step, step):
            self._optimizer.step_schedules()
        self._step = max(self._step, step)
        rate = float(self._optimizer.learn_rate)
        if isinstance(self._optimizer, GroupedOptimizer):
            return {"encoder": float(self._optimizer.encoder_rate), "head": rate}
        return {"all": rate}


class Pace:
    """Measures the speed of a training run, and estimates its remaining time.

    The training logger calls `step` after each step without evaluation. After a step with evaluation, it calls
    `last_step`, `characters_per_second` and `seconds_left`, and then `resume`. If the run was resumed, it calls
    `start_at` at the first evaluation.

    max_steps (int): The setting `max_steps` of [training]; 0 for no limit.
    max_epochs (int): The setting `max_epochs` of [training]; 0 or −1 for no limit.
    clock (Callable[[], float]): Returns the current time in seconds.
    """

    def __init__(self, max_steps: int, max_epochs: int, clock: Callable[[], float] = perf_counter) -> None:
        self._max_steps, self._max_epochs, self._clock = max_steps, max_epochs, clock
        self._began = self._last = clock()
        self._training, self._n_steps, self._words = 0.0, 0, 0
        self._earlier = 0.0  # seconds of training before a run was resumed in this process
        self._first: tuple[int, float] | None = None  # step and time of the first evaluation
        self._epoch_bounds = (0.0, float("inf"))  # bounds of the number of steps in an epoch

    @property
    def seconds(self) -> float:
        """Return the duration of training in seconds, without the pause between two processes of a resumed run."""
        return self._earlier + self._clock() - self._began

    def start_at(self, *, words: int, seconds: float) -> None:
        """Set the tokens and the time of earlier processes, if the run was resumed.

        words (int): Number of tokens that were processed before this process.
        seconds (float): Duration of training before this process.
        """
        self._words, self._earlier = words, seconds

    def step(self) -> None:
        """Record the end of a training step after which there is no evaluation."""
        now = self._clock()
        self._training, self._n_steps, self._last = self._training + now - self._last, self._n_steps + 1, now

    def characters_per_second(self, words: int) -> float | None:
        """Return the training speed since the last evaluation, without the step that was evaluated just now.

        This step is left out, because its measured time includes the evaluation.

        words (int): Number of tokens processed since training began, including the evaluated step.
        RETURNS (Optional[float]): Characters per second; None if there is no other step since the last evaluation.
        """
        share = self._n_steps / (self._n_steps + 1)
        return (words - self._words) * share / self._training if self._training else None

    def last_step(self, step: int, epoch: int) -> float | None:
        """Estimate the number of the last step from `max_steps` and `max_epochs`. `patience` may end training earlier.

        The number of steps in an epoch is estimated from the epochs so far.

        step (int): The current step.
        epoch (int): The current epoch.
        RETURNS (Optional[float]): Number of the last step. None if there is no limit, or if only `max_epochs` is a
            limit and the first epoch is not complete.
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
        """Estimate the remaining time from the average time per step since the first evaluation.

        step (int): The current step.
        last_step (Optional[float]): Number of the last step of the run, from the method `last_step`; None if unknown.
        RETURNS (Optional[float]): Seconds; None if `last_step` is None, or in the first call.
        """
        now = self._clock()
        if self._first is None:
            self._first = step, now
        first, began = self._first
        if last_step is None or step <= first:
            return None
        return (now - began) / (step - first) * max(0.0, last_step - step)

    def resume(self, words: int) -> None:
        """Begin a new measurement of speed, after an evaluation.

        words (int): Number of tokens processed since training began.
        """
        self._training, self._n_steps, self._words, self._last = 0.0, 0, words, self._clock()


def losses_per_character(nlp: Language, losses: dict[str, Any], characters: int) -> tuple[float, dict[str, float]]:
    """Divide spaCy's sums of losses by the number of characters, so that losses of evaluations can be compared.

    nlp (Language): The pipeline, which shows which components have listeners.
    losses (dict[str, Any]): Component → sum of its losses.
    characters (int): Number of characters (tokens) over which spaCy has summed the losses.
    RETURNS (tuple[float, dict[str, float]]): The total loss per character, and that of each component. The total leaves
        out components with listeners, such as a Transformer: their "loss" is the size of the gradient.
    """
    each = {name: float(loss) / max(1, characters) for name, loss in losses.items()}
    listened = {name for name, component in nlp.pipeline if getattr(component, "listening_components", None)}
    return sum(loss for name, loss in each.items() if name not in listened), each
