"""Linear layers of bitsandbytes with 4-bit weights that multiply with oneDNN, on CPUs with AVX-512.

On a CPU, bitsandbytes converts the weight to float32 for each product, which takes a hundredth of the product's time.
The product itself is torch's, and is as slow as `onednn_linear` says. This module needs bitsandbytes.
"""

from typing import Any, cast

import bitsandbytes.functional as four_bits
import torch
from bitsandbytes.nn import Linear4bit
from torch import nn
from torch.autograd.function import once_differentiable

from . import probe
from .onednn_linear import is_plain_float32, multiply


class OneDnnLinear4bit(Linear4bit):  # type: ignore[misc]  # bitsandbytes has no types
    """Linear layer with 4-bit weights that uses oneDNN for float32 on a CPU.

    It calls `Linear4bit.forward` for other types and devices, for empty inputs, with autocast and in `torch.compile`.
    """

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Apply the layer: (…, n_in) → (…, n_out)."""
        state = getattr(self.weight, "quant_state", None)
        is_exact = self.compute_dtype in (None, torch.float32)
        if state is None or not is_exact or not is_plain_float32(x):
            return cast(torch.Tensor, super().forward(x))
        bias = None if self.bias is None else self.bias.float()
        return cast(torch.Tensor, _Product.apply(x, self.weight, state, bias))  # type: ignore[no-untyped-call]


def use_onednn_4bit(model: nn.Module) -> None:
    """Make the 4-bit layers of a model use oneDNN, in place. Without AVX-512, nothing is changed."""
    if probe.onednn_product() is not None:
        for layer in model.modules():
            if type(layer) is Linear4bit:
                layer.__class__ = OneDnnLinear4bit


class _Product(torch.autograd.Function):
    """Autograd function that computes `inputs @ weight.T + bias`, and its gradients of inputs and bias.

    The weight is converted to float32 once more in the backward pass, so that only its 4 bits stay in memory.
    """

    @staticmethod
    def forward(
        ctx: Any, inputs: torch.Tensor, packed: torch.Tensor, state: Any, bias: torch.Tensor | None
    ) -> torch.Tensor:
        ctx.packed, ctx.state = packed, state
        return multiply(inputs, _unpacked(packed, state), bias)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        needs_inputs, _, _, needs_bias = ctx.needs_input_grad
        return (
            multiply(gradient, _unpacked(ctx.packed, ctx.state).t(), None) if needs_inputs else None,
            None,
            None,
            gradient.reshape(-1, gradient.shape[-1]).sum(0) if needs_bias else None,
        )


def _unpacked(packed: torch.Tensor, state: Any) -> torch.Tensor:
    """Return a weight in float32, (n_out, n_in).

    packed (torch.Tensor): uint8, two numbers per byte. state (bitsandbytes.functional.QuantState): Scales and shape.
    """
    return cast(torch.Tensor, four_bits.dequantize_4bit(packed.detach(), state)).float()
