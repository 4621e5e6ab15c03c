"""Spread a base model over GPUs, main memory and disk, with the hooks of accelerate.

This is done if the setting `memory.device_map` is "auto":

    embeddings, layers 1-8     cuda:0       weights stay there
    layers 9-16                cuda:1       weights stay there, and inputs are copied from cuda:0
    layers 17-24               cpu, disk    offloaded: weights are copied to cuda:0 while a layer runs

Layers and embeddings are placed as a whole. Adapters, and weights that are in neither, stay on a GPU, or in main memory
if there is none. An offloaded weight is on the `meta` device while its layer does not run. The function
`transformer.weights.base_weights` returns its value.
"""

import os
import shutil
from collections import ChainMap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from weakref import finalize

import torch
from safetensors.torch import save_file
from torch import nn

from ..errors import Errors, OutputError, SettingError
from ..scratch_folders import open_scratch_folder, remove_scratch_folder
from .base_model import Base, layers_path
from .lora import is_adapter
from .weights import OFFLOADED, StoredTensors, Weights

CPU, DISK = "cpu", "disk"
# Share of free memory that weights may take. The rest is for activations, gradients and the optimizer.
SHARE = 0.8


class OffloadedWeights(ChainMap[str, torch.Tensor]):
    """Values of offloaded weights by name: some in main memory, others in a temporary file.

    The file is removed when this object is freed or, if the process is killed, by the next process that needs such a
    file. Offloaded weights never change, so `copy.deepcopy` of a model copies neither these values nor the file.
    """

    def __init__(self, in_memory: Weights, on_disk: Weights) -> None:
        super().__init__(in_memory)
        if on_disk:
            folder, handle = open_scratch_folder("zh-tw-ner-weights-")
            finalize(self, _remove, folder, handle, os.getpid())
            _require_space(folder, sum(tensor.nbytes for tensor in on_disk.values()))
            save_file(on_disk, folder / "weights.safetensors")
            self.maps.append(StoredTensors(folder / "weights.safetensors"))  # type: ignore[arg-type]

    def __deepcopy__(self, memo: object) -> "OffloadedWeights":
        return self


def dispatch(model: Base, device: torch.device) -> bool:
    """Move the weights of a model to GPUs, main memory and disk, in place, and add hooks that run it there.

    model (Base): The model, with its adapters: on the CPU, or on GPUs if it is quantized.
    device (torch.device): The device of inputs and outputs. If it is the CPU, no GPU is used.
    RETURNS (bool): True if weights were moved to other places than `device`. False if all of them fit on `device`: then
        the model is there, without hooks.
    RAISES (OutputError): If the disk has too little space.
    """
    from accelerate.hooks import AlignDevicesHook, add_hook_to_module
    from accelerate.utils import PrefixedDataset

    places = _places(model, device)
    if set(places.values()) <= {str(device)}:
        model.to(device)
        return False
    offloaded = OffloadedWeights(*_moved(model, places, device))
    vars(model)[OFFLOADED] = offloaded
    for name, module in list(model.named_modules()):
        place = _place_of(name, places, device)
        is_away = any(f"{name}.{own}" in offloaded for own, _ in module.named_parameters(recurse=False))
        hook = AlignDevicesHook(
            execution_device=device if _is_offloaded(place, device) else torch.device(place),
            offload=is_away,
            io_same_device=not name,  # the name of the model itself is empty
            weights_map=PrefixedDataset(offloaded, f"{name}.") if is_away else None,
        )
        add_hook_to_module(module, hook)
    return True


def remove_hooks(model: Base) -> None:
    """Remove all hooks that accelerate has added to a model while transformers loaded it. `dispatch` adds new ones."""
    from accelerate.hooks import remove_hook_from_submodules

    remove_hook_from_submodules(model)


def is_offloaded(model: nn.Module) -> bool:
    """Return whether some weights are offloaded: in main memory or on disk while they are not used."""
    return bool(getattr(model, OFFLOADED, {}))


def require_trainable(model: nn.Module, name: str) -> None:
    """Check that no trainable weight is offloaded.

    name (str): Name of the base model, for the message.
    RAISES (SettingError): If a trainable weight is offloaded, because an optimizer cannot update it.
    """
    count = sum(p.requires_grad and p.is_meta for p in model.parameters()) if is_offloaded(model) else 0
    if count:
        raise SettingError(Errors.ZT290.format(name=name, count=count))


def gpu_memory() -> dict[int | str, int]:
    """Return number of a GPU → bytes that quantized weights may take on it. Main memory and disk are left out.

    (Quantized weights cannot be offloaded.)
    """
    return {device: size for device, size in _memory(torch.device("cuda")).items() if isinstance(device, int)}


def _memory(device: torch.device) -> dict[int | str, int]:
    """Return the bytes that weights may take on each device: a share of its free memory. A disk has no limit.

    device (torch.device): The device of inputs and outputs. If it is the CPU, no GPU is used.
    RETURNS (dict[int | str, int]): Number of a GPU, or "cpu" → bytes.
    """
    from accelerate.utils import get_max_memory

    free = {name: int(SHARE * size) for name, size in get_max_memory().items()}
    return free if device.type == "cuda" else {CPU: free[CPU]}


def _places(model: Base, device: torch.device) -> dict[str, str]:
    """Choose a place for each block of a model. A block is a layer, or a top-level module such as the embeddings.

    GPUs are filled evenly first, then main memory, then the disk. Quantized models stay on the GPUs where they are.

    model (Base): The model, with its adapters.
    device (torch.device): The device of inputs and outputs.
    RETURNS (dict[str, str]): Name of the block → a device such as "cuda:0", "cpu" or "disk".
    """
    from accelerate.utils import get_balanced_memory, infer_auto_device_map

    blocks = dict(_blocks(model))
    if not any(p.device.type == CPU for p in model.parameters()):  # quantized weights are on GPUs already
        return {name: str(next(block.parameters()).device) for name, block in blocks.items()}
    whole = sorted({type(block).__name__ for block in blocks.values()})
    memory = get_balanced_memory(model, _memory(device), no_split_module_classes=whole)
    found: Mapping[str, Any] = infer_auto_device_map(model, memory, no_split_module_classes=whole)
    places = {}
    for name in blocks:
        # The map has a block, or a module that contains it; an empty name is the whole model.
        key = next(key for key in found if not key or name == key or name.startswith(f"{key}."))
        places[name] = f"cuda:{found[key]}" if isinstance(found[key], int) else str(found[key])
    return places


def _blocks(model: Base) -> Iterator[tuple[str, nn.Module]]:
    """Yield the name and module of each block: the layers, and all top-level modules that do not contain the layers."""
    path = layers_path(model)
    for name, child in model.named_children():
        if name != path.partition(".")[0] and any(True for _ in child.parameters()):
            yield name, child
    for name, layer in model.get_submodule(path).named_children():
        yield f"{path}.{name}", layer


def _place_of(name: str, places: Mapping[str, str], device: torch.device) -> str:
    """Return the place of a module or weight: the place of its block or, if it is in no block, `device`.

    name (str): Name of the module or weight.
    places (Mapping[str, str]): Name of each block → its place, such as "cuda:0", "cpu" or "disk".
    """
    return next((place for block, place in places.items() if f"{name}.".startswith(f"{block}.")), str(device))


def _is_offloaded(place: str, device: torch.device) -> bool:
    """Return whether weights in a place, such as "cuda:0", "cpu" or "disk", are copied to `device` for use."""
    return place == DISK or (place == CPU and device.type != CPU)


def _moved(model: Base, places: Mapping[str, str], device: torch.device) -> tuple[Weights, Weights]:
    """Return the weights to offload to main memory, and the weights to offload to disk. Adapters are not offloaded.

    places (Mapping[str, str]): Name of each block → its place, such as "cuda:0", "cpu" or "disk".
    device (torch.device): The device of inputs and outputs, to which offloaded weights are copied for use.
    RETURNS (tuple[Weights, Weights]): Name → tensor, for main memory and for disk.
    """
    has_adapters = any(is_adapter(name) for name, _ in model.named_parameters())
    to_memory, to_disk = Weights(), Weights()
    for name, parameter in model.named_parameters():
        place = _place_of(name, places, device)
        if _is_offloaded(place, device) and not (has_adapters and parameter.requires_grad):
            (to_disk if place == DISK else to_memory)[name] = parameter.detach().contiguous()
    return to_memory, to_disk


def _require_space(folder: Path, size: int) -> None:
    """Check that a disk has space for weights of `size` bytes.

    RAISES (OutputError): If the disk has less free space.
    """
    free = shutil.disk_usage(folder).free
    if size > free:
        raise OutputError(Errors.ZT292.format(size=size / 2**30, free=free / 2**30, folder=folder.parent))


def _remove(folder: Path, handle: int, process: int) -> None:
    """Remove a temporary folder and release its lock. A forked process does nothing: its parent still uses the folder.

    folder (Path): The folder, which has the file of offloaded weights.
    handle (int): File descriptor of the lock on the folder.
    process (int): Id of the process that created the folder.
    """
    if os.getpid() == process:
        remove_scratch_folder(folder, handle)
