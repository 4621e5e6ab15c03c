"""Convert arrays between thinc, torch and numpy, group batches by length, and wrap torch modules for thinc."""

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
    """Concatenate the arrays of a batch. The array of a single document is not copied.

    arrays (HiddenT): One array per document, (n_tokens, width).
    RETURNS (tuple[Floats2d, list[int]]): (n_rows, width), and the number of rows of each document.
    """
    return arrays[0] if len(arrays) == 1 else ops.flatten(arrays), [len(array) for array in arrays]


def unflatten(ops: Ops, rows: Floats2d, lengths: list[int]) -> HiddenT:
    """Split (n_rows, width) into one array per document; the inverse of `flatten`."""
    return ops.unflatten(rows, cast(Ints1d, lengths))


def to_torch(
    array: Floats1d | Floats2d, *, device: torch.device | None = None, requires_grad: bool = False
) -> torch.Tensor:
    """Convert an array of thinc to a tensor. They share memory if both are on the same device.

    array (Floats1d | Floats2d): The array.
    device (Optional[torch.device]): Device of the tensor; by default the device of thinc.
    requires_grad (bool): Whether the tensor requires a gradient.
    RETURNS (torch.Tensor): The tensor, of the same shape.
    """
    return xp2torch(array, requires_grad=requires_grad, device=device)


def from_torch(tensor: torch.Tensor) -> Floats2d:
    """Convert a tensor on any device to an array of thinc. They share memory if thinc uses the same device."""
    return cast(Floats2d, torch2xp(tensor.detach().to(get_torch_default_device())))


def to_numpy(ops: Ops, array: Any) -> npt.NDArray[np.float32]:
    """Convert an array of thinc to a float32 numpy array, without a copy if it is on the CPU."""
    found: npt.NDArray[np.float32] = ops.to_numpy(array).astype(np.float32, copy=False)  # type: ignore[no-untyped-call]
    return found


def from_numpy(ops: Ops, array: npt.NDArray[Any]) -> Any:
    """Convert a numpy array to a float32 array on the device of `ops`."""
    floats: Any = array.astype(np.float32, copy=False)
    return ops.asarray(floats)


def group_by_length(
    lengths: Sequence[int], *, max_padded: int, max_items: int | None = None, fill: float = 0.7
) -> list[list[int]]:
    """Group items of similar lengths, so that batches need little padding and have a bounded size.

    lengths (Sequence[int]): Lengths of the items.
    max_padded (int): Limit of the padded size of a group, the number of items times the greatest length. A group of
        one item may exceed it.
    max_items (Optional[int]): Largest number of items in a group; None for no limit.
    fill (float): Smallest length of an item in a group, as a fraction of the greatest length.
    RETURNS (list[list[int]]): Indices of the items of each group, the longest items first.
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
    """Update one parameter with an optimizer of thinc. The parameter can be on any device; its gradient is kept.

    thinc's own shim does the same, but only for parameters on thinc's device.

    shim_id (int), name (str): Key under which the optimizer stores the moments of this parameter.
    parameter (torch.nn.Parameter): A parameter with a gradient; updated in place.
    optimizer (Optimizer): The optimizer.
    """
    assert parameter.grad is not None
    new, _ = optimizer((shim_id, name), from_torch(parameter.data), from_torch(parameter.grad))
    if parameter.device.type == "cpu":
        parameter.data = to_torch(new)
    else:
        # In place: cuDNN needs the weights of an LSTM in one block of memory.
        parameter.data.copy_(to_torch(new))


class TorchShim(PyTorchShim):
    """A thinc shim for a torch module that is thread-safe, saves weights as safetensors, and can use averaged weights.

    With the setting `use_averages` of a thinc optimizer, spaCy evaluates and saves averages of the weights. The
    optimizer stores them under (shim id, parameter name), but thinc's own shim reads them under another key, so that
    the setting has no effect on torch modules. This shim uses the right key.

    module (torch.nn.Module): The module; it is moved to `devices.encoder_device()`.
    """

    def __init__(self, module: torch.nn.Module, **kwargs: Any) -> None:
        device = encoder_device()
        super().__init__(module, device=device, serialize_model=_serialize, deserialize_model=_deserialize, **kwargs)
        guard_shim(self)

    def finish_update(self, optimizer: Optimizer) -> None:
        """Update all parameters that have a gradient, and set the gradients to zero.

        thinc calls it in `Model.finish_update`.

        optimizer (Optimizer): An optimizer of thinc, which stores the moments and averages of the parameters.
        """
        for name, parameter in self._model.named_parameters():
            if parameter.grad is not None:
                update_by_thinc(self.id, name, parameter, optimizer)
                parameter.grad.zero_()

    def from_bytes(self, bytes_data: bytes) -> "TorchShim":
        """Load weights into the module of this shim; thinc calls it in `Model.from_bytes`.

        bytes_data (bytes): Returned by `to_bytes` of a shim with such a module.
        RETURNS (TorchShim): This shim.
        RAISES (UnreadableFileError): If the bytes are not weights of this module.
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
        """Context manager: use the given weights, and restore the weights of the module at the end.

        params (dict[tuple[int, str], Any]): (id of the shim, name of the parameter) → weights, for all layers of the
            pipeline. Parameters that are not in it keep their weights.
        """
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
