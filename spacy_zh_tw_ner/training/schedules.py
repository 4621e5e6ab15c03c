"""Learning rate schedules that thinc does not have."""

import math
from collections.abc import Generator
from itertools import count, islice

from ..errors import Errors, TrainingError


def create_linear_v1(
    initial_rate: float, warmup_steps: int, total_steps: int, warmup_share: float = 0.1
) -> Generator[float, None, None]:
    """Registered as `spacy-zh-tw-ner.linear.v1`: thinc's `warmup_linear.v1`, whose warm-up is short in a short run.

        step  0 … warm-up … total_steps
        rate  0 ↗ initial_rate ↘ 0

    Where `total_steps` is 0, which for `max_steps` means no limit, the rate stays at `initial_rate` after the warm-up.

    initial_rate (float): The highest rate.
    warmup_steps (int): Steps of the warm-up in a long run.
    total_steps (int): Steps after which the rate is 0; in a config `${training.max_steps}`. 0 for no end.
    warmup_share (float): The warm-up takes at most this share of `total_steps`.
    YIELDS (float): A rate a step.
    RAISES (TrainingError): If `total_steps` is negative.
    """
    if total_steps < 0:
        raise TrainingError(Errors.ZT447.format(name="spacy-zh-tw-ner.linear.v1", total=total_steps))
    if not total_steps:
        return _linear(initial_rate, warmup_steps, math.inf)
    return _linear(initial_rate, min(warmup_steps, int(total_steps * warmup_share)), total_steps)


def _linear(highest: float, warmup_steps: int, total_steps: float) -> Generator[float, None, None]:
    for step in range(warmup_steps):
        yield step / warmup_steps * highest
    while math.isinf(total_steps):
        yield highest
    for step in count(warmup_steps):
        yield max(0.0, (total_steps - step) / max(1.0, total_steps - warmup_steps)) * highest


def create_cosine_v1(
    initial_rate: float, warmup_steps: int, total_steps: int, final_rate: float = 0.0
) -> Generator[float, None, None]:
    """Registered as `spacy-zh-tw-ner.cosine.v1`: up in a line, then down along half a cosine.

    initial_rate (float): The highest rate.
    warmup_steps (int): Steps of the way up.
    total_steps (int): Steps of both ways; after them `final_rate` stays.
    final_rate (float): The lowest rate.
    YIELDS (float): A rate a step.
    """
    yield from islice(_cosine(initial_rate, warmup_steps, total_steps - warmup_steps, 1.0, final_rate), total_steps)
    while True:
        yield final_rate


def create_cosine_restarts_v1(
    initial_rate: float, warmup_steps: int, period: int, growth: float = 1.0, final_rate: float = 0.0
) -> Generator[float, None, None]:
    """Registered as `spacy-zh-tw-ner.cosine_restarts.v1` (Loshchilov and Hutter 2017, "SGDR").

    initial_rate (float): The rate at which each period begins.
    warmup_steps (int): Steps of the way up, once.
    period (int): Steps of the first period.
    growth (float): Each period is so many times as long as the one before.
    final_rate (float): The rate at which each period ends.
    YIELDS (float): A rate a step.
    """
    return _cosine(initial_rate, warmup_steps, period, growth, final_rate)


def _cosine(
    highest: float, warmup_steps: int, period: float, growth: float, lowest: float
) -> Generator[float, None, None]:
    for step in range(warmup_steps):
        yield highest * (step + 1) / (warmup_steps + 1)
    for cycle in count():
        steps = max(1, round(period * growth**cycle))
        for step in range(steps):
            yield lowest + (highest - lowest) * (1 + math.cos(math.pi * step / steps)) / 2
