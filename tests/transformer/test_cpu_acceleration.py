"""Base models with linear layers of oneDNN, or of 8 bits."""

import copy
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from spacy_zh_tw_ner.cpu_acceleration import probe
from spacy_zh_tw_ner.cpu_acceleration.onednn_linear import OneDnnLinear
from spacy_zh_tw_ner.transformer.backbone import Backbone, load_backbone
from spacy_zh_tw_ner.transformer.hub import read_tokenizer
from spacy_zh_tw_ner.transformer.serialization import merge, pack, packed_size, unpack
from spacy_zh_tw_ner.transformer.settings import LoraSettings, MemorySettings, QuantizationSettings

Batch = tuple[torch.Tensor, torch.Tensor]
Make = Callable[..., Path]
INT8 = QuantizationSettings("int8_cpu")


pytestmark = pytest.mark.usefixtures("onednn_on_any_machine")


def int8_backbone(path: Path) -> Backbone:
    return load_backbone(str(path), quantization=INT8)


def test_every_linear_layer_uses_onednn(family: str, make_checkpoint: Make, batch: Batch) -> None:
    backbone = load_backbone(str(make_checkpoint(family)))
    layers = [layer for layer in backbone.modules() if isinstance(layer, nn.Linear)]
    assert layers
    assert {type(layer) for layer in layers} == {OneDnnLinear}
    fast = backbone(*batch)
    for layer in layers:
        layer.__class__ = nn.Linear
    assert torch.allclose(backbone(*batch), fast, atol=1e-5)


@pytest.mark.parametrize("checkpointing", [False, True])
def test_adapters_get_the_same_gradients_with_and_without_onednn(
    make_checkpoint: Make, batch: Batch, checkpointing: bool
) -> None:
    path = str(make_checkpoint("bert"))
    gradients = []
    for own in (True, False):
        torch.manual_seed(0)
        memory = MemorySettings(gradient_checkpointing=checkpointing)
        backbone = load_backbone(path, lora=LoraSettings(dropout=0.0), memory=memory, dropout=0.0).train()
        if not own:
            for layer in backbone.modules():
                if type(layer) is OneDnnLinear:
                    layer.__class__ = nn.Linear
        backbone(*batch).square().sum().backward()
        gradients.append({name: p.grad for name, p in backbone.named_parameters() if p.requires_grad})
    assert gradients[0].keys() == gradients[1].keys()
    assert any(gradient.abs().max() > 0 for gradient in gradients[0].values())
    for name, gradient in gradients[0].items():
        assert torch.allclose(gradient, gradients[1][name], rtol=1e-3, atol=1e-5), name


@pytest.mark.parametrize("is_packed", [True, False])
def test_int8_hidden_states_are_close_to_float32(
    family: str, make_checkpoint: Make, batch: Batch, is_packed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not is_packed:
        monkeypatch.setattr(probe, "int8_operators", lambda: None)
    path, real = make_checkpoint(family), batch[1].bool()
    plain, backbone = load_backbone(str(path)), int8_backbone(path)
    hidden = backbone(*batch)[real]
    assert hidden.dtype == torch.float32
    assert nn.functional.cosine_similarity(plain(*batch)[real], hidden).min() > 0.99
    assert not any(isinstance(layer, nn.Linear) for layer in backbone.modules())
    assert not any(parameter.requires_grad for parameter in backbone.parameters())


@pytest.mark.parametrize("save_dtype", [None, "fp16"])
def test_a_saved_int8_backbone_is_restored_exactly(
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


def test_packed_size_of_an_int8_backbone_is_predicted(make_checkpoint: Make) -> None:
    path = make_checkpoint("bert")
    backbone, tokenizer = int8_backbone(path), read_tokenizer(str(path), None)
    whole = len(pack(load_backbone(str(path)), tokenizer)["weights"])
    for save_dtype in (None, "fp16"):
        size = len(pack(backbone, tokenizer, save_dtype=save_dtype)["weights"])
        assert packed_size(backbone, save_dtype=save_dtype) == pytest.approx(size, abs=8000)  # plus the header
        assert size < whole


def test_merging_an_int8_backbone_gives_a_plain_model(make_checkpoint: Make, batch: Batch) -> None:
    path, real = make_checkpoint("bert"), batch[1].bool()
    backbone = int8_backbone(path)
    plain = merge(backbone, read_tokenizer(str(path), None))
    assert plain.settings.quantization is None
    assert nn.functional.cosine_similarity(plain(*batch)[real], backbone(*batch)[real]).min() > 0.99
    assert any(isinstance(layer, nn.Linear) for layer in plain.modules())


def test_int8_rejects_adapters_and_gpus(make_checkpoint: Make) -> None:
    name = str(make_checkpoint("bert"))
    with pytest.raises(ValueError, match=r"\[ZT320\] quantization.kind with lora='int8_cpu'"):
        load_backbone(name, quantization=INT8, lora=LoraSettings())
    with pytest.raises(ValueError, match=r"\[ZT540\] .* not on meta"):
        load_backbone(name, quantization=INT8, device="meta")
