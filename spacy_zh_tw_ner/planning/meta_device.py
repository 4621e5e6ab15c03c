"""Run a training step on torch's `meta` device, and count the bytes of its allocations.

Tensors on the `meta` device have shapes but no values. Features of GPUs that allocate differently are emulated:
autocast, fused attention, and packed 4-bit and 8-bit weights.
"""

import weakref
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import nn
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from ..transformer.backbone import Backbone
from ..transformer.memory import DTYPES, checkpoint_layers
from ..transformer.settings import QuantizationSettings

# Operations of encoders that autocast runs in half precision (HALF), and on GPUs in float32 (FULL)
# (https://docs.pytorch.org/docs/stable/amp.html, "Autocast Op Reference")
HALF = {F.linear, torch.matmul, torch.Tensor.matmul, torch.Tensor.__matmul__, torch.bmm, torch.Tensor.bmm}
HALF |= {torch.baddbmm, torch.Tensor.baddbmm, torch.addmm, F.scaled_dot_product_attention}
FULL = {F.layer_norm, F.softmax, torch.softmax, torch.Tensor.softmax}
# `double_quant` → bits per 4-bit weight, including scales: a scale of 32 bits for 64 weights; with `double_quant` a
# scale of 8 bits for 64 weights, and one of 32 bits for 256 of these scales (Dettmers et al. 2023, section 3)
BITS_4 = {False: 4 + 32 / 64, True: 4 + 8 / 64 + 32 / (64 * 256)}


def step_peak(backbone: Backbone, n_windows: int, length: int, *, device: str = "cuda", accumulates: bool) -> int:
    """Run a forward and backward pass, and return the peak memory in addition to the weights.

    backbone (Backbone): The Transformer, with its adapters, on the `meta` device.
    n_windows (int): Number of windows in the batch.
    length (int): Wordpieces per window.
    device (str): "cuda" or "cpu": the device whose kernels are assumed.
    accumulates (bool): Whether gradients of an earlier batch exist before the step (gradient accumulation).
    RETURNS (int): Bytes of activations, temporary tensors and gradients at the peak.
    """
    backbone.train()
    backbone.zero_grad()
    emulation = Emulation(device, backbone.settings.memory.precision)
    if backbone.settings.memory.gradient_checkpointing:
        # torch switches function modes off in the backward pass, so the recomputed forward must enter it again.
        checkpoint_layers(backbone.model, lambda: (nullcontext(), emulation))
    for parameter in backbone.parameters():
        if accumulates and parameter.requires_grad:
            parameter.grad = torch.empty_like(parameter)
    with autocast_on_meta(emulation), Allocations([*backbone.parameters(), *backbone.buffers()]) as allocations:
        input_ids = torch.empty(n_windows, length, dtype=torch.long, device="meta")
        mask, places = torch.empty_like(input_ids), torch.empty(n_windows * length, dtype=torch.long, device="meta")
        shares = torch.empty(n_windows * length, device="meta")
        gradient = torch.empty(n_windows * length, backbone.width, device="meta")
        with emulation:
            values = backbone(input_ids, mask).flatten(0, 1)[places] * shares[:, None]
        emulation.end_forward()
        if values.requires_grad:
            torch.autograd.backward(values, gradient)
    peak: int = allocations.peak
    if accumulates:
        peak += sum(p.numel() * p.element_size() for p in backbone.parameters() if p.requires_grad)
    backbone.zero_grad()
    return peak


class Allocations(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Count the bytes of all tensors created while this mode is active, until they are freed.

    Only shapes are used, so this works on the `meta` device. Views and in-place operations allocate nothing, so they
    are not counted. Neither is memory that a kernel allocates and frees internally.

    The attribute `live` is the number of bytes that are allocated now, and `peak` the largest number so far.

    present (Iterable[torch.Tensor]): Existing tensors, which are not counted.
    """

    def __init__(self, present: Iterable[torch.Tensor] = ()) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.live = self.peak = 0
        self._known = {tensor.untyped_storage()._cdata for tensor in present}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        found = func(*args, **(kwargs or {}))
        for tensor in found if isinstance(found, tuple | list) else (found,):
            if isinstance(tensor, torch.Tensor):
                self._count(tensor.untyped_storage())
        return found

    def _count(self, storage: torch.UntypedStorage) -> None:
        key, size = storage._cdata, storage.nbytes()
        if key not in self._known:
            self._known.add(key)
            self.live += size
            self.peak = max(self.peak, self.live)
            weakref.finalize(storage, self._free, key, size)

    def _free(self, key: int, size: int) -> None:
        self._known.discard(key)
        self.live -= size


class Emulation(TorchFunctionMode):
    """Emulate autocast and fused attention, so that operations on `meta` tensors allocate as much as on a device.

    device (str): "cuda" or "cpu": the emulated device.
    precision (str): Precision of autocast: "fp32", "fp16" or "bf16".
    """

    def __init__(self, device: str, precision: str) -> None:
        super().__init__()
        self.device, self.dtype, self.enabled = device, DTYPES[precision], precision != "fp32"
        self.cast_weights: dict[int, torch.Tensor] | None = {}  # autocast caches the cast of a weight

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func in (torch.all, torch.Tensor.all):
            return False  # meta tensors have no values; models call this only to test whether nothing is padded
        if self.enabled and func in HALF:
            args, kwargs = self._cast(args, kwargs, self.dtype)
        elif self.enabled and self.device == "cuda" and func in FULL:
            args, kwargs = self._cast(args, kwargs, torch.float32)
        if func is F.scaled_dot_product_attention:
            given = dict(zip(("query", "key", "value", "attn_mask", "dropout_p"), args, strict=False)) | kwargs
            if self.device == "cuda" or not given.get("dropout_p"):
                parts = (given[name] for name in ("query", "key", "value"))
                return _FusedAttention.apply(*parts, given.get("attn_mask"))  # type: ignore[no-untyped-call]
        return func(*args, **kwargs)

    def end_forward(self) -> None:
        """Drop the cached casts of weights, as torch does at the end of autocast. Call this after the forward pass.

        If gradient checkpointing then computes layers again in the backward pass, it casts the weights again.
        """
        self.cast_weights = None
        self.enabled = self.dtype != torch.float32

    def _cast(self, args: Any, kwargs: Any, dtype: torch.dtype) -> tuple[Any, Any]:
        def cast_one(value: Any) -> Any:
            if not isinstance(value, torch.Tensor) or not value.is_floating_point() or value.dtype == dtype:
                return value
            if self.cast_weights is None or not (value.is_leaf and value.requires_grad):
                return value.to(dtype)
            if id(value) not in self.cast_weights:
                self.cast_weights[id(value)] = value.to(dtype)
            return self.cast_weights[id(value)]

        return tuple(map(cast_one, args)), {key: cast_one(value) for key, value in kwargs.items()}


@contextmanager
def autocast_on_meta(emulation: Emulation) -> Iterator[None]:
    """Context manager: replace `torch.autocast`, which does not support the `meta` device, and restore it at the end.

    `torch.autocast("meta", …)` then switches on the emulated autocast in its block, or off if `enabled` is False. With
    the precision "fp32", the emulated autocast stays off.

    emulation (Emulation): The emulation that is switched.
    """
    real = torch.autocast

    @contextmanager
    def switch(enabled: bool) -> Iterator[None]:
        before, emulation.enabled = emulation.enabled, enabled and emulation.dtype != torch.float32
        try:
            yield
        finally:
            emulation.enabled = before

    def autocast(device_type: str, *args: Any, **kwargs: Any) -> Any:
        return switch(kwargs.get("enabled", True)) if device_type == "meta" else real(device_type, *args, **kwargs)

    torch.autocast = autocast  # type: ignore[misc, assignment]
    try:
        yield
    finally:
        torch.autocast = real  # type: ignore[misc]


class _FusedAttention(torch.autograd.Function):
    """Attention that saves what FlashAttention saves (Dao et al. 2022): inputs, output, and one float per query.

    Nothing is computed: the output has the shape of `query`, the gradients have the shapes of the inputs, and neither
    has values.
    """

    @staticmethod
    def forward(ctx: Any, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, mask: Any) -> torch.Tensor:
        answer = torch.empty_like(query)
        ctx.save_for_backward(query, key, value, answer, query.new_empty(query.shape[:-1], dtype=torch.float32), mask)
        return answer

    @staticmethod
    def backward(ctx: Any, *_: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        return (*(torch.empty_like(tensor) for tensor in ctx.saved_tensors[:3]), None)


class PackedLinear(nn.Linear):
    """Linear layer with quantized weights as in bitsandbytes: packed in memory, unpacked for each product.

    plain (nn.Linear): The layer to replace.
    settings (QuantizationSettings): Determines the bits per weight.
    dtype (torch.dtype): Type of the unpacked weights and of the product.
    """

    def __init__(self, plain: nn.Linear, settings: QuantizationSettings, dtype: torch.dtype) -> None:
        super().__init__(plain.in_features, plain.out_features, bias=plain.bias is not None, device="meta")
        bits = 8.0 if settings.kind.startswith("int8") else BITS_4[settings.double_quant]
        size = round(plain.weight.numel() * bits / 8)
        self.weight = nn.Parameter(torch.empty(size, dtype=torch.uint8, device="meta"), requires_grad=False)
        self.dtype = dtype

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """Apply the layer: (…, in_features) → (…, out_features)."""
        shape = (self.out_features, self.in_features)
        return cast(torch.Tensor, _Packed.apply(input.to(self.dtype), shape))  # type: ignore[no-untyped-call]


class _Packed(torch.autograd.Function):
    """Product with a packed weight, which is unpacked to a temporary tensor in the forward and backward pass."""

    @staticmethod
    def forward(ctx: Any, input: torch.Tensor, shape: tuple[int, int]) -> torch.Tensor:
        ctx.shape = shape
        return input @ input.new_empty(shape).T

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        (gradient,) = gradients
        return gradient @ gradient.new_empty(ctx.shape), None


def pack_linear(model: nn.Module, settings: QuantizationSettings, precision: str) -> None:
    """Replace all layers in a model whose class is `nn.Linear` by a `PackedLinear`.

    model (nn.Module): The model on the `meta` device; changed in place.
    settings (QuantizationSettings): Kind of quantization and compute type.
    precision (str): Compute type if `settings.compute_dtype` is "auto": "fp32", "fp16" or "bf16".
    """
    dtype = DTYPES[precision if settings.compute_dtype == "auto" else settings.compute_dtype]
    for parent in list(model.modules()):
        for name, layer in list(parent.named_children()):
            if type(layer) is nn.Linear:
                setattr(parent, name, PackedLinear(layer, settings, dtype))
