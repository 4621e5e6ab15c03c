"""Whether the compiled kernels run, and torch tensors ⇄ what they take."""

from collections.abc import Sequence
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from .._compat import has_numba
from ..errors import Errors
from ..install_hints import install_hint
from .layout import check_finite
from .transitions import Transitions


def kernels_for(emissions: torch.Tensor, compiled: bool | None) -> ModuleType | None:
    """The kernels, or None where torch shall compute.

    emissions (torch.Tensor): On the CPU for kernels.
    compiled (Optional[bool]): None for the kernels wherever they can run, or what the caller insists on.
    RAISES (ValueError): Where kernels are asked for and cannot run.
    """
    possible = emissions.device.type == "cpu" and has_numba()
    if compiled and not possible:
        raise ValueError(Errors.ZT110.format(device=emissions.device, hint=install_hint("fast")))
    if compiled is False or not possible:
        return None
    from . import kernels

    return kernels


def as_inputs(emissions: torch.Tensor, lengths: Sequence[int], transitions: Transitions) -> list[npt.NDArray[Any]]:
    """Emissions, lengths, matrix, start and end as the kernels take them."""
    tensors = (emissions, *transitions)
    arrays = [np.ascontiguousarray(tensor.detach().float().numpy()) for tensor in tensors]
    return [arrays[0], np.asarray(lengths, dtype=np.int64), *arrays[1:]]


def settle(status: npt.NDArray[np.int64], emissions: torch.Tensor, kernels: ModuleType) -> tuple[list[int], list[int]]:
    """Sequences that need float64, and those that are illegal.

    RAISES (ValueError): Where emissions are not finite.
    """
    if not status.any():
        return [], []
    if (status == kernels.NOT_FINITE).any():
        check_finite(emissions)
    return np.flatnonzero(status == kernels.UNSOUND).tolist(), np.flatnonzero(status == kernels.ILLEGAL).tolist()
