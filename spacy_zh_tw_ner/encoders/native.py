"""Detect whether half-precision products are faster than float32 on a device."""

import torch


def is_native(precision: str, device: torch.device) -> bool:
    """Return whether a device multiplies in half precision.

    precision (str): "fp16" or "bf16".
    device (torch.device): Any.
    """
    if device.type == "cuda":
        return precision == "fp16" or torch.cuda.get_device_capability(device) >= (8, 0)
    if device.type == "cpu":
        probe = "_is_avx512_bf16_supported" if precision == "bf16" else "_is_amx_fp16_supported"
        return bool(getattr(torch.cpu, probe, lambda: True)())
    return True
