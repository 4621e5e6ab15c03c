"""Concatenate arrays of documents to one array per batch, and split it again, for numpy, CuPy and torch."""

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import torch
from thinc.api import Ops, get_torch_default_device
from thinc.types import Floats1d, Floats2d, Ints1d
from thinc.util import torch2xp
from thinc.util import xp2torch as _xp2torch

from ..types import HiddenT


def flatten(ops: Ops, arrays: HiddenT) -> tuple[Floats2d, list[int]]:
    """Put the rows of a batch one behind the other; returns them, and how many each document has.

    Those of a single document are not copied.
    """
    return arrays[0] if len(arrays) == 1 else ops.flatten(arrays), [len(array) for array in arrays]


def unflatten(ops: Ops, rows: Floats2d, lengths: list[int]) -> HiddenT:
    """Give each document its rows back."""
    return ops.unflatten(rows, cast(Ints1d, lengths))


def to_torch(
    array: Floats1d | Floats2d, *, device: torch.device | None = None, requires_grad: bool = False
) -> torch.Tensor:
    """Convert an array of thinc to a tensor, which shares its memory if it is on the same device.

    device (Optional[torch.device]): Of the module that takes it; by default the device of thinc.
    requires_grad (bool): Whether the tensor, on that device, gets a gradient.
    """
    return _xp2torch(array, requires_grad=requires_grad, device=device)


def from_torch(tensor: torch.Tensor) -> Floats2d:
    """Convert a tensor on any device to an array of thinc, which shares its memory if thinc is on that device."""
    return cast(Floats2d, torch2xp(tensor.detach().to(get_torch_default_device())))


def to_numpy(ops: Ops, array: Any) -> npt.NDArray[np.float32]:
    """Return an array of thinc on the CPU, without a copy where it is there."""
    found: npt.NDArray[np.float32] = ops.to_numpy(array).astype(np.float32, copy=False)  # type: ignore[no-untyped-call]
    return found


def from_numpy(ops: Ops, array: npt.NDArray[Any]) -> Any:
    """Convert an array to the device of `ops`."""
    floats: Any = array.astype(np.float32, copy=False)
    return ops.asarray(floats)


def group_by_length(
    lengths: Sequence[int], *, max_padded: int, max_items: int | None = None, fill: float = 0.7
) -> list[list[int]]:
    """Put items of about one length together, so that little is padded, and bound the size of a group.

    lengths (Sequence[int]): Of the items.
    max_padded (int): A group's longest length times its items is at most this; a single item may be longer.
    max_items (Optional[int]): Items of a group, if there is a limit.
    fill (float): The shortest item of a group has at least this share of the longest's length.
    RETURNS (list[list[int]]): Indices, the longest items first.
    """
    groups: list[list[int]] = []
    longest = 0
    for index in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
        size = len(groups[-1]) + 1 if groups else 0
        if (
            groups
            and lengths[index] >= fill * longest
            and longest * size <= max_padded
            and (max_items is None or size <= max_items)
        ):
            groups[-1].append(index)
        else:
            groups.append([index])
            longest = lengths[index]
    return groups
