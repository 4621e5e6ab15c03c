"""One algorithm for arrays and tensors: numpy on the CPU, torch elsewhere.

The recursions are many calls on small arrays, each of which takes torch two to four times as long to begin as numpy.
The memory is the same, and so are the names of the calls: what is written against the namespace runs in either.
"""

from typing import Any

import numpy as np
import torch

Array = Any  # of the namespace


def namespace_at(device: torch.device) -> Any:
    """numpy or torch."""
    return np if device.type == "cpu" else torch


def as_arrays(*tensors: torch.Tensor) -> list[Array]:
    """Arrays of the namespace, on the memory of tensors."""
    detached = [tensor.detach() if tensor.requires_grad else tensor for tensor in tensors]
    return detached if namespace_at(tensors[0].device) is torch else [tensor.numpy() for tensor in detached]


def take_rows(rows: Array, index: Array, out: Array) -> Array:
    """Copy some rows into `out`."""
    if isinstance(rows, torch.Tensor):
        return torch.index_select(rows, 0, index, out=out)
    return rows.take(index, 0, out, "clip")  # without "clip", numpy writes to memory of its own first


def as_tensors(*arrays: Array) -> list[torch.Tensor]:
    """Tensors, on the memory of arrays of the namespace."""
    return [torch.from_numpy(array) if isinstance(array, np.ndarray) else array for array in arrays]
