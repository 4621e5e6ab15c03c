from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from spacy_zh_tw_ner.transformer.backbone import load_backbone
from spacy_zh_tw_ner.transformer.layers import depths, layers_of
from spacy_zh_tw_ner.transformer.settings import LoraSettings, MemorySettings

Batch = tuple[torch.Tensor, torch.Tensor]
Make = Callable[..., Path]
UNSHARED = ["bert", "electra", "deberta-v2", "qwen2", "llama"]


def test_layers_are_found_in_their_order(family: str, make_checkpoint: Make, batch: Batch) -> None:
    model = load_backbone(str(make_checkpoint(family, layers=3))).model
    ran: list[int] = []
    for i, layer in enumerate(layers_of(model)):
        layer.register_forward_hook(lambda *args, i=i: ran.append(i))
    model(input_ids=batch[0], attention_mask=batch[1])
    assert ran == ([0, 0, 0] if family == "albert" else [0, 1, 2])


@pytest.mark.parametrize("family", UNSHARED)
def test_every_parameter_has_its_depth(family: str, make_checkpoint: Make) -> None:
    model = load_backbone(str(make_checkpoint(family))).model
    found = depths(model)
    assert found.keys() == dict(model.named_parameters()).keys()
    assert set(found.values()) - {3} == {0, 1, 2}
    top = {name for name, depth in found.items() if depth == 3}
    expected = {
        "deberta-v2": {"encoder.LayerNorm.weight", "encoder.LayerNorm.bias"},
        "qwen2": {"norm.weight"},
        "llama": {"norm.weight"},
    }
    assert top == expected.get(family, set())


@pytest.mark.parametrize("lora", [None, LoraSettings()])
@pytest.mark.parametrize("n", [0, 1, 2])
@pytest.mark.parametrize("family", UNSHARED)
def test_the_first_layers_stay(
    family: str, n: int, lora: LoraSettings | None, make_checkpoint: Make, batch: Batch
) -> None:
    backbone = load_backbone(str(make_checkpoint(family)), lora=lora, memory=MemorySettings(freeze_layers=n))
    (backbone(*batch)[batch[1].bool()] * torch.arange(32.0)).sum().backward() if n < 2 else None
    parameters = dict(backbone.model.named_parameters())
    for name, depth in depths(backbone.model).items():
        frozen = n > 0 and depth <= n
        adapts = lora is None or ".lora_" in name
        assert parameters[name].requires_grad == (adapts and not frozen)
        if frozen:
            assert parameters[name].grad is None


def test_more_layers_than_there_are_is_told(make_checkpoint: Make) -> None:
    with pytest.raises(ValueError, match=r"ZT330\] memory\.freeze_layers=3, .* 2 layers"):
        load_backbone(str(make_checkpoint()), memory=MemorySettings(freeze_layers=3))


def test_shared_layers_cannot_be_frozen_one_by_one(make_checkpoint: Make) -> None:
    with pytest.raises(ValueError, match=r"ZT329\] memory\.freeze_layers=1, .*albert"):
        load_backbone(str(make_checkpoint("albert")), memory=MemorySettings(freeze_layers=1))
