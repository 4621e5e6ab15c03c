from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from spacy_zh_tw_ner.transformer.backbone import load_backbone
from spacy_zh_tw_ner.transformer.parameter_groups import parameter_groups
from spacy_zh_tw_ner.transformer.settings import LoraSettings, MemorySettings

Make = Callable[..., Path]


@pytest.mark.parametrize("lora", [None, LoraSettings(), LoraSettings(bias="all")])
def test_what_trains_is_in_one_group(family: str, lora: LoraSettings | None, make_checkpoint: Make) -> None:
    model = load_backbone(str(make_checkpoint(family)), lora=lora).model
    groups = parameter_groups(model, rate=1e-3, weight_decay=0.01, layer_decay=0.9)
    grouped = [id(parameter) for group in groups for parameter in group["params"]]
    assert sorted(grouped) == sorted(id(p) for p in model.parameters() if p.requires_grad)
    assert len({group["name"] for group in groups}) == len(groups)


def test_only_matrices_decay(family: str, make_checkpoint: Make) -> None:
    model = load_backbone(str(make_checkpoint(family)), lora=LoraSettings(bias="all")).model
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    for group in parameter_groups(model, rate=1e-3, weight_decay=0.01):
        for parameter in group["params"]:
            name = names[id(parameter)]
            free = name.endswith("bias") or ".lora_B." in name or "norm" in name.lower()
            assert group["weight_decay"] == (0.0 if free else 0.01), name
            assert group["name"].endswith(", no decay") == free


def rates(model: Any, **settings: float) -> dict[str, float]:
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    groups = parameter_groups(model, rate=1.0, weight_decay=0.0, **settings)
    assert all(group["lr"] == group["scale"] for group in groups)
    return {names[id(parameter)]: group["lr"] for group in groups for parameter in group["params"]}


def test_each_layer_has_a_share_of_the_rate_of_the_next(make_checkpoint: Make) -> None:
    found = rates(load_backbone(str(make_checkpoint("qwen2", layers=3))).model, layer_decay=0.5)
    assert found["embed_tokens.weight"] == 0.125
    assert [found[f"layers.{i}.mlp.up_proj.weight"] for i in range(3)] == [0.25, 0.5, 1.0]
    assert found["norm.weight"] == 1.0


def test_shared_layers_have_one_rate(make_checkpoint: Make) -> None:
    found = rates(load_backbone(str(make_checkpoint("albert", layers=3))).model, layer_decay=0.5)
    assert {rate for name, rate in found.items() if "albert_layers" in name} == {1.0}
    assert found["embeddings.word_embeddings.weight"] == 0.5


def test_adapters_have_a_rate_of_their_own(make_checkpoint: Make) -> None:
    model = load_backbone(str(make_checkpoint()), lora=LoraSettings(bias="lora_only")).model
    found = rates(model, layer_decay=0.5, lora_rate=10.0)
    place = "encoder.layer.{}.attention.self.query.{}"
    assert found[place.format(0, "lora_A.default.weight")] == 5.0
    assert found[place.format(1, "lora_B.default.weight")] == 10.0
    assert found[place.format(0, "base_layer.bias")] == 0.5


def test_groups_go_from_the_embeddings_upwards(make_checkpoint: Make) -> None:
    model = load_backbone(str(make_checkpoint("qwen2"))).model
    names = [group["name"] for group in parameter_groups(model, rate=1.0, weight_decay=0.1)]
    assert names == [
        "embeddings",
        *("layer 1, no decay", "layer 1"),
        *("layer 2, no decay", "layer 2"),
        "top, no decay",
    ]


def test_frozen_layers_are_in_none(make_checkpoint: Make) -> None:
    model = load_backbone(str(make_checkpoint()), memory=MemorySettings(freeze_layers=1)).model
    assert {group["name"] for group in parameter_groups(model, rate=1.0, weight_decay=0.1)} == {
        "layer 2",
        "layer 2, no decay",
    }
