"""`StoredTensors` reads the same tensors as safetensors, from memory and from files."""

from pathlib import Path

import pytest
import srsly
import torch
from safetensors.torch import load, save

from spacy_zh_tw_ner.transformer.serialization import from_bytes, to_bytes
from spacy_zh_tw_ner.transformer.weights import SAFETENSORS_DTYPES, SourceT, StoredTensors, read_tensors

TENSORS = {
    **{name: torch.arange(6).reshape(2, 3).to(dtype) for name, dtype in SAFETENSORS_DTYPES.items()},
    "empty": torch.empty(0, 3),
    "number": torch.tensor(1.5),
}
DATA = save(TENSORS, {"format": "pt"})


@pytest.fixture(params=["bytes", "view", "file"])
def source(request: pytest.FixtureRequest, tmp_path: Path) -> SourceT:
    (tmp_path / "weights").write_bytes(DATA)
    return {"bytes": DATA, "view": memoryview(DATA), "file": tmp_path / "weights"}[request.param]


def test_stored_tensors_equal_the_saved_ones(source: SourceT) -> None:
    expected, found = load(DATA), StoredTensors(source)
    assert found.keys() == expected.keys() == TENSORS.keys()
    assert "missing" not in found
    for name, tensor in expected.items():
        torch.testing.assert_close(found[name], tensor, rtol=0, atol=0)


def test_read_tensors_returns_float32_copies(source: SourceT) -> None:
    found = read_tensors(source)
    for name, tensor in TENSORS.items():
        expected = tensor.float() if tensor.is_floating_point() else tensor
        torch.testing.assert_close(found[name], expected, rtol=0, atol=0)
        found[name].fill_(0)
    again = read_tensors(source)
    torch.testing.assert_close(again["F32"], TENSORS["F32"])


def test_a_truncated_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "weights").write_bytes(DATA[:-1])
    with pytest.raises(ValueError, match="ZT645"):
        read_tensors(tmp_path / "weights")


@pytest.mark.parametrize("weights", [DATA, None])
def test_weights_follow_the_other_parts(weights: bytes | None) -> None:
    for config in ("", "a", "abc" * 7):  # lengths that need different padding
        parts = {"config": config, "adapter": b"x", "weights": weights}
        found = from_bytes(to_bytes(parts))
        kept = found.pop("weights")
        assert found == {"config": config, "adapter": b"x"}
        assert (kept and bytes(kept)) == weights


def test_bytes_with_weights_inside_msgpack_are_read() -> None:
    parts = {"config": "a", "weights": DATA}
    assert from_bytes(srsly.msgpack_dumps(parts)) == parts
