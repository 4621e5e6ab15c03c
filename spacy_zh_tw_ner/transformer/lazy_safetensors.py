"""Load tensors from safetensors one at a time, without a copy of the file."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TypeAlias

import torch

from ..errors import Errors, UnreadableFileError
from ..untrusted import safetensors_entries
from .weights import Weights

DTYPES = {
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
SourceT: TypeAlias = bytes | memoryview | Path


class StoredTensors(Mapping[str, torch.Tensor]):
    """What `safetensors.torch.save` wrote. Each tensor is read when it is asked for, into memory of its own.

    source (bytes | memoryview | Path): All that was written, or the file that it is in.
    """

    def __init__(self, source: SourceT) -> None:
        if isinstance(source, Path):
            size, self._read_into = source.stat().st_size, _file_reader(source)
        else:
            size, self._read_into = len(source), _memory_reader(memoryview(source))
        self._entries = safetensors_entries(size, self._bytes)

    def __getitem__(self, name: str) -> torch.Tensor:
        entry = self._entries[name]
        tensor = torch.empty(entry.shape, dtype=DTYPES[entry.dtype])
        if tensor.numel():
            numbers = tensor.reshape(-1).view(torch.uint8).numpy().data
            self._read_into(entry.start, numbers)
        return tensor

    def shape_of(self, name: str) -> tuple[int, ...]:
        """Return the shape of a tensor without reading it."""
        return self._entries[name].shape

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def _bytes(self, start: int, size: int) -> bytearray:
        found = bytearray(size)
        self._read_into(start, memoryview(found))
        return found


def read_tensors(source: SourceT) -> Weights:
    """Read all that `safetensors.torch.save` wrote; its own `load` copies the numbers twice.

    source (bytes | memoryview | Path): All that was written, or the file that it is in.
    RETURNS (dict[str, torch.Tensor]): By name, floats as float32.
    """
    return {
        name: tensor.float() if tensor.is_floating_point() else tensor for name, tensor in StoredTensors(source).items()
    }


def _memory_reader(view: memoryview) -> Callable[[int, memoryview], None]:
    def read_into(start: int, target: memoryview) -> None:
        target[:] = view[start : start + len(target)]

    return read_into


def _file_reader(path: Path) -> Callable[[int, memoryview], None]:
    """Open the file each time, rather than to keep it open for who knows how long."""

    def read_into(start: int, target: memoryview) -> None:
        with path.open("rb", buffering=0) as file:
            file.seek(start)
            done = 0
            while done < len(target):  # a system reads no more than 2 GiB at once
                count = file.readinto(target[done:])
                if not count:
                    raise UnreadableFileError(Errors.ZT622.format(path=path))
                done += count

    return read_into
