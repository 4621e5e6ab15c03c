"""A torch module inside a thinc model: thinc's shim, safe for threads, saved as safetensors, with averaged weights."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from safetensors.torch import load, save
from thinc.api import PyTorchShim
from thinc.util import xp2torch

from ..module_mode import guard_shim
from ..untrusted import origin, parse_msgpack, reading, require_type


def _serialize(module: torch.nn.Module) -> bytes:
    return save({name: tensor.contiguous() for name, tensor in module.state_dict().items()})


def _deserialize(module: torch.nn.Module, data: bytes, device: torch.device) -> torch.nn.Module:
    module.load_state_dict(load(data))
    return module.to(device)


class TorchShim(PyTorchShim):
    """Holds a torch module.

    thinc stores averages under (shim id, parameter name), and its shim looks for them under another key, so that
    `use_averages` passes torch modules by. This one finds them.
    """

    def __init__(self, module: torch.nn.Module, **kwargs: Any) -> None:
        super().__init__(module, serialize_model=_serialize, deserialize_model=_deserialize, **kwargs)
        guard_shim(self)

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
