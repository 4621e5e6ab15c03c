"""One array a document ⇄ one array a batch, in thinc's arrays or torch's."""

from typing import cast

import torch
from thinc.api import Ops
from thinc.types import Floats1d, Floats2d, Ints1d
from thinc.util import torch2xp
from thinc.util import xp2torch as _xp2torch

from ..types import HiddenT


def flatten(ops: Ops, arrays: HiddenT) -> tuple[Floats2d, list[int]]:
    """Put the rows of a batch one behind the other; returns them, and how many each document has."""
    return ops.flatten(arrays), [len(array) for array in arrays]


def unflatten(ops: Ops, rows: Floats2d, lengths: list[int]) -> HiddenT:
    """Give each document its rows back."""
    return ops.unflatten(rows, cast(Ints1d, lengths))


def to_torch(array: Floats1d | Floats2d, *, requires_grad: bool = False) -> torch.Tensor:
    """Show an array to torch, without a copy."""
    return _xp2torch(array, requires_grad=requires_grad)


def from_torch(tensor: torch.Tensor) -> Floats2d:
    """Show a tensor to thinc, without a copy."""
    return cast(Floats2d, torch2xp(tensor))
