"""Linear layers for CPUs: weights in 8 bits, inputs rounded to 8 bits as they come, sums in 32 bits.

A weight has one scale a row ("per channel"), so that a row of small numbers does not lose them to a row of large ones.
Only matrix products are done so. Embeddings, norms, softmax and activations stay in float32, and so does all that
comes after the Transformer. An input has one scale a row, too: torch's own way, one for the whole batch, would have the
hidden states of a text depend on its neighbours in the third digit. It takes a tenth longer.

The products are torch's own (`quantized::linear_…`). Speed of a random 12 × 768 BERT beside float32 by MKL,
8 × 128 pieces, one thread of an AMD EPYC with VNNI, torch 2.13:

    torch, FBGEMM   3.0     153 MB of linear layers (float32: 326)
    torch, oneDNN   3.3     239 MB: it keeps what it was packed from
    ONNX Runtime    3.2     another graph, another runtime, another allocator, for the same speed (float32: 1.1)
    torchao         1.9     without a compiler, its products are separate steps
    bfloat16        1.9     where the CPU has it: `memory.precision = "bf16"`

`torch.ao.quantization.quantize_dynamic` makes the first two, and its layers cannot be stored as safetensors, nor be
made but from float32 ones. It leaves out a bit of each input, which CPUs without VNNI cannot take, on all CPUs: the
error is twice as large. So the layer is ours, over the same operators.
"""

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, cast

import torch
from torch import nn

from ..errors import Errors, UnreadableFileError
from ..untrusted import origin, require
from .half_embeddings import halve_embedding

SCALE = "scale"
FBGEMM = ("x86", "fbgemm")
ENGINES = (*FBGEMM, "onednn", "qnnpack")  # the best first
WHOLE = 127  # of a weight in 8 bits; −128 is left out, so that zero is in the middle
TINY = torch.finfo(torch.float32).tiny


class Int8Linear(nn.Module):
    """A linear layer whose weights are packed for this CPU. It does not train.

    weight (torch.Tensor): int8, (n_out, n_in)
    scale (torch.Tensor): float32, (n_out,): row i stands for weight[i] · scale[i].
    bias (torch.Tensor | None): float32, (n_out,)
    """

    def __init__(self, weight: torch.Tensor, scale: torch.Tensor, bias: torch.Tensor | None) -> None:
        super().__init__()
        self.out_features, self.in_features = weight.shape
        self._bias = bias
        zeros = torch.zeros(self.out_features, dtype=torch.int64)
        # The one constructor that takes rounded numbers as they are: a second rounding would not give the same.
        with _engine() as engine, warnings.catch_warnings():
            # torch will drop tensors of such types one day. This one lives for a line, and its operators take no other.
            warnings.filterwarnings("ignore", "torch.quantize_per_tensor", UserWarning)
            rounded = torch._make_per_channel_quantized_tensor(weight, scale.double(), zeros, 0)
            self._packed: Any = torch.ops.quantized.linear_prepack(rounded, None)
        # Without VNNI, products of two full bytes overflow where they are added in pairs: inputs have 7 bits then.
        self._levels = WHOLE if _has_vnni() else WHOLE // 2
        # Only FBGEMM can be told a scale. Elsewhere, rows that do not reach from −1 to 1 still know each other.
        self._is_told = engine in FBGEMM

    @classmethod
    def rounded(cls, layer: nn.Linear) -> "Int8Linear":
        """Round a layer."""
        weight = layer.weight.detach().float()
        scale = (weight.abs().amax(dim=1) / WHOLE).clamp_min(TINY)
        weight = (weight / scale[:, None]).round_().clamp_(-WHOLE, WHOLE)
        return cls(weight.to(torch.int8), scale, None if layer.bias is None else layer.bias.detach().float())

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """(…, n_in) → float32 (…, n_out)"""
        inputs = inputs.float()
        scaled = inputs.abs()
        largest = scaled.amax(dim=-1, keepdim=True).clamp_min_(TINY)
        found = self._multiply(torch.div(inputs, largest, out=scaled))
        return found.mul_(largest) if self._bias is None else torch.addcmul(self._bias, found, largest, out=found)

    def _multiply(self, inputs: torch.Tensor) -> torch.Tensor:
        """Multiply numbers from −1 to 1."""
        products = torch.ops.quantized
        if not self._is_told:
            return cast(torch.Tensor, products.linear_dynamic(inputs, self._packed, self._levels < WHOLE))
        told = products.linear_with_input_q_dq_qweight_dq_output_fp32
        return cast(torch.Tensor, told(inputs, 1 / self._levels, self._levels + 1, self._packed))

    def parts(self) -> dict[str, torch.Tensor]:
        """RETURNS (dict[str, torch.Tensor]): What it was made of, by the names of its arguments."""
        rounded, _ = torch.ops.quantized.linear_unpack(self._packed)
        parts = {"weight": rounded.int_repr(), SCALE: rounded.q_per_channel_scales().float()}
        return parts if self._bias is None else {**parts, "bias": self._bias}

    def _save_to_state_dict(self, destination: dict[str, Any], prefix: str, keep_vars: bool) -> None:
        destination.update({f"{prefix}{name}": tensor for name, tensor in self.parts().items()})


def round_linear_layers(model: nn.Module) -> None:
    """Replace each linear layer by a rounded one, in place."""
    for path, layer in list(model.named_modules()):
        if type(layer) is nn.Linear:
            _put(model, path, Int8Linear.rounded(layer))


def fill(model: nn.Module, weights: Mapping[str, torch.Tensor]) -> None:
    """Give weights to a model that has none, and round what linear layers are not rounded yet.

    model (nn.Module): With parameters on the device "meta".
    weights (Mapping[str, torch.Tensor]): As `state_dict` gave them, before or after rounding; `StoredTensors`, so that
        there are never two of all.
    """
    packed = set[str]()
    for path, layer in list(model.named_modules()):
        if type(layer) is nn.Linear and f"{path}.{SCALE}" in weights:
            names = [f"{path}.{part}" for part in ("weight", SCALE, "bias")]
            packed.update(names)
            weight, scale, bias = map(weights.get, names)
            _require_fits(path, layer, weight, scale, bias)
            assert weight is not None
            assert scale is not None
            _put(model, path, Int8Linear(weight, scale.float(), None if bias is None else bias.float()))
    halves = {f"{path}.weight" for path, layer in model.named_modules() if isinstance(layer, nn.Embedding)}
    others = {name: weights[name] for name in weights if name not in packed}
    own = {name: tensor if name in halves else tensor.float() for name, tensor in others.items()}
    model.load_state_dict(own, strict=False, assign=True)
    round_linear_layers(model)
    for layer in model.modules():
        if isinstance(layer, nn.Embedding):
            halve_embedding(layer, torch.float16)


def _require_fits(path: str, layer: nn.Linear, *found: torch.Tensor | None) -> None:
    """Check that a rounded layer has the shapes of the one it replaces: torch's operators do not look.

    RAISES (UnreadableFileError): If a part is missing, or has another shape or type.
    """
    shapes = (layer.weight.shape, layer.weight.shape[:1], None if layer.bias is None else layer.bias.shape)
    for part, tensor, shape in zip(("weight", SCALE, "bias"), found, shapes, strict=True):
        seen = None if tensor is None else tensor.shape
        if seen != shape:
            key, wanted = f"{path}.{part}", shape and tuple(shape)
            raise UnreadableFileError(
                Errors.ZT649.format(origin=origin(), what=key, seen=seen and tuple(seen), expected=wanted)
            )
    weight, scale, _ = found
    if weight is not None:
        require(weight.dtype == torch.int8, f"{path}.weight", weight.dtype, "of int8")
    if scale is not None:
        in_range = bool((scale.float() > 0).all() and scale.isfinite().all())
        require(in_range, f"{path}.{SCALE}", "others", "finite numbers above 0")


def _put(model: nn.Module, path: str, layer: nn.Module) -> None:
    parent, _, name = path.rpartition(".")
    setattr(model.get_submodule(parent), name, layer)


def _has_vnni() -> bool:
    return bool(getattr(torch.cpu, "_is_vnni_supported", lambda: False)())


@contextmanager
def _engine() -> Iterator[str]:
    """Choose who packs, and give its name; who packed also multiplies."""
    engines = torch.backends.quantized
    before, found = engines.engine, [name for name in ENGINES if name in engines.supported_engines]
    engines.engine = found[0] if found else before
    try:
        yield engines.engine
    finally:
        engines.engine = before
