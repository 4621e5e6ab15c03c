"""Linear layers for CPUs: weights in 8 bits, inputs quantized to 8 bits as they come, sums in 32 bits.

A weight has one scale a row ("per channel"), so that rows of small numbers keep their precision next to rows of large
ones. An input has one scale a row, too: with torch's own way, one scale for the whole batch, the hidden states of a
text would depend on its neighbours in the third digit. It takes a tenth longer.

The products are torch's own (`quantized::linear_…`). Speed of a random 12 × 768 BERT relative to float32 by MKL,
8 × 128 wordpieces, one thread of an AMD EPYC with VNNI, torch 2.13:

    torch, FBGEMM   3.0     153 MB of linear layers (float32: 326)
    torch, oneDNN   3.3     239 MB: it keeps what it was packed from
    ONNX Runtime    3.2     another graph, another runtime, another allocator, for the same speed (float32: 1.1)
    torchao         1.9     without a compiler, its products are separate steps
    bfloat16        1.9     where the CPU has it: `memory.precision = "bf16"`

`torch.ao.quantization.quantize_dynamic` makes the first two. Its layers cannot be stored as safetensors or made from
anything but float32 layers, and it drops a bit of each input on all CPUs, for those without VNNI: the error is twice
as large. So this layer calls the same operators itself.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import nn

from . import probe

SCALE = "scale"
LARGEST = 127  # of a weight in 8 bits; −128 is not used, so that zero is in the middle
TINY = torch.finfo(torch.float32).tiny


class Int8Linear(nn.Module):
    """A linear layer whose weights are packed for this CPU. It does not train.

    weight (torch.Tensor): int8, (n_out, n_in)
    scale (torch.Tensor): float32, (n_out,): row i is weight[i] · scale[i].
    bias (torch.Tensor | None): float32, (n_out,)
    """

    def __init__(self, weight: torch.Tensor, scale: torch.Tensor, bias: torch.Tensor | None) -> None:
        super().__init__()
        self.out_features, self.in_features = weight.shape
        self._bias = bias
        self._product = product_of(weight, scale)

    @classmethod
    def rounded(cls, layer: nn.Linear) -> "Int8Linear":
        """Quantize a layer."""
        weight = layer.weight.detach().float()
        scale = (weight.abs().amax(dim=1) / LARGEST).clamp_min(TINY)  # (n_out,)
        weight = (weight / scale[:, None]).round_().clamp_(-LARGEST, LARGEST)
        return cls(weight.to(torch.int8), scale, None if layer.bias is None else layer.bias.detach().float())

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """(…, n_in) → float32 (…, n_out)"""
        inputs = inputs.float()
        scaled = inputs.abs()
        largest = scaled.amax(dim=-1, keepdim=True).clamp_min_(TINY)  # (…, 1)
        found = self._product(torch.div(inputs, largest, out=scaled))
        return found.mul_(largest) if self._bias is None else torch.addcmul(self._bias, found, largest, out=found)

    def parts(self) -> dict[str, torch.Tensor]:
        """Return the arguments that the layer was made from, by name."""
        weight, scale = self._product.parts()
        parts = {"weight": weight, SCALE: scale}
        return parts if self._bias is None else {**parts, "bias": self._bias}

    def _save_to_state_dict(self, destination: dict[str, Any], prefix: str, keep_vars: bool) -> None:
        destination.update({f"{prefix}{name}": tensor for name, tensor in self.parts().items()})


def product_of(weight: torch.Tensor, scale: torch.Tensor) -> "PackedProduct | PlainProduct":
    """Return the fastest product with a quantized weight that this build of torch has."""
    operators = probe.int8_operators()
    return PlainProduct(weight, scale) if operators is None else PackedProduct(weight, scale, operators)


class PackedProduct:
    """Multiply inputs between −1 and 1 by weights that torch has packed."""

    def __init__(self, weight: torch.Tensor, scale: torch.Tensor, operators: probe.Int8Operators) -> None:
        self._operators = operators
        zeros = torch.zeros(len(weight), dtype=torch.int64)
        with _engine(operators.engine), warnings.catch_warnings():
            # torch will remove tensors of such types one day; the operators that pack take no others.
            warnings.filterwarnings("ignore", "torch.quantize_per_tensor", UserWarning)
            self._packed: Any = operators.pack(operators.rounded(weight, scale.double(), zeros, 0), None)
        # Without VNNI, products of two full bytes overflow where they are added in pairs: inputs have 7 bits then.
        self._levels = LARGEST if probe.has_vnni() else LARGEST // 2

    def __call__(self, inputs: torch.Tensor) -> torch.Tensor:
        """Apply the layer: (…, n_in) → (…, n_out)."""
        operators = self._operators
        if operators.multiply_scaled is None:  # engines without per-row scales: rows of one batch affect each other
            return cast(torch.Tensor, operators.multiply(inputs, self._packed, self._levels < LARGEST))
        found = operators.multiply_scaled(inputs, 1 / self._levels, self._levels + 1, self._packed)
        return cast(torch.Tensor, found)

    def parts(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Return weight and scale."""
        rounded, _ = self._operators.unpack(self._packed)
        return rounded.int_repr(), rounded.q_per_channel_scales().float()

    def __reduce__(self) -> tuple[Any, ...]:
        # Operators of torch cannot be pickled, and another machine may have others.
        return product_of, self.parts()


class PlainProduct:
    """The same with public operators only, in float32: as small in memory between calls, but slower."""

    def __init__(self, weight: torch.Tensor, scale: torch.Tensor) -> None:
        self._weight, self._scale = weight, scale

    def __call__(self, inputs: torch.Tensor) -> torch.Tensor:
        """Apply the layer: (…, n_in) → (…, n_out)."""
        return F.linear((inputs * LARGEST).round_(), self._weight.float()).mul_(self._scale / LARGEST)

    def parts(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Return weight and scale."""
        return self._weight, self._scale


@contextmanager
def _engine(name: str) -> Iterator[None]:
    """Choose the engine that packs; it also multiplies what it has packed."""
    engines = torch.backends.quantized
    before, engines.engine = engines.engine, name
    try:
        yield
    finally:
        engines.engine = before
