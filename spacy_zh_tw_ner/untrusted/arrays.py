"""Check the headers of safetensors files, and read the arrays of `.npz` files."""

import math
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..errors import Errors, UnreadableFileError
from .documents import parse_json
from .validation import origin, require, require_type, whole_number

# https://github.com/huggingface/safetensors#format: the length of the header, the header as JSON, the numbers
LENGTH = 8
LONGEST_HEADER = 100_000_000  # bytes, as safetensors itself allows
ITEM_SIZES = {
    "F64": 8,
    "F32": 4,
    "F16": 2,
    "BF16": 2,
    "I64": 8,
    "I32": 4,
    "I16": 2,
    "I8": 1,
    "U8": 1,
    "BOOL": 1,
}
MOST_DIMENSIONS = 16


class Entry(NamedTuple):
    """A tensor in a safetensors file.

    dtype: Type of the numbers, a key of ITEM_SIZES. shape: Size of each dimension. start: Offset of the first byte in
    the file.
    """

    dtype: str
    shape: tuple[int, ...]
    start: int


def safetensors_entries(size: int, read: Callable[[int, int], bytes | bytearray]) -> dict[str, Entry]:
    """Read the header of a safetensors file, and check that its tensors fill the file without overlaps or gaps.

    size (int): Bytes of the file.
    read (Callable[[int, int], bytes]): Called with an offset and a number of bytes; returns the bytes.
    RETURNS (dict[str, Entry]): The tensors by name.
    RAISES (UnreadableFileError): If the header is damaged, or does not describe the bytes of the file.
    """
    require_room("the header", LENGTH, size)
    n_header = int.from_bytes(read(0, LENGTH), "little")
    require_room("the header", LENGTH + n_header, min(size, LONGEST_HEADER))
    header = require_type("the header", parse_json(bytes(read(LENGTH, n_header))), dict)
    header.pop("__metadata__", None)
    first, entries = LENGTH + n_header, {}
    places = []
    for name, found in header.items():
        entry = require_type(name, found, dict)
        dtype: Any = entry.get("dtype")
        offsets = require_type(f"{name}.data_offsets", entry.get("data_offsets"), list)
        require(dtype in ITEM_SIZES, f"{name}.dtype", dtype, f"one of {', '.join(ITEM_SIZES)}")
        shape = require_shape(f"{name}.shape", entry.get("shape"))
        require(len(offsets) == 2, f"{name}.data_offsets", offsets, "two whole numbers")
        start, end = (whole_number(f"{name}.data_offsets", offset, 0, size) for offset in offsets)
        n_bytes = math.prod(shape) * ITEM_SIZES[dtype]
        require(end - start == n_bytes, f"{name}.data_offsets", offsets, f"{n_bytes} bytes apart, as the shape says")
        places.append((start, end, name))
        entries[name] = Entry(dtype, shape, first + start)
    reached = 0
    for start, end, name in sorted(places):
        require(start == reached, f"{name}.data_offsets", [start, end], f"from {reached}, where the tensor before ends")
        reached = end
    require_room("the tensors", first + reached, size)
    require(first + reached == size, "the tensors", first + reached, f"{size} bytes, to the end of the file")
    return entries


def require_shape(key: str, value: object) -> tuple[int, ...]:
    """Check that a value is the shape of an array.

    key (str): Name of the value in messages.
    value (object): The value.
    RETURNS (tuple[int, ...]): The shape.
    RAISES (UnreadableFileError): If it is not a list of at most MOST_DIMENSIONS whole numbers of at least 0.
    """
    sizes: list[Any] = require_type(key, value, list)
    require(len(sizes) <= MOST_DIMENSIONS, key, value, f"at most {MOST_DIMENSIONS} dimensions")
    return tuple(whole_number(key, each, 0, 2**48) for each in sizes)


def read_npz(path: Path, limits: Mapping[str, int]) -> dict[str, npt.NDArray[Any]]:
    """Read one-dimensional int32 arrays from an `.npz` file, whose sizes are checked before memory is allocated.

    `numpy.load` would allocate any size that the file declares.

    path (Path): The file.
    limits (Mapping[str, int]): Name of each array → its largest number of elements.
    RETURNS (dict[str, npt.NDArray[np.int32]]): Arrays by name.
    RAISES (UnreadableFileError): If the file does not have exactly the arrays that `limits` names, or if an array is
        not one-dimensional, not int32, or larger than its limit. For other defects, zipfile, zlib and numpy raise
        their own errors: call this function inside the context manager `reading`, which converts these errors to
        UnreadableFileError.
    """
    found: dict[str, npt.NDArray[Any]] = {}
    with zipfile.ZipFile(path) as archive:
        members = {member.filename: member for member in archive.infolist()}
        expected = sorted(f"{name}.npy" for name in limits)
        require(sorted(members) == expected, "the names of arrays", sorted(members)[:8], ", ".join(expected))
        for name, limit in limits.items():
            require_room(f"the array {name!r}", members[f"{name}.npy"].file_size, 4 * limit + HEADER)
        for name in limits:
            member = members[f"{name}.npy"]
            data = archive.read(member)  # at most file_size bytes, even if the compressed data holds more
            found[name] = _parse_npy(name, data)
    return found


HEADER = 2**12  # bytes; numpy writes 128


def _parse_npy(name: str, data: bytes) -> npt.NDArray[Any]:
    """Return the one-dimensional int32 array in the bytes of an `.npy` file, after checking its header.

    name (str): Name of the array in messages.
    data (bytes): Magic string, version, length of the header, header, numbers.
    RAISES (UnreadableFileError): If the file has another version, type or shape, or its size is not that of the header.
    """
    from ast import literal_eval

    require(data[:8] == b"\x93NUMPY\x01\x00", name, data[:8], "an array in numpy's format 1.0")
    start = 10 + int.from_bytes(data[8:10], "little")
    require(start <= min(len(data), HEADER), name, start, f"an array with a header of at most {HEADER} bytes")
    header = literal_eval(data[10:start].decode("latin-1"))
    numbers = data[start:]
    n_numbers = len(numbers) // 4
    plain = {"descr": "<i4", "fortran_order": False, "shape": (n_numbers,)}
    require(header == plain and 4 * n_numbers == len(numbers), name, header, f"an array with the header {plain}")
    return np.frombuffer(numbers, dtype="<i4")


def require_room(what: str, claimed: int, available: int) -> None:
    """Check that a file is long enough to hold a part of it.

    what (str): Name of the part in the message.
    claimed (int): Offset of the end of the part, in bytes, as the file declares it.
    available (int): Size of the file in bytes.
    RAISES (UnreadableFileError): If the file ends before the part does.
    """
    if claimed > available:
        raise UnreadableFileError(Errors.ZT645.format(origin=origin(), what=what, claimed=claimed, available=available))
