"""Decoders that read both ways: a mask says so explicitly.

Left to itself, a decoder drops a mask that hides nothing (one sequence, no padding) and falls back to its causal
kernel; a mask with one row a query is passed through as it is, in sdpa and eager attention alike.
"""

import torch

from .hub import Base

# Added to a score, it leaves nothing of it after the softmax, and the sum is finite in float16, too.
HIDDEN_SCORE = -30_000.0


def is_decoder(model: Base) -> bool:
    """Whether attention looks back only, unless it is told otherwise."""
    return any(getattr(module, "is_causal", False) for module in model.modules())


def full_mask(attention_mask: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """Let every piece see every piece of its sequence.

    attention_mask (torch.Tensor): (B, T), 1 for pieces and 0 for padding.
    dtype (torch.dtype): Of the scores.
    RETURNS (torch.Tensor): (B, 1, T, T), what to add to the scores.
    """
    b, t = attention_mask.shape
    padding = (attention_mask == 0)[:, None, None, :].expand(b, 1, t, t)
    return torch.zeros(b, 1, t, t, dtype=dtype, device=attention_mask.device).masked_fill(padding, HIDDEN_SCORE)
