"""Linear layers in 8 bits for CPUs: close to what they were, and bit by bit what was saved."""

import copy
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from spacy_zh_tw_ner.transformer.backbone import Backbone, load_backbone
from spacy_zh_tw_ner.transformer.checkpoint import merge, pack, packed_size, unpack
from spacy_zh_tw_ner.transformer.hub import read_tokenizer
from spacy_zh_tw_ner.transformer.int8 import Int8Linear
from spacy_zh_tw_ner.transformer.quantization import plain_weight
from spacy_zh_tw_ner.transformer.settings import LoraSettings, QuantizationSettings

Batch = tuple[torch.Tensor, torch.Tensor]
Make = Callable[..., Path]
INT8 = QuantizationSettings("int8_cpu")


def int8_backbone(path: Path) -> Backbone:
    return load_backbone(str(path), quantization=INT8)


@given(st.integers(1, 40), st.integers(1, 40), st.booleans(), st.floats(1e-6, 1e6), st.integers(0, 99))
def test_each_row_keeps_seven_bits_whatever_its_size(n_in: int, n_out: int, bias: bool, size: float, seed: int) -> None:
    torch.manual_seed(seed)
    layer = nn.Linear(n_in, n_out, bias=bias)
    layer.weight.data *= torch.logspace(-6, 0, n_out)[:, None] * size
    rounded = Int8Linear.rounded(layer)
    parts = rounded.parts()
    assert (parts["weight"].dtype, parts["scale"].dtype, "bias" in parts) == (torch.int8, torch.float32, bias)
    error = (plain_weight(rounded) - layer.weight).abs().amax(dim=1)
    assert (error <= 0.51 * layer.weight.abs().amax(dim=1) / 127 + 1e-30).all()


def test_a_row_of_zeros_stays_one() -> None:
    layer = nn.Linear(3, 2)
    layer.weight.data[0] = 0
    assert (Int8Linear.rounded(layer)(torch.randn(4, 3))[:, 0] == layer.bias[0]).all()


def test_products_are_close() -> None:
    torch.manual_seed(0)
    layer, inputs = nn.Linear(256, 64), torch.randn(2, 50, 256)
    difference = Int8Linear.rounded(layer)(inputs) - layer(inputs)
    assert difference.abs().mean() < 0.02 * layer(inputs).abs().mean()
    assert difference.abs().mean() > 0  # it is not the layer that it was


@given(st.integers(1, 40), st.integers(1, 40), st.booleans(), st.floats(-6, 6), st.integers(0, 99))
def test_a_row_is_multiplied_as_if_it_were_alone(
    n_in: int, n_out: int, bias: bool, magnitude: float, seed: int
) -> None:
    torch.manual_seed(seed)
    layer, inputs = Int8Linear.rounded(nn.Linear(n_in, n_out, bias=bias)), torch.randn(5, n_in)
    neighbours = torch.randn(7, n_in) * 10**magnitude
    assert torch.equal(layer(torch.cat([inputs, neighbours]))[:5], layer(inputs))


def test_no_engine_is_left_chosen() -> None:
    before = torch.backends.quantized.engine
    Int8Linear.rounded(nn.Linear(3, 2))
    assert torch.backends.quantized.engine == before


def test_hidden_states_are_about_the_same(family: str, make_checkpoint: Make, batch: Batch) -> None:
    path, real = make_checkpoint(family), batch[1].bool()
    plain, backbone = load_backbone(str(path)), int8_backbone(path)
    hidden = backbone(*batch)[real]
    assert hidden.dtype == torch.float32
    assert nn.functional.cosine_similarity(plain(*batch)[real], hidden).min() > 0.99
    assert not any(isinstance(layer, nn.Linear) for layer in backbone.modules())
    assert not any(parameter.requires_grad for parameter in backbone.parameters())


@pytest.mark.parametrize("save_dtype", [None, "fp16"])
def test_what_was_saved_comes_back_bit_by_bit(
    family: str, make_checkpoint: Make, batch: Batch, save_dtype: str | None
) -> None:
    path = make_checkpoint(family)
    backbone, tokenizer = int8_backbone(path), read_tokenizer(str(path), None)
    parts = pack(backbone, tokenizer, save_dtype=save_dtype)
    again, _ = unpack(parts)
    assert again.settings.quantization == INT8
    assert not any(tensor.is_meta for tensor in (*again.parameters(), *again.buffers()))
    if save_dtype is None:
        assert torch.equal(again(*batch), backbone(*batch))
    once_more = pack(again, tokenizer, save_dtype=save_dtype)
    assert once_more["weights"] == parts["weights"]
    assert torch.equal(copy.deepcopy(again)(*batch), again(*batch))


def test_it_is_saved_small_and_the_size_is_known(make_checkpoint: Make) -> None:
    path = make_checkpoint("bert")
    backbone, tokenizer = int8_backbone(path), read_tokenizer(str(path), None)
    whole = len(pack(load_backbone(str(path)), tokenizer)["weights"])
    for save_dtype in (None, "fp16"):
        size = len(pack(backbone, tokenizer, save_dtype=save_dtype)["weights"])
        assert packed_size(backbone, save_dtype=save_dtype) == pytest.approx(size, abs=8000)  # the header's names
        assert size < whole


def test_merged_it_is_a_plain_model_of_the_rounded_weights(make_checkpoint: Make, batch: Batch) -> None:
    path, real = make_checkpoint("bert"), batch[1].bool()
    backbone = int8_backbone(path)
    plain = merge(backbone, read_tokenizer(str(path), None))
    assert plain.settings.quantization is None
    assert nn.functional.cosine_similarity(plain(*batch)[real], backbone(*batch)[real]).min() > 0.99
    assert any(isinstance(layer, nn.Linear) for layer in plain.modules())


def test_adapters_and_gpus_are_refused(make_checkpoint: Make) -> None:
    name = str(make_checkpoint("bert"))
    with pytest.raises(ValueError, match=r"\[ZT320\] quantization.kind with lora='int8_cpu'"):
        load_backbone(name, quantization=INT8, lora=LoraSettings())
    with pytest.raises(ValueError, match=r"\[ZT540\] .* not on meta"):
        load_backbone(name, quantization=INT8, device="meta")
