"""A torch module inside a thinc model: thinc's shim, safe for threads, saved as safetensors, with averaged weights."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from safetensors.torch import load, save
from thinc.api import Optimizer, PyTorchShim
from thinc.util import xp2torch

from ..devices import encoder_device
from ..thread_safety import guard_shim
from ..untrusted import origin, parse_msgpack, reading, require_type
from .ragged import from_torch, to_torch


def _serialize(module: torch.nn.Module) -> bytes:
    return save({name: tensor.contiguous() for name, tensor in module.state_dict().items()})


def _deserialize(module: torch.nn.Module, data: bytes, device: torch.device) -> torch.nn.Module:
    module.load_state_dict(load(data))
    return module.to(encoder_device())  # `device` is that of thinc


def update_by_thinc(shim_id: int, name: str, parameter: torch.nn.Parameter, optimizer: Optimizer) -> None:
    """Update one parameter, on any device, by an optimizer of thinc. Its gradient stays.

    thinc's own shim does the same on the device of thinc only.
    """
    assert parameter.grad is not None
    new, _ = optimizer((shim_id, name), from_torch(parameter.data), from_torch(parameter.grad))
    if parameter.device.type == "cpu":
        parameter.data = to_torch(new)
    else:
        # In place: cuDNN wants the weights of an LSTM in one piece of memory.
        parameter.data.copy_(to_torch(new))


class TorchShim(PyTorchShim):
    """Holds a torch module.

    thinc stores averages under (shim id, parameter name), and its shim looks for them under another key, so that
    `use_averages` passes torch modules by. This one finds them.
    """

    def __init__(self, module: torch.nn.Module, **kwargs: Any) -> None:
        device = encoder_device()
        super().__init__(module, device=device, serialize_model=_serialize, deserialize_model=_deserialize, **kwargs)
        guard_shim(self)

    def finish_update(self, optimizer: Optimizer) -> None:
        """Update the module, and set its gradients to zero."""
        for name, parameter in self._model.named_parameters():
            if parameter.grad is not None:
                update_by_thinc(self.id, name, parameter, optimizer)
                parameter.grad.zero_()

    def from_bytes(self, bytes_data: bytes) -> "TorchShim":
        """Load weights in place.

        RAISES (UnreadableFileError): For anything but the weights of this module.
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
        """Put given weights in place, and the old ones back at the end."""
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
