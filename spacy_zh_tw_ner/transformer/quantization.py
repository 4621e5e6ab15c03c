"""Quantize the weights of base models to 4 or 8 bits: by bitsandbytes, or for CPUs by `cpu_acceleration.int8_linear`.

QLoRA (Dettmers et al. 2023, https://arxiv.org/abs/2305.14314) trains adapters on a quantized base model.
"""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import nn

from ..cpu_acceleration.int8_linear import SCALE, Int8Linear
from ..errors import DeviceError, Errors, MissingExtraError, UnreadableFileError
from ..extras import has_bitsandbytes
from ..untrusted import origin, require
from .memory import DTYPES, halve_embedding, usable_precision
from .settings import QuantizationSettings

if TYPE_CHECKING:
    from transformers import BitsAndBytesConfig

INT8_CPU = "int8_cpu"  # the one kind that does not use bitsandbytes


def require_quantization(settings: QuantizationSettings, device: torch.device) -> None:
    """Check that a device supports a kind of quantization, by quantizing a small tensor.

    settings (QuantizationSettings): The kind of quantization, such as "nf4".
    device (torch.device): The device on which the quantized weights are to run.
    RAISES (DeviceError): If bitsandbytes does not run on the device, or the kind is "int8_cpu" and it is not a CPU.
    RAISES (MissingExtraError): If the kind needs bitsandbytes, which is not installed.
    """
    if settings.kind == INT8_CPU:
        if device.type != "cpu":
            raise DeviceError(Errors.ZT540.format(device=device))
        return
    silence_bitsandbytes()
    if not has_bitsandbytes():
        raise MissingExtraError(Errors.ZT327.format(kind=settings.kind))
    with translate_quantization_errors(settings, device):
        import bitsandbytes.functional as F

        example = torch.ones(64, 64, dtype=torch.float16, device=device)
        if settings.kind == "int8":
            F.int8_vectorwise_quant(example)
        else:
            F.quantize_4bit(example, quant_type=settings.kind, compress_statistics=settings.double_quant)


@contextmanager
def translate_quantization_errors(settings: QuantizationSettings | None, device: torch.device) -> Iterator[None]:
    """Context manager: convert errors of bitsandbytes, which fails with some devices and versions of transformers.

    settings (QuantizationSettings | None): Named in the message; None converts nothing.
    device (torch.device): Named in the message.
    RAISES (DeviceError): For errors of bitsandbytes other than out-of-memory errors.
    """
    try:
        yield
    except (RuntimeError, AttributeError, ImportError, OSError) as error:
        if settings is None or isinstance(error, torch.OutOfMemoryError):
            raise
        reason = next(iter(str(error).splitlines()), repr(error))
        raise DeviceError(Errors.ZT328.format(kind=settings.kind, device=device, reason=reason)) from error


def silence_bitsandbytes() -> None:
    """Silence two log messages of bitsandbytes: advice to install packages, and a notice that each int8 layer repeats.

    The notice says that the inputs of a layer are converted to float16.
    """
    for name in ("bitsandbytes.backends.cpu.ops", "bitsandbytes.autograd._functions"):
        logging.getLogger(name).setLevel(logging.ERROR)


def quantization_config(settings: QuantizationSettings, precision: str, device: torch.device) -> "BitsAndBytesConfig":
    """Convert settings of bitsandbytes to the class of transformers.

    settings (QuantizationSettings): Settings of a kind other than "int8_cpu".
    precision (str): The precision of the computation. It is used if the setting `compute_dtype` is "auto".
    device (torch.device): The device of the products.
    """
    from transformers import BitsAndBytesConfig

    # By default, transformers takes the last module for a head and does not quantize it. In ALBERT, that module has a
    # third of all weights.
    skip: list[str] = []
    compute = precision if settings.compute_dtype == "auto" else usable_precision(settings.compute_dtype, device)
    if settings.kind == "int8":
        return BitsAndBytesConfig(load_in_8bit=True, llm_int8_skip_modules=skip)
    return BitsAndBytesConfig(
        load_in_4bit=True,
        llm_int8_skip_modules=skip,
        bnb_4bit_quant_type=settings.kind,
        bnb_4bit_use_double_quant=settings.double_quant,
        bnb_4bit_compute_dtype=DTYPES[compute],
    )


def normalize_quantized(model: nn.Module, precision: str) -> None:
    """Make quantized layers behave like plain linear layers, in place.

    On a CPU with AVX512-BF16, bitsandbytes repacks 4-bit weights in evaluation mode. This is switched off: it rounds
    their scales to bfloat16 in place, which cannot be undone for saving or training, and it fails for widths that are
    not multiples of 64, as in ALBERT tiny. Under autocast, outputs are converted to half precision, as those of other
    linear layers are. On CPUs with AVX-512, 4-bit layers use oneDNN, like float32 layers.

    model (nn.Module): The model.
    precision (str): The precision of autocast: "fp32", "fp16" or "bf16".
    """
    quantized = [layer for layer in model.modules() if is_quantized(layer)]
    for layer in quantized:
        setattr(layer, "support_avx512bf16_for_cpu", False)  # noqa: B010  (no module, no tensor)
        if precision != "fp32":
            layer.register_forward_hook(partial(_cast, DTYPES[precision]))
    if any(not isinstance(layer, Int8Linear) for layer in quantized):
        from ..cpu_acceleration.four_bit_linear import use_onednn_4bit  # imports bitsandbytes, which may be missing

        use_onednn_4bit(model)


def _cast(dtype: torch.dtype, layer: nn.Module, args: tuple[torch.Tensor, ...], output: torch.Tensor) -> torch.Tensor:
    """Convert the output of a layer to `dtype`. Used as a forward hook of torch, with `dtype` bound by `partial`."""
    return output.to(dtype)


def is_quantized(module: nn.Module) -> bool:
    """Return whether a layer holds a weight of 4 or 8 bits."""
    bases = type(module).__mro__
    return isinstance(module, Int8Linear) or any(base.__module__.startswith("bitsandbytes.") for base in bases)


def plain_weight(layer: nn.Module) -> torch.Tensor:
    """Return the weight of a linear layer as float32, (n_out, n_in), dequantized if necessary."""
    if isinstance(layer, Int8Linear):
        parts = layer.parts()
        return parts["weight"] * parts[SCALE][:, None]
    weight: Any = layer.weight
    if is_quantized(layer):
        import bitsandbytes.functional as F

        if weight.dtype == torch.int8:
            # The first call of a layer moves the scales from its weight to its state. The state dict always has them.
            weight = F.int8_vectorwise_dequant(weight.detach(), layer.state_dict()["SCB"])
        else:
            weight = F.dequantize_4bit(weight.detach(), weight.quant_state)
    return cast(torch.Tensor, weight.detach().float())


def quantize_for_cpu(model: nn.Module) -> None:
    """Replace each linear layer by an `Int8Linear`, in place."""
    for path, layer in list(model.named_modules()):
        if type(layer) is nn.Linear:
            _replace(model, path, Int8Linear.quantize(layer))


def load_for_cpu(model: nn.Module, weights: Mapping[str, torch.Tensor]) -> None:
    """Load weights into a model on the meta device, and replace its linear layers by `Int8Linear`, in place.

    model (nn.Module): A model whose parameters are on the meta device.
    weights (Mapping[str, torch.Tensor]): The `state_dict` of the model, before or after quantization. Weights that are
        not quantized yet are quantized. With a `StoredTensors`, weights are read one at a time, so that the memory
        never holds a weight twice.
    RAISES (UnreadableFileError): If quantized weights have other shapes or types than the model's layers.
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
            _replace(model, path, Int8Linear(weight, scale.float(), None if bias is None else bias.float()))
    halves = {f"{path}.weight" for path, layer in model.named_modules() if isinstance(layer, nn.Embedding)}
    others = {name: weights[name] for name in weights if name not in packed}
    own = {name: tensor if name in halves else tensor.float() for name, tensor in others.items()}
    model.load_state_dict(own, strict=False, assign=True)
    quantize_for_cpu(model)
    for layer in model.modules():
        if isinstance(layer, nn.Embedding):
            halve_embedding(layer, torch.float16)


def _require_fits(path: str, layer: nn.Linear, *found: torch.Tensor | None) -> None:
    """Check the shapes, types and scales of the weights of a quantized layer. torch's operators do not check them.

    path (str): Name of the layer.
    layer (nn.Linear): The linear layer that the quantized layer replaces.
    found (torch.Tensor | None): Weight, scale and bias of the quantized layer.
    RAISES (UnreadableFileError): For other shapes or types, or scales that are not finite numbers above 0.
    """
    shapes = (layer.weight.shape, layer.weight.shape[:1], None if layer.bias is None else layer.bias.shape)
    for part, tensor, shape in zip(("weight", SCALE, "bias"), found, shapes, strict=True):
        seen = None if tensor is None else tensor.shape
        if seen != shape:
            key, expected = f"{path}.{part}", shape and tuple(shape)
            raise UnreadableFileError(
                Errors.ZT649.format(origin=origin(), what=key, seen=seen and tuple(seen), expected=expected)
            )
    weight, scale, _ = found
    if weight is not None:
        require(weight.dtype == torch.int8, f"{path}.weight", weight.dtype, "of int8")
    if scale is not None:
        in_range = bool((scale.float() > 0).all() and scale.isfinite().all())
        require(in_range, f"{path}.{SCALE}", "other values", "finite numbers above 0")


def _replace(model: nn.Module, path: str, layer: nn.Module) -> None:
    """Replace the submodule `path` of a model, such as "encoder.layer.0", by `layer`."""
    parent, _, name = path.rpartition(".")
    setattr(model.get_submodule(parent), name, layer)
