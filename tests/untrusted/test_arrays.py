"""Sizes in the headers of safetensors and `.npz` files are checked against the bytes of the file."""

import json
import struct
import tracemalloc
import zipfile
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spacy_zh_tw_ner.errors import UnreadableFileError
from spacy_zh_tw_ner.transformer.weights import StoredTensors, read_tensors
from spacy_zh_tw_ner.untrusted import read_npz, reading

ENTRY: dict[str, Any] = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
OTHER: dict[str, Any] = {"dtype": "F32", "shape": [2], "data_offsets": [8, 16]}


def packed(header: Any, data: bytes = bytes(16), length: int | None = None) -> bytes:
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def test_a_good_header_is_read() -> None:
    found = StoredTensors(packed({"b": OTHER, "a": ENTRY, "__metadata__": {"format": "pt"}}))
    assert {name: found.shape_of(name) for name in found} == {"a": (2,), "b": (2,)}


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "ZT645"),
        (b"\x08", "ZT645"),
        (struct.pack("<Q", 2**33) + b"{}", "ZT645"),  # a header of 8 GiB
        (struct.pack("<Q", 2**64 - 1) + b"{}", "ZT645"),
        (packed({"a": {**ENTRY, "shape": [2**31], "data_offsets": [0, 2**33]}}), "ZT644"),
        (packed({"a": {**ENTRY, "shape": [2**31]}}), "ZT644"),
        (packed({"a": {**ENTRY, "shape": [2**40, 2**40]}}), "ZT644"),
        (packed({"a": {**ENTRY, "data_offsets": [-8, 0]}}), "ZT644"),
        (packed({"a": {**ENTRY, "data_offsets": [8, 0]}}), "ZT644"),
        (packed({"a": {**ENTRY, "data_offsets": [0, 8.0]}}), "ZT644"),
        (packed({"a": {**ENTRY, "shape": [-2]}}), "ZT644"),
        (packed({"a": {**ENTRY, "shape": [True, 2]}}), "ZT644"),
        (packed({"a": {**ENTRY, "dtype": "OBJECT"}}), "ZT644"),
        (packed({"a": {**ENTRY, "dtype": ["F32"]}}), "ZT64[04]"),
        (packed({"a": {**ENTRY, "dtype": "F16"}, "b": OTHER}), "ZT644"),
        (packed({"a": ENTRY, "b": {**OTHER, "data_offsets": [4, 12]}}), "ZT644"),  # they overlap
        (packed({"a": ENTRY}), "ZT644"),  # bytes of no tensor
        (packed({"a": ENTRY, "b": OTHER}, bytes(12)), "ZT64[45]"),
        (packed({"a": ENTRY, "b": None}), "ZT644"),
        (packed([ENTRY]), "ZT644"),
        (packed({"a": ENTRY}, length=20), "ZT640"),
    ],
    ids=range(21),
)
def test_headers_that_do_not_fit_the_file_are_errors(data: bytes, code: str, tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    path.write_bytes(data)
    tracemalloc.start()
    try:
        for source in (data, memoryview(data), path):
            with pytest.raises(UnreadableFileError, match=code), reading(path):
                read_tensors(source)
        assert tracemalloc.get_traced_memory()[1] < 2**22
    finally:
        tracemalloc.stop()


def npz(path: Path, **arrays: Any) -> Path:
    np.savez_compressed(path, **arrays)
    return path


def test_npz_arrays_are_read(tmp_path: Path) -> None:
    a, b = np.arange(5, dtype=np.int32), np.arange(0, dtype=np.int32)
    found = read_npz(npz(tmp_path / "x.npz", a=a, b=b), {"a": 5, "b": 5})
    assert np.array_equal(found["a"], a)
    assert np.array_equal(found["b"], b)


@pytest.mark.parametrize(
    "arrays",
    [
        {"a": np.zeros(5, np.int64)},
        {"a": np.zeros(5, np.float32)},
        {"a": np.array([{}], dtype=object)},  # numpy would unpickle it
        {"a": np.zeros((5, 1), np.int32)},
        {"b": np.zeros(5, np.int32)},
        {"a": np.zeros(5, np.int32), "b": np.zeros(5, np.int32)},
    ],
)
def test_npz_arrays_of_other_names_types_or_shapes_are_errors(arrays: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(UnreadableFileError, match="ZT64"), reading(tmp_path):
        read_npz(npz(tmp_path / "x.npz", **arrays), {"a": 5})


@pytest.mark.parametrize("shape", ["(700000000,)", "(5,)", "(-1,)"])
def test_an_npz_larger_than_its_limit_is_an_error(shape: str, tmp_path: Path) -> None:
    header = f"{{'descr': '<i4', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    data = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + bytes(2**24)
    file = BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.npy", data)
    (tmp_path / "x.npz").write_bytes(file.getvalue())
    tracemalloc.start()
    try:
        with pytest.raises(UnreadableFileError, match="ZT645"), reading(tmp_path):
            read_npz(tmp_path / "x.npz", {"a": 1000})
        assert tracemalloc.get_traced_memory()[1] < 2**22
    finally:
        tracemalloc.stop()
