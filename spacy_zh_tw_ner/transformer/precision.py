"""Half precision: autocast around the forward pass, and frozen weights kept in what they are cast to."""

import warnings

import torch
from torch import nn

from ..encoders.native import is_native
from ..errors import Warnings
from .half_embeddings import halve_embedding
from .hub import Base

DTYPES = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}


def warn_if_emulated(precision: str, device: torch.device) -> None:
    """Warn where half precision works, and takes longer than float32."""
    if precision != "fp32" and not is_native(precision, device):
        other = "fp16" if device.type == "cuda" else "fp32"
        warnings.warn(Warnings.ZT920.format(precision=precision, device=device, other=other), stacklevel=2)


def halve_frozen(model: Base, precision: str) -> None:
    """Keep frozen weights in half precision, where that changes no result.

    Autocast rounds the weights of linear layers at each step anyway: rounded once, they take half the memory.
    Embeddings are not rounded by autocast, and are halved only if they came in half precision.
    """
    if precision == "fp32":
        return
    dtype = DTYPES[precision]
    for part in model.modules():
        if type(part) is nn.Linear and not part.weight.requires_grad:
            part.weight.data = part.weight.data.to(dtype)
        elif isinstance(part, nn.Embedding) and not part.weight.requires_grad:
            # Without data, the config tells what they came in.
            halve_embedding(part, dtype, told=getattr(model.config, "torch_dtype", None) == dtype)
