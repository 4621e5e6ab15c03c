"""Gradient checkpointing: memory for one layer, time for one more forward pass.

Chen et al. 2016, "Training Deep Nets with Sublinear Memory Cost". transformers has it for some families and not for
ALBERT; torch's, put around each layer, is the same for all of them. The variant without re-entrance needs no input
that requires a gradient, so that it goes with frozen embeddings, LoRA and quantised weights.
"""

from functools import partial
from typing import Any

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from .hub import Base
from .layers import layers_of


def checkpoint_layers(model: Base) -> None:
    """Let each layer forget what it computed, while it trains, and compute it again when its gradient is due."""
    for layer in layers_of(model):
        layer.forward = partial(_run, layer)


def _run(layer: nn.Module, *args: Any, **kwargs: Any) -> Any:
    forward = partial(type(layer).forward, layer)
    if layer.training and torch.is_grad_enabled():
        return checkpoint(forward, *args, use_reentrant=False, **kwargs)
    return forward(*args, **kwargs)
