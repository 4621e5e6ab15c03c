"""Linear layers of bitsandbytes with 4-bit weights that use oneDNN instead of MKL, on CPUs with AVX-512.

On a CPU, bitsandbytes converts the weight to float32 for each product. With 1,024 rows and a weight of 1,536 × 384 this
takes a hundredth of the product's time. The product uses MKL, which is slower than oneDNN (see `onednn_linear`). This
module imports bitsandbytes.
"""

from typing import Any, cast

import bitsandbytes.functional as bnb_functional
import torch
from bitsandbytes.nn import Linear4bit
from torch import nn
from torch.autograd.function import once_differentiable

from . import probe
from .onednn_linear import can_use_onednn, multiply


class OneDnnLinear4bit(Linear4bit):  # type: ignore[misc]  # bitsandbytes has no types
    """Linear layer with 4-bit weights that uses oneDNN for float32 on a CPU.

    It calls `Linear4bit.forward` for other types and devices, for empty inputs, with autocast and in `torch.compile`.
    """

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Apply the layer: (…, n_in) → (…, n_out)."""
        state = getattr(self.weight, "quant_state", None)
        # `dequantize_4bit` returns the type that the weight had before it was quantized.
        is_float32 = self.compute_dtype in (None, torch.float32) and getattr(state, "dtype", None) == torch.float32
        if not is_float32 or not can_use_onednn(x):
            return cast(torch.Tensor, super().forward(x))
        bias = None if self.bias is None else self.bias.float()
        return cast(torch.Tensor, _Product4bit.apply(x, self.weight, state, bias))  # type: ignore[no-untyped-call]


def use_onednn_4bit(model: nn.Module) -> None:
    """Make the 4-bit layers of a model use oneDNN, in place. Without AVX-512, nothing is changed."""
    if probe.onednn_product() is not None:
        for layer in model.modules():
            if type(layer) is Linear4bit:
                layer.__class__ = OneDnnLinear4bit


class _Product4bit(torch.autograd.Function):
    """Autograd function that computes `inputs @ weight.T + bias`, and its gradients of inputs and bias.

    The weight is converted to float32 once more in the backward pass, so that only its 4 bits stay in memory.
    """

    @staticmethod
    def forward(
        ctx: Any, inputs: torch.Tensor, packed: torch.Tensor, state: Any, bias: torch.Tensor | None
    ) -> torch.Tensor:
        ctx.save_for_backward(packed)
        ctx.state = state
        return multiply(inputs, _unpacked(packed, state), bias)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        (packed,) = ctx.saved_tensors
        needs_inputs, _, _, needs_bias = ctx.needs_input_grad
        return (
            multiply(gradient, _unpacked(packed, ctx.state).t(), None) if needs_inputs else None,
            None,
            None,
            gradient.reshape(-1, gradient.shape[-1]).sum(0) if needs_bias else None,
        )


def _unpacked(packed: torch.Tensor, state: Any) -> torch.Tensor:
    """Return a weight in float32, (n_out, n_in).

    packed (torch.Tensor): uint8, (n_out · n_in / 2, 1): two numbers per byte.
    state (bitsandbytes.functional.QuantState): Its scales, shape and type.
    """
    return cast(torch.Tensor, bnb_functional.dequantize_4bit(packed.detach(), state))
