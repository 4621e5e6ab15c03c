"""Linear layers for CPUs with weights in 8 bits. Inputs are quantized to 8 bits in each call; sums have 32 bits.

A weight has one scale per row ("per channel"), so that rows of small numbers keep their precision next to rows of large
ones. Inputs also have one scale per row. torch itself uses one scale for all inputs of a batch, so that the other texts
of the batch change the hidden states of a text in the third digit. Scales per row take a tenth longer.

The matrix products are operators of torch (`quantized::linear_…`). The table has the speed of a BERT of 12 layers and
width 768 with random weights, relative to float32 by MKL, with 8 × 128 wordpieces, one thread of an AMD EPYC with VNNI,
torch 2.13:

    torch, FBGEMM   3.0     153 MB of linear layers (float32: 326)
    torch, oneDNN   3.3     239 MB: it keeps a copy of the unpacked weights
    ONNX Runtime    3.2     needs another graph, runtime and allocator (in float32, its speed is 1.1)
    torchao         1.9     without a compiler, it quantizes and multiplies in separate steps
    bfloat16        1.9     on CPUs that support it: `memory.precision = "bf16"`

`torch.ao.quantization.quantize_dynamic` builds layers that use FBGEMM or oneDNN. This module calls the same operators
directly, because those layers cannot be saved as safetensors, and can be built from float32 layers only. They also
quantize inputs to 7 bits on all CPUs, although only CPUs without VNNI need that; 7 bits double the error.
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
LARGEST = 127  # largest quantized weight; −128 is not used, so that the range is symmetric
TINY = torch.finfo(torch.float32).tiny


class Int8Linear(nn.Module):
    """A linear layer whose 8-bit weights are packed for this CPU. It cannot be trained.

    weight (torch.Tensor): int8, (n_out, n_in).
    scale (torch.Tensor): float32, (n_out,); row i of the weight is `weight[i] * scale[i]`.
    bias (torch.Tensor | None): float32, (n_out,).
    """

    def __init__(self, weight: torch.Tensor, scale: torch.Tensor, bias: torch.Tensor | None) -> None:
        super().__init__()
        self.out_features, self.in_features = weight.shape
        self._bias = bias
        self._product = product_of(weight, scale)

    @classmethod
    def quantize(cls, layer: nn.Linear) -> "Int8Linear":
        """Create a quantized copy of a linear layer of float32 or half precision."""
        weight = layer.weight.detach().float()
        scale = (weight.abs().amax(dim=1) / LARGEST).clamp_min(TINY)  # (n_out,)
        weight = (weight / scale[:, None]).round_().clamp_(-LARGEST, LARGEST)
        return cls(weight.to(torch.int8), scale, None if layer.bias is None else layer.bias.detach().float())

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Apply the layer: (…, n_in) of any float type → (…, n_out) float32."""
        inputs = inputs.float()
        scaled = inputs.abs()
        largest = scaled.amax(dim=-1, keepdim=True).clamp_min_(TINY)  # (…, 1)
        found = self._product(torch.div(inputs, largest, out=scaled))
        return found.mul_(largest) if self._bias is None else torch.addcmul(self._bias, found, largest, out=found)

    def parts(self) -> dict[str, torch.Tensor]:
        """Return the tensors `weight`, `scale` and, if there is one, `bias`: the arguments that create this layer."""
        weight, scale = self._product.parts()
        parts = {"weight": weight, SCALE: scale}
        return parts if self._bias is None else {**parts, "bias": self._bias}

    def _save_to_state_dict(self, destination: dict[str, Any], prefix: str, keep_vars: bool) -> None:
        destination.update({f"{prefix}{name}": tensor for name, tensor in self.parts().items()})


def product_of(weight: torch.Tensor, scale: torch.Tensor) -> "PackedProduct | PlainProduct":
    """Return the fastest object that multiplies inputs by an int8 weight with this build of torch.

    weight (torch.Tensor): int8, (n_out, n_in). scale (torch.Tensor): float32, (n_out,) factor of each row.
    RETURNS (PackedProduct | PlainProduct): A `PackedProduct` if torch has 8-bit operators, otherwise a `PlainProduct`.
    """
    operators = probe.int8_operators()
    return PlainProduct(weight, scale) if operators is None else PackedProduct(weight, scale, operators)


class PackedProduct:
    """Multiplies inputs by int8 weights, which torch packs in the layout of a CPU engine: FBGEMM or oneDNN.

    The inputs must be between −1 and 1: `Int8Linear` divides each row by its largest absolute value beforehand.

    weight (torch.Tensor): int8, (n_out, n_in). scale (torch.Tensor): float32, (n_out,) factor of each row.
    operators (Int8Operators): The operators of the engine.
    """

    def __init__(self, weight: torch.Tensor, scale: torch.Tensor, operators: probe.Int8Operators) -> None:
        self._operators = operators
        zeros = torch.zeros(len(weight), dtype=torch.int64)
        with _engine(operators.engine), warnings.catch_warnings():
            # torch deprecates quantized tensors, but its packing operators need them.
            warnings.filterwarnings("ignore", "torch.quantize_per_tensor", UserWarning)
            self._packed: Any = operators.pack(operators.rounded(weight, scale.double(), zeros, 0), None)
        # Without VNNI, sums of two products of 8-bit numbers overflow 16 bits: inputs are quantized to 7 bits then.
        self._levels = LARGEST if probe.has_vnni() else LARGEST // 2

    def __call__(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return `inputs @ (weight * scale).T`, (…, n_out), after quantizing the inputs, (…, n_in), to 8 bits."""
        operators = self._operators
        if operators.multiply_scaled is None:  # engines without per-row scales: rows of one batch affect each other
            return cast(torch.Tensor, operators.multiply(inputs, self._packed, self._levels < LARGEST))
        found = operators.multiply_scaled(inputs, 1 / self._levels, self._levels + 1, self._packed)
        return cast(torch.Tensor, found)

    def parts(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the weight, int8 (n_out, n_in), and its scale, float32 (n_out,)."""
        rounded, _ = self._operators.unpack(self._packed)
        return rounded.int_repr(), rounded.q_per_channel_scales().float()

    def __reduce__(self) -> tuple[Any, ...]:
        # Pickle the weights: operators cannot be pickled, and another machine may support other ones.
        return product_of, self.parts()


class PlainProduct:
    """Multiplies inputs by int8 weights with public operators of torch, which multiply in float32.

    Between calls the weights are stored in int8, as in `PackedProduct`. Each call converts them to float32, so it is
    slower. The inputs must be between −1 and 1.

    weight (torch.Tensor): int8, (n_out, n_in). scale (torch.Tensor): float32, (n_out,) factor of each row.
    """

    def __init__(self, weight: torch.Tensor, scale: torch.Tensor) -> None:
        self._weight, self._scale = weight, scale

    def __call__(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return `inputs @ (weight * scale).T`, (…, n_out), after quantizing the inputs, (…, n_in), to 8 bits."""
        return F.linear((inputs * LARGEST).round_(), self._weight.float()).mul_(self._scale / LARGEST)

    def parts(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the weight, int8 (n_out, n_in), and its scale, float32 (n_out,)."""
        return self._weight, self._scale


@contextmanager
def _engine(name: str) -> Iterator[None]:
    """Context manager: choose the engine in whose layout torch packs weights.

    Weights that were packed for an engine are multiplied by this engine, also after the block.

    name (str): One of `torch.backends.quantized.supported_engines`, such as "onednn".
    """
    engines = torch.backends.quantized
    before, engines.engine = engines.engine, name
    try:
        yield
    finally:
        engines.engine = before
