"""Simulated GPU: tensors are on the CPU and have a label for their device.

`Tensor.to`, `.cpu`, `.numpy`, `.device` and the factories use the label; everything else runs on the CPU. As on a real
GPU, an operation on tensors of two devices raises a RuntimeError, unless one of them has no dimensions. Results are bit
for bit those of the CPU. Kernels, streams, memory and speed are not simulated.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch.multiprocessing.reductions import StorageWeakRef
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

CPU = torch.device("cpu")
# Operations that copy between devices, or take indices from the CPU
MAY_MIX = ("aten::copy_", "aten::index.Tensor", "aten::set_")


class Devices:
    """Labels of the storages that are on a simulated GPU, and a list of the copies between devices."""

    def __init__(self) -> None:
        # While the weak reference exists, the address of a storage is not used again.
        self._labels: dict[int, tuple[StorageWeakRef, torch.device]] = {}
        self.copies: list[tuple[torch.device, torch.device, torch.Size]] = []

    def of(self, tensor: torch.Tensor) -> torch.device:
        if tensor.is_meta:
            return torch.device("meta")
        storage = tensor.untyped_storage()
        reference, device = self._labels.get(storage._cdata, (None, CPU))
        if reference is not None and reference.expired():
            del self._labels[storage._cdata]
            return CPU
        return device

    def label(self, tensor: torch.Tensor, device: torch.device) -> torch.Tensor:
        if not tensor.is_meta:
            storage = tensor.untyped_storage()
            self._labels.pop(storage._cdata, None)
            if device.type == "cuda":
                self._labels[storage._cdata] = StorageWeakRef(storage), torch.device("cuda", device.index or 0)
        return tensor

    def copy(self, tensor: torch.Tensor, device: torch.device, dtype: torch.dtype | None = None) -> torch.Tensor:
        before, found = self.of(tensor), tensor if dtype is None else tensor.to(dtype)
        after = torch.device("cuda", device.index or 0) if device.type == "cuda" else device
        if before == after:
            return found
        if after.type == "meta":
            return found.to(after)
        self.copies.append((before, after, tensor.shape))
        if found.requires_grad and torch.is_grad_enabled() and before != CPU != after:
            copied: torch.Tensor = _Copy.apply(found, self, before, after)  # type: ignore[no-untyped-call]
            return copied
        if found.untyped_storage()._cdata == tensor.untyped_storage()._cdata:
            found = found.clone()
        return self.label(found, after)


class _Copy(torch.autograd.Function):
    """Copy from one simulated GPU to another, and its gradient back."""

    @staticmethod
    def forward(ctx: Any, tensor: torch.Tensor, devices: Devices, before: Any, after: Any) -> torch.Tensor:
        ctx.devices, ctx.before = devices, before
        return devices.label(tensor.clone(), after)

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor, None, None, None]:  # type: ignore[override]
        return ctx.devices.label(gradient.clone(), ctx.before), None, None, None


class _Operations(TorchDispatchMode):
    """Label results with the device of their inputs, in the backward pass too; raise an error for mixed devices."""

    def __init__(self, devices: Devices) -> None:
        super().__init__()
        self.devices = devices

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        tensors = [leaf for leaf in tree_leaves((args, kwargs or {})) if isinstance(leaf, torch.Tensor)]
        found = {self.devices.of(tensor) for tensor in tensors if tensor.dim() > 0}
        name = func.name()
        if len(found) > 1 and name not in MAY_MIX and "meta" not in {device.type for device in found}:
            raise RuntimeError(
                f"Expected all tensors to be on the same device, but {name} got {sorted(map(str, found))}"
            )
        result = func(*args, **(kwargs or {}))
        device = self.devices.of(tensors[0]) if name in MAY_MIX else _first(found, map(self.devices.of, tensors))
        if device.type == "cuda":
            for leaf in tree_leaves(result):
                if isinstance(leaf, torch.Tensor):
                    self.devices.label(leaf, device)
        return result


def _first(*groups: Any) -> torch.device:
    return next((device for group in groups for device in group if device.type == "cuda"), CPU)


class _Names(TorchFunctionMode):
    """Replace the functions that take or return a device: moves, factories and attributes."""

    def __init__(self, devices: Devices) -> None:
        super().__init__()
        self.devices = devices
        T: Any = torch.Tensor
        self._replaced: dict[Any, Callable[..., Any]] = {
            T.to: self._to,
            T.cpu: lambda tensor, **kwargs: devices.copy(tensor, CPU),
            T.cuda: lambda tensor, device=0, **kwargs: devices.copy(tensor, torch.device("cuda", device)),
            T.numpy: self._numpy,
            T.device.__get__: devices.of,
            T.is_cuda.__get__: lambda tensor: devices.of(tensor).type == "cuda",
            T.is_cpu.__get__: lambda tensor: devices.of(tensor).type == "cpu",
        }

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func in self._replaced:
            return self._replaced[func](*args, **kwargs)
        device = kwargs.get("device")
        if device is not None and torch.device(device).type == "cuda":
            found = func(*args, **kwargs | {"device": CPU})
            return self.devices.label(found, torch.device(device))
        return func(*args, **kwargs)

    def _to(self, tensor: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
        if args and isinstance(args[0], int):
            args = (torch.device("cuda", args[0]), *args[1:])
        if args and isinstance(args[0], torch.Tensor):
            return self.devices.copy(tensor, self.devices.of(args[0]), args[0].dtype)
        device, dtype, *_ = torch._C._nn._parse_to(*args, **{k: v for k, v in kwargs.items() if k != "copy"})
        return tensor.to(*args, **kwargs) if device is None else self.devices.copy(tensor, device, dtype)

    def _numpy(self, tensor: torch.Tensor, **kwargs: Any) -> Any:
        if self.devices.of(tensor).type == "cuda":
            raise TypeError("can't convert cuda:0 device type tensor to numpy")
        return tensor.numpy(**kwargs)


@contextmanager
def fake_gpus(monkeypatch: pytest.MonkeyPatch, n: int = 2) -> Iterator[Devices]:
    """Context manager: make torch find `n` simulated GPUs."""
    devices, current = Devices(), [0]
    state = torch.zeros(16, dtype=torch.uint8)
    replaced: dict[str, Any] = {
        "is_available": lambda: True,
        "device_count": lambda: n,
        "current_device": lambda: current[0],
        "set_device": lambda device: current.__setitem__(0, torch.device("cuda", device).index),
        "get_device_capability": lambda device=0: (8, 0),
        "get_device_name": lambda device=0: "Simulated GPU",
        "is_bf16_supported": lambda *args, **kwargs: True,
        "max_memory_allocated": lambda device=0: 0,
        "empty_cache": lambda: None,
        "mem_get_info": lambda device=0: (2**34, 2**34),
        "synchronize": lambda device=0: None,
        "get_rng_state": lambda device=0: state.clone(),
        "set_rng_state": lambda state, device=0: None,
    }
    for name, value in replaced.items():
        monkeypatch.setattr(torch.cuda, name, value)
    monkeypatch.setattr(torch.backends.cudnn, "is_acceptable", lambda tensor: False)
    with _Operations(devices), _Names(devices):
        yield devices
