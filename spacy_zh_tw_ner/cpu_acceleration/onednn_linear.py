"""Linear layers in float32 that use oneDNN instead of MKL, on CPUs with AVX-512.

MKL does not use AVX-512 on processors of AMD. On an EPYC with AVX-512, with one thread and torch 2.13, oneDNN is 1.2
(24 rows of 312 numbers) to 2.3 times as fast (256 rows of 3,072 numbers), as `python -m benchmarks.products` shows.
With AVX2 alone oneDNN is 0.8 to 1.2 times as fast, so there the layers keep using MKL. Weights are not packed for
oneDNN: products of few rows would be a third faster, but a second copy of the weights would be in memory.

oneDNN compiles and caches one kernel for each number of rows. A kernel takes half a millisecond to compile, and half a
MiB or more of memory. So inputs are padded with rows of zeros to one of a few numbers of rows.
"""

from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import nn
from torch.autograd.function import once_differentiable

from . import probe

SMALLEST = 8  # smallest number of rows after padding
PARTS = 8  # padded numbers of rows between one power of 2 and the next


class OneDnnLinear(nn.Linear):
    """Linear layer that uses oneDNN for float32 on a CPU.

    It calls `nn.Linear.forward` for other types and devices, for empty inputs, with autocast and in `torch.compile`.
    """

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Apply the layer: (…, n_in) → (…, n_out)."""
        if self.weight.dtype != torch.float32 or not can_use_onednn(inputs):
            return super().forward(inputs)
        if torch.is_grad_enabled():
            product = _Product.apply(inputs, self.weight, self.bias)  # type: ignore[no-untyped-call]
            return cast(torch.Tensor, product)
        return multiply(inputs, self.weight, self.bias)


def use_onednn(model: nn.Module) -> None:
    """Make the linear layers of a model use oneDNN, in place. Without AVX-512, nothing is changed.

    Each layer whose class is exactly `nn.Linear` gets the class `OneDnnLinear`. Weights, names and hooks are kept.
    """
    if probe.onednn_product() is not None:
        for layer in model.modules():
            if type(layer) is nn.Linear:
                layer.__class__ = OneDnnLinear


def multiply(inputs: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
    """Compute `inputs @ weight.T + bias` without recording an autograd graph.

    inputs (torch.Tensor): float32, (…, n_in), on the CPU.
    weight (torch.Tensor): float32, (n_out, n_in). bias (torch.Tensor | None): float32, (n_out,)
    RETURNS (torch.Tensor): float32, (…, n_out)
    """
    return _product_of(_padded(inputs), weight, bias, inputs.shape[:-1])


def padded_rows(n_rows: int) -> int:
    """Return the number of rows to which a matrix of `n_rows` rows is padded.

    The padding is at most an eighth of the rows or, for small matrices, at most 7 rows.
    """
    step = max(SMALLEST, (1 << max(0, (n_rows - 1).bit_length() - 1)) // PARTS)
    return -(-n_rows // step) * step


def can_use_onednn(inputs: torch.Tensor) -> bool:
    """Return whether the inputs allow a layer to use oneDNN. If not, it calls the `forward` of its base class.

    The inputs must be float32, on the CPU and not empty, autocast must be off, and `torch.compile` must not be running.
    The CPU must have AVX-512.
    """
    return (
        inputs.is_cpu
        and inputs.numel() > 0
        and inputs.dtype == torch.float32
        and not torch.is_autocast_enabled("cpu")
        and not torch.compiler.is_compiling()
        and probe.onednn_product() is not None
    )


class _Product(torch.autograd.Function):
    """Autograd function that computes `inputs @ weight.T + bias` and its gradients with oneDNN.

    `OneDnnLinear` uses it while torch records gradients, and otherwise calls `multiply`.
    """

    @staticmethod
    def forward(ctx: Any, inputs: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
        needs_inputs, needs_weight, _ = ctx.needs_input_grad
        ctx.save_for_backward(inputs if needs_weight else None, weight if needs_inputs else None)
        return multiply(inputs, weight, bias)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        inputs, weight = ctx.saved_tensors
        needs_inputs, needs_weight, needs_bias = ctx.needs_input_grad
        rows = _padded(gradient)  # (n_padded, n_out)
        return (
            _product_of(rows, weight.t(), None, gradient.shape[:-1]) if needs_inputs else None,
            _onednn(rows.t(), _padded(inputs).t(), None) if needs_weight else None,  # (n_out, n_in)
            rows.sum(0) if needs_bias else None,
        )


def _product_of(rows: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None, shape: torch.Size) -> torch.Tensor:
    """Return `rows @ weight.T + bias` without the padded rows: (n_padded, n_in) → (*shape, n_out).

    shape (torch.Size): Shape of the inputs before they were flattened to rows and padded, without their last dimension.
    """
    return _onednn(rows, weight, bias)[: shape.numel()].view(*shape, len(weight))


def _onednn(rows: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
    """Compute `rows @ weight.T + bias` with oneDNN: (n_padded, n_in) → (n_padded, n_out)."""
    product: Any = probe.onednn_product()
    return cast(torch.Tensor, product(rows, weight, bias, "none", [], ""))


def _padded(inputs: torch.Tensor) -> torch.Tensor:
    """Flatten to rows and append rows of zeros: (…, width) → (n_padded, width)."""
    rows = inputs.reshape(-1, inputs.shape[-1])
    more = padded_rows(len(rows)) - len(rows)
    return F.pad(rows, (0, 0, 0, more)) if more else rows
