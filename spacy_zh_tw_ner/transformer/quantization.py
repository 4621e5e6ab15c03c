"""Base weights in 4 or 8 bits: by bitsandbytes, or by `int8`.

QLoRA (Dettmers et al. 2023, https://arxiv.org/abs/2305.14314) is nothing but adapters on such a base.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import nn

from ..errors import Errors
from ..extras import has_bitsandbytes
from .int8 import SCALE, Int8Linear
from .precision import DTYPES
from .settings import QuantizationSettings

if TYPE_CHECKING:
    from transformers import BitsAndBytesConfig

INT8_CPU = "int8_cpu"  # the kind that is not bitsandbytes'


def require_quantization(settings: QuantizationSettings, device: torch.device) -> None:
    """Make sure that quantised weights can be made and used here.

    RAISES (ValueError): Without bitsandbytes, or on a device that it does not serve.
    """
    if settings.kind == INT8_CPU:
        if device.type != "cpu":
            raise ValueError(Errors.ZT540.format(device=device))
        return
    hush()
    if not has_bitsandbytes():
        raise ValueError(Errors.ZT327.format(kind=settings.kind))
    with quantization_told(settings, device):
        import bitsandbytes.functional as F

        probe = torch.ones(64, 64, dtype=torch.float16, device=device)
        if settings.kind == "int8":
            F.int8_vectorwise_quant(probe)
        else:
            F.quantize_4bit(probe, quant_type=settings.kind, compress_statistics=settings.double_quant)


@contextmanager
def quantization_told(settings: QuantizationSettings | None, device: torch.device) -> Iterator[None]:
    """Turn what bitsandbytes raises where it cannot run, or with a transformers that does not know it, into a sentence.

    settings (QuantizationSettings | None): Nothing is turned without.
    """
    try:
        yield
    except (RuntimeError, AttributeError, ImportError, OSError) as error:
        if settings is None or isinstance(error, torch.OutOfMemoryError):
            raise
        reason = next(iter(str(error).splitlines()), repr(error))
        raise ValueError(Errors.ZT328.format(kind=settings.kind, device=device, reason=reason)) from error


def hush() -> None:
    """Keep bitsandbytes from advising to install more, and from saying at each layer that int8 multiplies in fp16."""
    for name in ("bitsandbytes.backends.cpu.ops", "bitsandbytes.autograd._functions"):
        logging.getLogger(name).setLevel(logging.ERROR)


def quantization_config(settings: QuantizationSettings, precision: str) -> "BitsAndBytesConfig":
    """Say it in the words of transformers.

    precision (str): What `compute_dtype="auto"` stands for.
    """
    from transformers import BitsAndBytesConfig

    # Left alone, transformers keeps the last module as it is, for a head: of ALBERT, a third of all weights.
    skip: list[str] = []
    if settings.kind == "int8":
        return BitsAndBytesConfig(load_in_8bit=True, llm_int8_skip_modules=skip)
    return BitsAndBytesConfig(
        load_in_4bit=True,
        llm_int8_skip_modules=skip,
        bnb_4bit_quant_type=settings.kind,
        bnb_4bit_use_double_quant=settings.double_quant,
        bnb_4bit_compute_dtype=DTYPES[precision if settings.compute_dtype == "auto" else settings.compute_dtype],
    )


def tame(model: nn.Module, precision: str) -> None:
    """Make quantised layers behave as plain ones do.

    On a CPU with AVX512-BF16, evaluation repacks 4-bit weights: it rounds their scales to bfloat16 in place, which no
    saving or training undoes, and fails on layers whose width is no multiple of 64, as those of ALBERT tiny are.
    Not here. And under autocast, what they give is in half precision, as of any linear layer.

    precision (str): What autocast is set to.
    """
    for layer in model.modules():
        if is_quantized(layer):
            setattr(layer, "support_avx512bf16_for_cpu", False)  # noqa: B010  (no module, no tensor)
            if precision != "fp32":
                layer.register_forward_hook(partial(_cast, DTYPES[precision]))


def _cast(dtype: torch.dtype, layer: nn.Module, args: tuple[torch.Tensor, ...], output: torch.Tensor) -> torch.Tensor:
    return output.to(dtype)


def is_quantized(module: nn.Module) -> bool:
    """Whether a layer holds its weight in 4 or 8 bits."""
    return isinstance(module, Int8Linear) or type(module).__module__.startswith("bitsandbytes.")


def plain_weight(layer: nn.Module) -> torch.Tensor:
    """Give the weight of a linear layer as numbers.

    layer (nn.Module): Quantised or not.
    RETURNS (torch.Tensor): float32, (n_out, n_in)
    """
    if isinstance(layer, Int8Linear):
        parts = layer.parts()
        return parts["weight"] * parts[SCALE][:, None]
    weight: Any = layer.weight
    if is_quantized(layer):
        import bitsandbytes.functional as F

        if weight.dtype == torch.int8:
            # The scales stand with the weight, or with the layer once it has run; the state dict knows.
            weight = F.int8_vectorwise_dequant(weight.detach(), layer.state_dict()["SCB"])
        else:
            weight = F.dequantize_4bit(weight.detach(), weight.quant_state)
    return cast(torch.Tensor, weight.detach().float())
