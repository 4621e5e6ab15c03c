"""Detect what this build of torch and this CPU accelerate.

Private names of torch are looked up here and nowhere else. Where one is missing, its function returns None or False,
and the caller falls back to public operators.
"""

from functools import cache
from typing import Any, NamedTuple

import torch

FBGEMM = ("x86", "fbgemm")
ENGINES = (*FBGEMM, "onednn", "qnnpack")  # of torch's 8-bit products, the best first


class Int8Operators(NamedTuple):
    """Operators of torch's 8-bit linear layers.

    engine (str): The engine that packs, and that multiplies what it has packed.
    rounded (Callable): Makes a quantized tensor of int8 values, scales per row, zero points and an axis. It is the one
        constructor that does not round again.
    pack, unpack (Callable): From a quantized tensor to what the engine multiplies by, and back.
    multiply (Callable): Multiplies float32 inputs, quantized with one scale a batch that the operator finds.
    multiply_scaled (Callable | None): The same with a scale and zero point that the caller gives; FBGEMM only.
    """

    engine: str
    rounded: Any
    pack: Any
    unpack: Any
    multiply: Any
    multiply_scaled: Any


@cache
def onednn_product() -> Any | None:
    """Return oneDNN's product of float32 matrices where it is faster than torch's choice: on CPUs with AVX-512.

    RETURNS (Callable | None): The operator that torch's own compiler calls; it has no public name.
    """
    is_faster = torch.backends.mkldnn.is_available() and torch.backends.cpu.get_cpu_capability() == "AVX512"  # type: ignore[no-untyped-call]
    return getattr(torch.ops.mkldnn, "_linear_pointwise", None) if is_faster else None


@cache
def int8_operators() -> Int8Operators | None:
    """Return the operators of 8-bit linear layers, or None where torch is built without them."""
    engines = [name for name in ENGINES if name in torch.backends.quantized.supported_engines]
    products, rounded = torch.ops.quantized, getattr(torch, "_make_per_channel_quantized_tensor", None)
    names = ("linear_prepack", "linear_unpack", "linear_dynamic")
    pack, unpack, multiply = (getattr(products, name, None) for name in names)
    if not engines or None in (rounded, pack, unpack, multiply):
        return None
    scaled = getattr(products, "linear_with_input_q_dq_qweight_dq_output_fp32", None)
    return Int8Operators(engines[0], rounded, pack, unpack, multiply, scaled if engines[0] in FBGEMM else None)


def has_vnni() -> bool:
    """Return whether the CPU adds products of 8-bit numbers in 32 bits."""
    return bool(getattr(torch.cpu, "_is_vnni_supported", lambda: False)())


def is_native(precision: str, device: torch.device) -> bool:
    """Return whether a device multiplies in half precision; others emulate it, which is slower than float32.

    precision (str): "fp16" or "bf16".
    device (torch.device): Any.
    """
    if device.type == "cuda":
        return precision == "fp16" or torch.cuda.get_device_capability(device) >= (8, 0)
    if device.type == "cpu":
        name = "_is_avx512_bf16_supported" if precision == "bf16" else "_is_amx_fp16_supported"
        return bool(getattr(torch.cpu, name, lambda: True)())
    return True
