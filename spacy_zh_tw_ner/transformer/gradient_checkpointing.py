"""Gradient checkpointing: memory for one layer, time for one more forward pass.

Chen et al. 2016, "Training Deep Nets with Sublinear Memory Cost". transformers has it for some families and not for
ALBERT; torch's, put around each layer, is the same for all of them. The variant without re-entrance needs no input
that requires a gradient, so that it goes with frozen embeddings, LoRA and quantised weights.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from typing import Any, TypeAlias

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint, noop_context_fn

from .hub import Base
from .layers import layers_of

ContextsT: TypeAlias = Callable[[], tuple[AbstractContextManager[Any], AbstractContextManager[Any]]]


def checkpoint_layers(model: Base, contexts: ContextsT = noop_context_fn) -> None:
    """Let each layer forget what it computed, while it trains, and compute it again when its gradient is due.

    contexts (Callable): Gives what surrounds the first run of a layer and the second.
    """
    for layer in layers_of(model):
        layer.forward = partial(_run, layer, contexts)


def _run(layer: nn.Module, contexts: ContextsT, *args: Any, **kwargs: Any) -> Any:
    forward = partial(type(layer).forward, layer)
    if layer.training and torch.is_grad_enabled():
        return checkpoint(forward, *args, use_reentrant=False, context_fn=contexts, **kwargs)
    return forward(*args, **kwargs)
