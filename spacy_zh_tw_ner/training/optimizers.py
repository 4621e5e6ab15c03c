"""Optimizer with torch's AdamW for the Transformer and thinc's Adam for the head, and learning rate schedules."""

import math
from collections.abc import Iterator
from itertools import count, islice
from typing import TypeAlias

from thinc.api import Optimizer
from thinc.types import Generator

from ..errors import Errors, TrainingError
from ..transformer.optimizers import EncoderOptimizer

RateT: TypeAlias = float | list[float] | Generator


class GroupedOptimizer(Optimizer):
    """thinc's Adam for the head, which also holds the settings of the torch optimizer of the Transformer.

    The head is everything except the Transformer, such as the layers and the transitions of a recognizer.

    head_rate (RateT): Learning rate of the head, or a schedule.
    encoder_rate (RateT): Learning rate of the Transformer, or a schedule.
    encoder (EncoderOptimizer): All other settings of the torch optimizer of the Transformer. That optimizer is created
        at the first step.
    weight_decay (float): Weight decay of the head, except for the transitions of the CRF.
    grad_clip (float): Largest gradient norm of each parameter of the head.
    """

    def __init__(
        self,
        head_rate: RateT,
        encoder_rate: RateT,
        encoder: EncoderOptimizer,
        *,
        weight_decay: float = 0.0,
        grad_clip: float = 1.0,
    ) -> None:
        super().__init__(head_rate, L2=weight_decay, grad_clip=grad_clip, use_averages=False)
        self.encoder = encoder
        self._set_attr_or_schedule("encoder_rate", encoder_rate)  # type: ignore[no-untyped-call]

    @property
    def encoder_rate(self) -> float:
        """Return the current learning rate of the Transformer."""
        return self.encoder.rate

    @encoder_rate.setter
    def encoder_rate(self, rate: float) -> None:
        self.encoder.rate = float(rate)


def create_grouped_optimizer_v1(
    encoder_rate: RateT,
    head_rate: RateT,
    optimizer: str = "adamw",
    weight_decay: float = 0.01,
    layer_decay: float = 1.0,
    lora_rate: float = 1.0,
    beta1: float = 0.9,
    beta2: float = 0.999,
    eps: float = 1e-8,
    grad_clip: float = 1.0,
    head_weight_decay: float = 0.0,
    head_grad_clip: float = 1.0,
) -> GroupedOptimizer:
    """Registered as `spacy-zh-tw-ner.GroupedOptimizer.v1`: one optimizer for the Transformer, one for everything else.

    encoder_rate (float | Generator): Learning rate of the Transformer's last layer, or a schedule.
    head_rate (float | Generator): Learning rate of everything else, or a schedule.
    optimizer (str): Optimizer of the Transformer: "adamw", "adamw_bnb_8bit", "paged_adamw_bnb_8bit" or "adafactor".
    weight_decay (float): Weight decay of the weight matrices of the Transformer. Biases, norms and the matrices B of
        LoRA have no weight decay.
    layer_decay (float): Learning rate of each layer, divided by that of the next layer.
    lora_rate (float): Learning rate of adapters, as a multiple of `encoder_rate`.
    beta1 (float): Decay rate of the first moment of AdamW in the Transformer.
    beta2 (float): Decay rate of the second moment of AdamW in the Transformer.
    eps (float): Epsilon of AdamW in the Transformer.
    grad_clip (float): Largest norm of all gradients of the Transformer together; 0 for no limit.
    head_weight_decay (float): Weight decay of the head.
    head_grad_clip (float): Largest gradient norm of each parameter of the head.
    RETURNS (GroupedOptimizer): The optimizer for [training.optimizer].
    RAISES (ValueError): For an unknown `optimizer`.
    """
    encoder = EncoderOptimizer(
        0.0, optimizer, weight_decay, layer_decay, lora_rate, (beta1, beta2), eps, grad_clip=grad_clip
    )
    return GroupedOptimizer(head_rate, encoder_rate, encoder, weight_decay=head_weight_decay, grad_clip=head_grad_clip)


def create_linear_v1(
    initial_rate: float, warmup_steps: int, total_steps: int, warmup_share: float = 0.1
) -> Iterator[float]:
    """Registered as `spacy-zh-tw-ner.linear.v1`: thinc's `warmup_linear.v1`, with a shorter warm-up in a short run.

        step  0 … warm-up … total_steps
        rate  0 ↗ initial_rate ↘ 0

    initial_rate (float): The highest rate.
    warmup_steps (int): Steps of the warm-up, but at most `warmup_share` × `total_steps`.
    total_steps (int): Steps after which the rate is 0; set it to `${training.max_steps}`. 0 means no limit, as it does
        for `max_steps`: then the rate stays at `initial_rate` after the warm-up.
    warmup_share (float): Largest share of `total_steps` that the warm-up may take, from 0 to 1.
    YIELDS (float): The learning rate of each step, for a setting of [training.optimizer] that accepts a schedule.
    RAISES (TrainingError): If `total_steps` is negative.
    """
    if total_steps < 0:
        raise TrainingError(Errors.ZT447.format(name="spacy-zh-tw-ner.linear.v1", total=total_steps))
    if not total_steps:
        return _linear(initial_rate, warmup_steps, math.inf)
    return _linear(initial_rate, min(warmup_steps, int(total_steps * warmup_share)), total_steps)


def _linear(highest: float, warmup_steps: int, total_steps: float) -> Iterator[float]:
    """Yield rates that rise linearly to `highest`, then fall linearly to 0, or stay if `total_steps` is infinite."""
    for step in range(warmup_steps):
        yield step / warmup_steps * highest
    while math.isinf(total_steps):
        yield highest
    for step in count(warmup_steps):
        yield max(0.0, (total_steps - step) / max(1.0, total_steps - warmup_steps)) * highest


def create_cosine_v1(
    initial_rate: float, warmup_steps: int, total_steps: int, final_rate: float = 0.0
) -> Iterator[float]:
    """Registered as `spacy-zh-tw-ner.cosine.v1`: linear warm-up, then cosine decay.

    initial_rate (float): The highest rate.
    warmup_steps (int): Steps of the warm-up.
    total_steps (int): Steps of warm-up and decay together; after them the rate stays at `final_rate`.
    final_rate (float): The lowest rate.
    YIELDS (float): The learning rate of each step, for a setting of [training.optimizer] that accepts a schedule.
    """
    yield from islice(_cosine(initial_rate, warmup_steps, total_steps - warmup_steps, 1.0, final_rate), total_steps)
    while True:
        yield final_rate


def create_cosine_restarts_v1(
    initial_rate: float, warmup_steps: int, period: int, growth: float = 1.0, final_rate: float = 0.0
) -> Iterator[float]:
    """Registered as `spacy-zh-tw-ner.cosine_restarts.v1`: cosine decay with restarts (SGDR: Loshchilov, Hutter 2017).

    initial_rate (float): The rate at the start of each period.
    warmup_steps (int): Steps of the linear warm-up before the first period.
    period (int): Steps of the first period.
    growth (float): Length of each period, divided by the length of the previous period.
    final_rate (float): The rate at the end of each period.
    YIELDS (float): The learning rate of each step, for a setting of [training.optimizer] that accepts a schedule.
    """
    return _cosine(initial_rate, warmup_steps, period, growth, final_rate)


def _cosine(highest: float, warmup_steps: int, period: float, growth: float, lowest: float) -> Iterator[float]:
    """Yield one learning rate per step: a linear warm-up to `highest`, then periods, each from `highest` to `lowest`.

    Within a period, the rate falls along a cosine. The first period has `period` steps, and each further one is
    `growth` times as long as the one before.
    """
    for step in range(warmup_steps):
        yield highest * (step + 1) / (warmup_steps + 1)
    for cycle in count():
        steps = max(1, round(period * growth**cycle))
        for step in range(steps):
            yield lowest + (highest - lowest) * (1 + math.cos(math.pi * step / steps)) / 2
