"""Detect the operators that this build of torch has, and the instructions that this CPU has.

Private names of torch are looked up in this module only. If a name is missing, the function returns None or False, and
the caller uses public operators instead.
"""

from functools import cache
from typing import Any, NamedTuple

import torch

FBGEMM = ("x86", "fbgemm")
ENGINES = (*FBGEMM, "onednn", "qnnpack")  # engines of torch's 8-bit products, the fastest first


class Int8Operators(NamedTuple):
    """Operators of torch for products of float32 inputs with int8 weights, which a CPU engine such as FBGEMM computes.

    The engine needs the weights in a layout of its own (packed).

    engine (str): Name of the engine.
    rounded (Callable): Creates a quantized tensor from int8 values, scales per row, zero points and an axis. Other
        constructors of torch take float32 values, and would quantize the weights again.
    pack (Callable): Converts a quantized tensor to a packed weight. unpack (Callable): Converts it back.
    multiply (Callable): Multiplies inputs by a packed weight. It computes one scale, and quantizes all inputs with it.
    multiply_scaled (Callable | None): Multiplies inputs by a packed weight. The caller gives the scale and the zero
        point with which the inputs are quantized. None if the engine is not FBGEMM.
    """

    engine: str
    rounded: Any
    pack: Any
    unpack: Any
    multiply: Any
    multiply_scaled: Any


@cache
def onednn_product() -> Any | None:
    """Return oneDNN's operator for linear layers, inputs @ weight.T + bias, in float32.

    RETURNS (Callable | None): The operator, called as operator(inputs, weight, bias, "none", [], ""). It has no public
        name, but `torch.compile` uses it, too. None if torch lacks the operator, or if the CPU has no AVX-512: then
        oneDNN is hardly faster than torch's default.
    """
    is_faster = torch.backends.mkldnn.is_available() and torch.backends.cpu.get_cpu_capability() == "AVX512"  # type: ignore[no-untyped-call]
    return getattr(torch.ops.mkldnn, "_linear_pointwise", None) if is_faster else None


@cache
def int8_operators() -> Int8Operators | None:
    """Return the operators of 8-bit linear layers, or None if torch is built without them."""
    engines = [name for name in ENGINES if name in torch.backends.quantized.supported_engines]
    products, rounded = torch.ops.quantized, getattr(torch, "_make_per_channel_quantized_tensor", None)
    names = ("linear_prepack", "linear_unpack", "linear_dynamic")
    pack, unpack, multiply = (getattr(products, name, None) for name in names)
    if not engines or None in (rounded, pack, unpack, multiply):
        return None
    scaled = getattr(products, "linear_with_input_q_dq_qweight_dq_output_fp32", None)
    return Int8Operators(engines[0], rounded, pack, unpack, multiply, scaled if engines[0] in FBGEMM else None)


def has_vnni() -> bool:
    """Return whether the CPU has VNNI, instructions that add products of 8-bit numbers in 32 bits."""
    return bool(getattr(torch.cpu, "_is_vnni_supported", lambda: False)())


def is_native(precision: str, device: torch.device) -> bool:
    """Return whether a device has instructions for half precision.

    Devices without them emulate half precision, and are slower with it than in float32. Of CPUs, those with AVX512-BF16
    are taken to have bfloat16, and those with AMX-FP16 float16.

    precision (str): "fp16" or "bf16".
    device (torch.device): The device.
    RETURNS (bool): Always True for devices other than CPUs and CUDA GPUs.
    """
    if device.type == "cuda":
        return precision == "fp16" or torch.cuda.get_device_capability(device) >= (8, 0)
    if device.type == "cpu":
        name = "_is_avx512_bf16_supported" if precision == "bf16" else "_is_amx_fp16_supported"
        return bool(getattr(torch.cpu, name, lambda: True)())
    return True
