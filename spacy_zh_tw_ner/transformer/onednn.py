"""Linear layers in float32 on CPUs with AVX-512: multiplied by oneDNN, where torch would take MKL.

MKL gives AMD's processors no AVX-512: on an EPYC with it, one thread, torch 2.13, oneDNN has 1.2 (24 rows of 312
numbers) to 2.3 times MKL's speed (256 rows of 3,072), as `python -m benchmarks.products` prints. With AVX2 alone it
would be 0.8 to 1.2 times, and torch is left as it is. Weights stay as they are, so that nothing is in memory twice;
packed once, they would gain a third where there are few rows.

oneDNN compiles its kernels for a number of rows, and keeps them: half a millisecond and half a MiB or more for each
that it has not met before. So rows are filled up to one of few numbers.
"""

from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import nn
from torch.autograd.function import once_differentiable

# What torch's own compiler calls; there is no public name for it.
_product: Any = getattr(torch.ops.mkldnn, "_linear_pointwise", None)
_is_built_in = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
IS_SERVED = _is_built_in and _product is not None and torch.backends.cpu.get_cpu_capability() == "AVX512"
SMALLEST = 8  # rows
PARTS = 8  # how many numbers of rows there are from one power of 2 to the next


class OneDnnLinear(nn.Linear):
    """A linear layer that takes oneDNN where it can: float32 on a CPU, rows there are, no autocast, no tracing."""

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """(…, n_in) → (…, n_out)"""
        if not _takes(inputs, self.weight):
            return super().forward(inputs)
        if torch.is_grad_enabled():
            product = _Product.apply(inputs, self.weight, self.bias)  # type: ignore[no-untyped-call]
            return cast(torch.Tensor, product)
        return multiply(inputs, self.weight, self.bias)


def use_onednn(model: nn.Module) -> None:
    """Have the linear layers of a model multiplied so, in place. Weights, names and hooks stay."""
    if IS_SERVED:
        for layer in model.modules():
            if type(layer) is nn.Linear:
                layer.__class__ = OneDnnLinear


def multiply(inputs: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
    """Multiply without a graph.

    inputs (torch.Tensor): float32, (…, n_in), on the CPU.
    weight (torch.Tensor): float32, (n_out, n_in). bias (torch.Tensor | None): float32, (n_out,)
    RETURNS (torch.Tensor): float32, (…, n_out)
    """
    return _multiplied(_filled(inputs), weight, bias, inputs.shape[:-1])


def rows_run(n_rows: int) -> int:
    """How many rows are multiplied where there are `n_rows`: the next of few numbers, at most an eighth more, or 7."""
    step = max(SMALLEST, (1 << max(0, (n_rows - 1).bit_length() - 1)) // PARTS)
    return -(-n_rows // step) * step


class _Product(torch.autograd.Function):
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
        rows = _filled(gradient)
        return (
            _multiplied(rows, weight.t(), None, gradient.shape[:-1]) if needs_inputs else None,
            _product(rows.t(), _filled(inputs).t(), None, "none", [], "") if needs_weight else None,
            rows.sum(0) if needs_bias else None,
        )


def _multiplied(rows: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None, shape: torch.Size) -> torch.Tensor:
    """(n_run, n_in) → (*shape, n_out), without what was filled up."""
    found: torch.Tensor = _product(rows, weight, bias, "none", [], "")
    return found[: shape.numel()].view(*shape, len(weight))


def _filled(inputs: torch.Tensor) -> torch.Tensor:
    """(…, width) → (n_run, width), with rows of zeros behind."""
    rows = inputs.reshape(-1, inputs.shape[-1])
    more = rows_run(len(rows)) - len(rows)
    return F.pad(rows, (0, 0, 0, more)) if more else rows


def _takes(inputs: torch.Tensor, weight: torch.Tensor) -> bool:
    return (
        inputs.is_cpu
        and inputs.numel() > 0
        and inputs.dtype == weight.dtype == torch.float32
        and not torch.is_autocast_enabled("cpu")
        and not torch.compiler.is_compiling()
    )
