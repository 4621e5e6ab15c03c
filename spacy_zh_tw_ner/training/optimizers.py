"""One optimizer in the config, two in fact: torch's for a Transformer, thinc's Adam for all that is not one."""

from typing import TypeAlias

from thinc.api import Optimizer
from thinc.types import Generator

from ..transformer.optimizers import EncoderOptimizer

RateT: TypeAlias = float | list[float] | Generator


class GroupedOptimizer(Optimizer):
    """thinc's Adam for the head, which also carries how a Transformer is to be trained.

    head_rate (RateT): Learning rate of the head, or a schedule.
    encoder_rate (RateT): The same for the Transformer.
    encoder (EncoderOptimizer): All else about the latter. Its optimizer is made beside the weights, at the first step.
    weight_decay (float): Of the head. Its transitions have none.
    grad_clip (float): Of the head: highest norm of the gradient of each parameter.
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
        """Learning rate of the Transformer in force."""
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
    """Registered as `spacy-zh-tw-ner.GroupedOptimizer.v1`.

    encoder_rate (float | Generator): Learning rate of the Transformer's last layer, or a schedule.
    head_rate (float | Generator): Learning rate of everything else, or a schedule.
    optimizer (str): Of the Transformer: "adamw", "adamw_bnb_8bit", "paged_adamw_bnb_8bit" or "adafactor".
    weight_decay (float): Of the Transformer's matrices. Biases, norms and the B of LoRA have none.
    layer_decay (float): Each layer learns so many times as fast as the one above it.
    lora_rate (float): Adapters learn so many times as fast as `encoder_rate`.
    beta1 (float), beta2 (float), eps (float): Of Adam in the Transformer.
    grad_clip (float): Highest norm of the Transformer's gradients, all together; 0 for no limit.
    head_weight_decay (float), head_grad_clip (float): Of thinc's Adam, which clips each parameter by itself.
    RETURNS (GroupedOptimizer): For [training.optimizer].
    RAISES (ValueError): For an optimizer that is none of these.
    """
    encoder = EncoderOptimizer(
        0.0, optimizer, weight_decay, layer_decay, lora_rate, (beta1, beta2), eps, grad_clip=grad_clip
    )
    return GroupedOptimizer(head_rate, encoder_rate, encoder, weight_decay=head_weight_decay, grad_clip=head_grad_clip)
