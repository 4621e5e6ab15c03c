"""Limits of JSON, msgpack and zlib data are checked before memory is allocated."""

import json
import tracemalloc
import zlib
from typing import Any

import numpy as np
import pytest
import srsly
from hypothesis import given, settings
from hypothesis import strategies as st

from spacy_zh_tw_ner.errors import UnreadableFileError
from spacy_zh_tw_ner.untrusted import documents, inflate, parse_json, parse_msgpack, scan_msgpack

LEAVES = (
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | st.text() | st.binary()
)
TREES = st.recursive(LEAVES, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=30)


@settings(max_examples=40)
@given(TREES)
def test_packed_values_are_parsed(tree: Any) -> None:
    assert parse_msgpack(srsly.msgpack_dumps(tree)) == tree


@given(st.binary(max_size=300))
def test_scan_of_any_bytes_raises_no_other_error(data: bytes) -> None:
    try:
        scan_msgpack(data)
    except UnreadableFileError:
        return


def test_arrays_and_large_lists_are_parsed() -> None:
    array = np.arange(70_000, dtype=np.float32).reshape(2, -1)
    found = parse_msgpack(srsly.msgpack_dumps({"a": array, "b": ["x" * 40] * 70_000, "c": b"x" * 300}))
    assert np.array_equal(found["a"], array)
    assert len(found["b"]) == 70_000


@pytest.mark.parametrize(
    "data",
    [
        b"\xdd\xff\xff\xff\xff",  # a list of 4 billion values
        b"\xdf\x7f\xff\xff\xff" + b"a" * 100,
        b"\xc6\xff\xff\xff\xff",  # 4 GiB of bytes
        b"\xdc\xff\xff" * 20,  # lists within lists, each as long as the data would allow
        b"",
    ],
    ids=["list", "map", "bytes", "nested lists", "nothing"],
)
def test_lengths_beyond_the_data_take_no_memory(data: bytes) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(UnreadableFileError, match="ZT645"):
            parse_msgpack(data)
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("depth", [65, 100, 900, 5_000, 100_000])
def test_deep_nesting_is_an_error(depth: int) -> None:
    with pytest.raises(UnreadableFileError, match="ZT647"):
        parse_msgpack(b"\x91" * depth + b"\xc0")
    for text in ("[" * depth + "]" * depth, '{"a":' * depth + "1" + "}" * depth):
        with pytest.raises(UnreadableFileError, match="ZT647"):
            parse_json(text)


def test_moderate_nesting_is_parsed() -> None:
    text = "[" * 60 + "]" * 60
    assert parse_json(text.encode()) == parse_msgpack(srsly.msgpack_dumps(json.loads(text))) == json.loads(text)


@pytest.mark.parametrize("size", [0, 1, 2**20, 3 * 2**20 + 7])
def test_data_is_decompressed(size: int) -> None:
    data = np.random.default_rng(0).integers(0, 200, size, dtype=np.uint8).tobytes()
    assert inflate(zlib.compress(data)) == data
    with pytest.raises(zlib.error):
        inflate(zlib.compress(data)[:-1])


def test_decompressed_data_beyond_the_limit_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "SMALL", 2**20)
    assert len(inflate(zlib.compress(bytes(2**20)))) == 2**20
    bomb = zlib.compress(bytes(2**26))
    tracemalloc.start()
    try:
        with pytest.raises(UnreadableFileError, match="ZT646"):
            inflate(bomb)
        assert tracemalloc.get_traced_memory()[1] < 2**25
    finally:
        tracemalloc.stop()
