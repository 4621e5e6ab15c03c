"""Embeddings in half the memory, where they came in half precision: autocast does not touch them."""

import torch
from torch import nn


def halve_embedding(part: nn.Embedding, dtype: torch.dtype, *, told: bool = False) -> None:
    """Keep embeddings in half precision if they came in it, and give them out in float32.

    part (nn.Embedding): Frozen.
    dtype (torch.dtype): The half precision.
    told (bool): Whether they came in it, where there are no numbers to see it by.
    """
    halved = part.weight.data.to(dtype)
    same = halved.dtype == part.weight.dtype
    if same or (told if halved.is_meta else torch.equal(halved.float(), part.weight.data)):
        part.weight.data = halved
        part.register_forward_hook(_to_float)


def _to_float(module: nn.Module, args: tuple[torch.Tensor, ...], output: torch.Tensor) -> torch.Tensor:
    return output.float()
