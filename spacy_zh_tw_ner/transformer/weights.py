"""Weights of a model by name: without adapters, merged with adapters, hashed, or read from safetensors."""

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TypeAlias, cast

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from torch import nn

from ..errors import Errors, UnreadableFileError
from ..untrusted import safetensors_entries
from .lora import is_adapted, is_adapter, plain_name
from .quantization import is_quantized, plain_weight

Weights: TypeAlias = dict[str, torch.Tensor]
SourceT: TypeAlias = bytes | memoryview | Path
SAFETENSORS_DTYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}
# Attribute of a model with the values of offloaded weights by name, see `dispatch`
OFFLOADED = "offloaded_weights"


def base_weights(model: nn.Module, *, with_values: bool = True) -> Weights:
    """Return the weights of the base model, without adapters.

    A quantized layer has several entries: its weight, and the tensors that bitsandbytes needs to restore it.

    model (nn.Module): The model, with or without adapters.
    with_values (bool): Read the values of offloaded weights; otherwise, these are on the meta device.
    RETURNS (dict[str, torch.Tensor]): Weights by the names that they have in the model without adapters.
    """
    offloaded: Mapping[str, torch.Tensor] = getattr(model, OFFLOADED, {}) if with_values else {}
    return {
        plain_name(name): offloaded.get(name, tensor)
        for name, tensor in model.state_dict().items()
        if not is_adapter(name)
    }


def merged_weights(model: nn.Module) -> Weights:
    """Return the weights of the base model with the update of each adapter added.

    RETURNS (dict[str, torch.Tensor]): float32 weights by name, without bitsandbytes' entries. Quantized layers are
        dequantized, as rounding the sum to 4 or 8 bits would lose the updates.
    """
    weights = base_weights(model)
    for path, layer in model.named_modules():
        if is_adapted(layer):
            base = layer.base_layer
            weight = plain_weight(base) if is_quantized(base) else weights[f"{path}.weight"].float()
            weight = weight + layer.get_delta_weight("default").detach().to(weight.device)
        elif is_quantized(layer) and not path.endswith(".base_layer"):
            weight = plain_weight(layer)
        else:
            continue
        for name in [name for name in weights if name.startswith(f"{path}.") and name != f"{path}.bias"]:
            weights.pop(name)
        weights[f"{path}.weight"] = weight
    return {name: tensor.float() for name, tensor in weights.items()}


def unquantized_weights(model: nn.Module) -> Weights:
    """Return the weights that are not quantized: embeddings, norms and biases, or all weights if none is quantized."""
    packed = tuple(f"{path}." for path, layer in model.named_modules() if is_quantized(layer))
    return {
        name: tensor
        for name, tensor in model.state_dict().items()
        if not (name.startswith(packed) and not name.endswith(".bias"))
    }


def fingerprint(model: nn.Module) -> str:
    """Return a hash that identifies a base model.

    model (nn.Module): The model as loaded, in float32 and without adapters.
    RETURNS (str): SHA-256 over name, shape and bytes of each weight that is not quantized, in the order of names.
        Quantized weights are left out, as devices may round them differently.
    """
    digest = hashlib.sha256()
    for name, tensor in sorted(unquantized_weights(model).items()):
        digest.update(f"{name}{tuple(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().data)
    return digest.hexdigest()


class StoredTensors(Mapping[str, torch.Tensor]):
    """Mapping of names to tensors in the safetensors format. Each access reads and copies the tensor.

    A file is opened for each access, and not kept open.

    source (bytes | memoryview | Path): Bytes of `safetensors.torch.save`, or the file that they were written to.
    RAISES (UnreadableFileError): If the header does not fit the length of the data.
    """

    def __init__(self, source: SourceT) -> None:
        self._source = source
        if isinstance(source, Path):
            with source.open("rb") as file:
                self._entries = safetensors_entries(source.stat().st_size, lambda _, size: file.read(size))
        else:
            view = memoryview(source)
            self._entries = safetensors_entries(len(view), lambda start, size: bytes(view[start : start + size]))

    def __getitem__(self, name: str) -> torch.Tensor:
        entry = self._entries[name]
        if isinstance(self._source, Path):
            try:  # open the file for each tensor: mapped pages of an open file count as memory of the process
                with safe_open(self._source, "pt") as file:
                    return cast(torch.Tensor, file.get_tensor(name).clone())
            except SafetensorError as error:
                raise UnreadableFileError(Errors.ZT622.format(path=self._source)) from error
        tensor = torch.empty(entry.shape, dtype=SAFETENSORS_DTYPES[entry.dtype])
        if tensor.numel():
            numbers = np.frombuffer(self._source, np.uint8, tensor.nbytes, entry.start)
            tensor.reshape(-1).view(torch.uint8).numpy()[:] = numbers
        return tensor

    def shape_of(self, name: str) -> tuple[int, ...]:
        """Return the shape of a tensor without reading it."""
        return self._entries[name].shape

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)


def read_tensors(source: SourceT) -> Weights:
    """Return all tensors by name. Tensors of floats are converted to float32.

    Tensors are read one by one: `safetensors.torch.load` would take twice the memory while it loads.

    source (bytes | memoryview | Path): Bytes in the safetensors format, or a file with such bytes.
    RETURNS (dict[str, torch.Tensor]): Name → tensor, on the CPU.
    RAISES (UnreadableFileError): If the data is damaged.
    """
    return {
        name: tensor.float() if tensor.is_floating_point() else tensor for name, tensor in StoredTensors(source).items()
    }
