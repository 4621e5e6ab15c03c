"""Exchange arrays and modules between thinc and torch: flat batches, tensors, and a shim that holds a torch module."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import torch
from safetensors.torch import load, save
from thinc.api import Ops, Optimizer, PyTorchShim, get_torch_default_device
from thinc.types import Floats1d, Floats2d, Ints1d
from thinc.util import torch2xp, xp2torch

from ..devices import encoder_device
from ..thread_safety import guard_shim
from ..untrusted import origin, parse_msgpack, reading, require_type
from . import HiddenT


def flatten(ops: Ops, arrays: HiddenT) -> tuple[Floats2d, list[int]]:
    """Concatenate the rows of a batch; return them, and the number of rows of each document.

    The rows of a single document are not copied.
    """
    return arrays[0] if len(arrays) == 1 else ops.flatten(arrays), [len(array) for array in arrays]


def unflatten(ops: Ops, rows: Floats2d, lengths: list[int]) -> HiddenT:
    """Split the rows of a batch by document."""
    return ops.unflatten(rows, cast(Ints1d, lengths))


def to_torch(
    array: Floats1d | Floats2d, *, device: torch.device | None = None, requires_grad: bool = False
) -> torch.Tensor:
    """Convert an array of thinc to a tensor, which shares its memory if it is on the same device.

    device (Optional[torch.device]): Device of the tensor; by default that of thinc.
    requires_grad (bool): Whether the tensor requires a gradient.
    """
    return xp2torch(array, requires_grad=requires_grad, device=device)


def from_torch(tensor: torch.Tensor) -> Floats2d:
    """Convert a tensor on any device to an array of thinc, which shares its memory if thinc is on that device."""
    return cast(Floats2d, torch2xp(tensor.detach().to(get_torch_default_device())))


def to_numpy(ops: Ops, array: Any) -> npt.NDArray[np.float32]:
    """Return an array of thinc on the CPU, without a copy if it is there."""
    found: npt.NDArray[np.float32] = ops.to_numpy(array).astype(np.float32, copy=False)  # type: ignore[no-untyped-call]
    return found


def from_numpy(ops: Ops, array: npt.NDArray[Any]) -> Any:
    """Convert an array to the device of `ops`."""
    floats: Any = array.astype(np.float32, copy=False)
    return ops.asarray(floats)


def group_by_length(
    lengths: Sequence[int], *, max_padded: int, max_items: int | None = None, fill: float = 0.7
) -> list[list[int]]:
    """Group items of similar lengths, so that little is padded, and bound the size of a group.

    lengths (Sequence[int]): Lengths of the items.
    max_padded (int): Largest number of items times greatest length in a group; a single item may be longer.
    max_items (Optional[int]): Largest number of items of a group; None for no limit.
    fill (float): Least length of an item, relative to the longest of its group.
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


def _serialize(module: torch.nn.Module) -> bytes:
    return save({name: tensor.contiguous() for name, tensor in module.state_dict().items()})


def _deserialize(module: torch.nn.Module, data: bytes, device: torch.device) -> torch.nn.Module:
    module.load_state_dict(load(data))
    return module.to(encoder_device())  # `device` is that of thinc


def update_by_thinc(shim_id: int, name: str, parameter: torch.nn.Parameter, optimizer: Optimizer) -> None:
    """Update one parameter, on any device, with an optimizer of thinc, and keep its gradient.

    The shim of thinc does this on the device of thinc only.
    """
    assert parameter.grad is not None
    new, _ = optimizer((shim_id, name), from_torch(parameter.data), from_torch(parameter.grad))
    if parameter.device.type == "cpu":
        parameter.data = to_torch(new)
    else:
        # In place: cuDNN needs the weights of an LSTM in one block of memory.
        parameter.data.copy_(to_torch(new))


class TorchShim(PyTorchShim):
    """Holds a torch module, safe for threads, saved as safetensors.

    thinc stores averages under (shim id, parameter name), but its shim looks for them under another key, so that
    `use_averages` has no effect on torch modules. This shim uses the right key.
    """

    def __init__(self, module: torch.nn.Module, **kwargs: Any) -> None:
        device = encoder_device()
        super().__init__(module, device=device, serialize_model=_serialize, deserialize_model=_deserialize, **kwargs)
        guard_shim(self)

    def finish_update(self, optimizer: Optimizer) -> None:
        """Update the parameters, and set their gradients to zero."""
        for name, parameter in self._model.named_parameters():
            if parameter.grad is not None:
                update_by_thinc(self.id, name, parameter, optimizer)
                parameter.grad.zero_()

    def from_bytes(self, bytes_data: bytes) -> "TorchShim":
        """Load weights in place.

        RAISES (UnreadableFileError): For anything but weights of this module.
        """
        with reading(origin()):
            parts = require_type("the encoder", parse_msgpack(bytes_data), dict)
            require_type("the encoder's weights", parts.get("state"), bytes)
            config, self.cfg = self.cfg, {}
            super().from_bytes(bytes_data)  # type: ignore[no-untyped-call]
            self.cfg = config
        return self

    @contextmanager
    def use_params(self, params: dict[tuple[int, str], Any]) -> Iterator[None]:
        """Replace weights, and restore them at the end."""
        own = dict(self._model.named_parameters())
        given = {name: params[self.id, name] for name in own if (self.id, name) in params}
        kept = {name: own[name].data for name in given}
        for name, value in given.items():
            own[name].data = xp2torch(value, device=own[name].device)
        try:
            yield
        finally:
            for name, value in kept.items():
                own[name].data = value
