"""safetensors in memory → tensors, with no copy of the file, and as few of the numbers as can be."""

import json
import warnings
from typing import Any

import torch

from .weights import Weights

# https://github.com/huggingface/safetensors#format: length of the header, header, numbers
LENGTH = 8
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


def read_tensors(data: bytes | memoryview, *, copy: bool = True) -> Weights:
    """Read what `safetensors.torch.save` wrote; its own `load` copies the numbers twice.

    data (bytes | memoryview): The file.
    copy (bool): Give each tensor memory of its own, and make floats float32. Without, all are as they were stored, and
        show the file, which they keep and which is not to be written to.
    RETURNS (dict[str, torch.Tensor]): By name.
    """
    view = memoryview(data)
    start = LENGTH + int.from_bytes(view[:LENGTH], "little")
    header: dict[str, Any] = json.loads(bytes(view[LENGTH:start]))
    header.pop("__metadata__", None)
    return {name: _read(view[start:], entry, copy) for name, entry in header.items()}


def _read(numbers: memoryview, entry: dict[str, Any], copy: bool) -> torch.Tensor:
    dtype, (start, end) = DTYPES[entry["dtype"]], entry["data_offsets"]
    if start == end:
        return torch.empty(entry["shape"], dtype=dtype)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The given buffer is not writable", UserWarning)
        tensor = torch.frombuffer(numbers[start:end], dtype=dtype).reshape(entry["shape"])
    return tensor.to(torch.float32 if dtype.is_floating_point else dtype, copy=True) if copy else tensor
