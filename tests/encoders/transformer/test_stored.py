"""Tensors are read as safetensors reads them, in place or not."""

import pytest
import srsly
import torch
from safetensors.torch import load, save

from spacy_zh_tw_ner.encoders.transformer.checkpoint import from_bytes, to_bytes
from spacy_zh_tw_ner.encoders.transformer.stored import DTYPES, read_tensors

TENSORS = {
    **{name: torch.arange(6).reshape(2, 3).to(dtype) for name, dtype in DTYPES.items()},
    "empty": torch.empty(0, 3),
    "number": torch.tensor(1.5),
}
DATA = save(TENSORS, {"format": "pt"})


def test_in_place_all_is_as_it_was_stored() -> None:
    expected, found = load(DATA), read_tensors(memoryview(DATA), copy=False)
    assert found.keys() == expected.keys() == TENSORS.keys()
    for name, tensor in expected.items():
        torch.testing.assert_close(found[name], tensor, rtol=0, atol=0)


def test_copies_are_float32_and_their_own() -> None:
    found = read_tensors(DATA)
    for name, tensor in TENSORS.items():
        expected = tensor.float() if tensor.is_floating_point() else tensor
        torch.testing.assert_close(found[name], expected, rtol=0, atol=0)
        found[name].fill_(0)
    again = read_tensors(DATA)
    torch.testing.assert_close(again["F32"], TENSORS["F32"])


@pytest.mark.parametrize("weights", [DATA, None])
def test_weights_stand_behind_the_other_parts(weights: bytes | None) -> None:
    for config in ("", "a", "abc" * 7):  # of other lengths, which are filled up
        parts = {"config": config, "adapter": b"x", "weights": weights}
        found = from_bytes(to_bytes(parts))
        kept = found.pop("weights")
        assert found == {"config": config, "adapter": b"x"}
        assert (kept and bytes(kept)) == weights


def test_what_held_them_among_the_others_is_read() -> None:
    parts = {"config": "a", "weights": DATA}
    assert from_bytes(srsly.msgpack_dumps(parts)) == parts
