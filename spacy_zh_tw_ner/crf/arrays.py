"""One algorithm for arrays and tensors: numpy on the CPU, torch elsewhere.

The recursions are many calls on small arrays, each of which takes torch two to four times as long to begin as numpy.
The memory is the same, and so are the calls: what is written against the namespace runs in either.
"""

from typing import Any

import numpy as np
import torch

Array = Any  # of the namespace


def namespace_at(device: torch.device) -> Any:
    """numpy or torch."""
    return np if device.type == "cpu" else torch


def shared(*tensors: torch.Tensor) -> list[Array]:
    """Arrays of the namespace, on the memory of tensors."""
    return [tensor.detach().numpy() if tensor.device.type == "cpu" else tensor for tensor in tensors]
