import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from spacy_zh_tw_ner.transformer import optimizers
from spacy_zh_tw_ner.transformer.backbone import Backbone, load_backbone
from spacy_zh_tw_ner.transformer.optimizer_state import state_from_bytes, state_to_bytes
from spacy_zh_tw_ner.transformer.optimizers import (
    OPTIMIZERS,
    build_optimizer,
    parameter_groups,
)
from spacy_zh_tw_ner.transformer.settings import LoraSettings, MemorySettings
from tests.backbone_training import train_backbone

Batch = tuple[torch.Tensor, torch.Tensor]
Make = Callable[..., Path]
pytestmark = pytest.mark.filterwarnings(
    "ignore:Paged optimizers are not supported on CPU",  # bitsandbytes then does not page
    "ignore:This overload of add_:UserWarning",  # transformers' Adafactor
)


def optimizer_for(backbone: Backbone, name: str, rate: float = 3e-3) -> torch.optim.Optimizer:
    groups = parameter_groups(backbone.model, rate=rate, weight_decay=0.01, layer_decay=0.9)
    return build_optimizer(name, groups)


@pytest.fixture(params=OPTIMIZERS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_the_loss_falls_with_every_optimizer(name: str, make_checkpoint: Make, batch: Batch) -> None:
    backbone = load_backbone(str(make_checkpoint(hidden=32)))
    losses = train_backbone(backbone, optimizer_for(backbone, name), batch, 8)
    assert losses[-1] < 0.8 * losses[0]


def test_a_resumed_run_equals_an_uninterrupted_one(name: str, make_checkpoint: Make, batch: Batch) -> None:
    backbone = load_backbone(str(make_checkpoint()))
    optimizer = optimizer_for(backbone, name)
    train_backbone(backbone, optimizer, batch, 3)
    for group in optimizer.param_groups:
        group["lr"] *= 0.5  # as a schedule does
    data, other = state_to_bytes(optimizer), copy.deepcopy(backbone)
    assert isinstance(data, bytes)
    resumed = optimizer_for(other, name)
    state_from_bytes(resumed, data)
    assert [group["lr"] for group in resumed.param_groups] == [group["lr"] for group in optimizer.param_groups]
    assert train_backbone(backbone, optimizer, batch, 3) == train_backbone(other, resumed, batch, 3)
    afresh = copy.deepcopy(backbone)
    state_from_bytes(optimizer_for(afresh, name), state_to_bytes(resumed))
    for mine, theirs in zip(backbone.parameters(), other.parameters(), strict=True):
        assert torch.equal(mine, theirs)
    assert state_to_bytes(resumed) == state_to_bytes(optimizer)


def test_a_state_from_before_the_first_step_can_be_loaded(name: str, make_checkpoint: Make, batch: Batch) -> None:
    backbone = load_backbone(str(make_checkpoint()))
    optimizer = optimizer_for(backbone, name)
    state_from_bytes(optimizer, state_to_bytes(optimizer))
    train_backbone(backbone, optimizer, batch, 1)


def test_8_bit_states_take_less_memory(make_checkpoint: Make, batch: Batch) -> None:
    sizes = {}
    for name in OPTIMIZERS:
        backbone = load_backbone(str(make_checkpoint(hidden=128, layers=1)))
        optimizer = optimizer_for(backbone, name)
        input_ids, mask = batch
        backbone(input_ids, mask).sum().backward()
        optimizer.step()
        sizes[name] = len(state_to_bytes(optimizer))
    assert sizes["adamw_bnb_8bit"] < 0.6 * sizes["adamw"]
    assert sizes["adafactor"] < 0.3 * sizes["adamw"]


def test_adamw_is_fused(make_checkpoint: Make) -> None:
    assert optimizer_for(load_backbone(str(make_checkpoint())), "adamw").defaults["fused"]


@pytest.mark.parametrize("lora", [None, LoraSettings(r=4)])
def test_a_state_for_other_parameters_is_an_error(
    lora: LoraSettings | None, make_checkpoint: Make, batch: Batch
) -> None:
    backbone = load_backbone(str(make_checkpoint()), lora=LoraSettings())
    optimizer = optimizer_for(backbone, "adamw")
    train_backbone(backbone, optimizer, batch, 1)
    other = optimizer_for(load_backbone(str(make_checkpoint()), lora=lora), "adamw")
    with pytest.raises(ValueError, match=r"ZT338.*shapes of the groups was .*, and now is "):
        state_from_bytes(other, state_to_bytes(optimizer))


def test_a_state_of_another_optimizer_is_an_error(make_checkpoint: Make) -> None:
    backbone = load_backbone(str(make_checkpoint()))
    data = state_to_bytes(optimizer_for(backbone, "adamw"))
    with pytest.raises(ValueError, match=r"ZT338.*optimizer was AdamW, and now is AdamW8bit"):
        state_from_bytes(optimizer_for(backbone, "adamw_bnb_8bit"), data)


def test_an_unknown_optimizer_is_an_error(make_checkpoint: Make) -> None:
    with pytest.raises(ValueError, match=r"ZT320\] optimizer='sgd'.*adamw, adamw_bnb_8bit, paged"):
        optimizer_for(load_backbone(str(make_checkpoint())), "sgd")


@pytest.mark.parametrize("name", ["adamw_bnb_8bit", "paged_adamw_bnb_8bit"])
def test_missing_bitsandbytes_is_an_error(name: str, make_checkpoint: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(optimizers, "has_bitsandbytes", lambda: False)
    with pytest.raises(ValueError, match=rf"ZT337\] optimizer='{name}'.*adafactor"):
        optimizer_for(load_backbone(str(make_checkpoint())), name)


@pytest.mark.parametrize("lora", [None, LoraSettings(), LoraSettings(bias="all")])
def test_each_trainable_parameter_is_in_one_group(
    family: str, lora: LoraSettings | None, make_checkpoint: Make
) -> None:
    model = load_backbone(str(make_checkpoint(family)), lora=lora).model
    groups = parameter_groups(model, rate=1e-3, weight_decay=0.01, layer_decay=0.9)
    grouped = [id(parameter) for group in groups for parameter in group["params"]]
    assert sorted(grouped) == sorted(id(p) for p in model.parameters() if p.requires_grad)
    assert len({group["name"] for group in groups}) == len(groups)


def test_only_matrices_have_weight_decay(family: str, make_checkpoint: Make) -> None:
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


def test_layer_decay_lowers_the_rate_of_earlier_layers(make_checkpoint: Make) -> None:
    found = rates(load_backbone(str(make_checkpoint("qwen2", layers=3))).model, layer_decay=0.5)
    assert found["embed_tokens.weight"] == 0.125
    assert [found[f"layers.{i}.mlp.up_proj.weight"] for i in range(3)] == [0.25, 0.5, 1.0]
    assert found["norm.weight"] == 1.0


def test_shared_layers_have_one_rate(make_checkpoint: Make) -> None:
    found = rates(load_backbone(str(make_checkpoint("albert", layers=3))).model, layer_decay=0.5)
    assert {rate for name, rate in found.items() if "albert_layers" in name} == {1.0}
    assert found["embeddings.word_embeddings.weight"] == 0.5


def test_adapters_have_a_separate_rate(make_checkpoint: Make) -> None:
    model = load_backbone(str(make_checkpoint()), lora=LoraSettings(bias="lora_only")).model
    found = rates(model, layer_decay=0.5, lora_rate=10.0)
    place = "encoder.layer.{}.attention.self.query.{}"
    assert found[place.format(0, "lora_A.default.weight")] == 5.0
    assert found[place.format(1, "lora_B.default.weight")] == 10.0
    assert found[place.format(0, "base_layer.bias")] == 0.5


def test_groups_are_in_the_order_of_depth(make_checkpoint: Make) -> None:
    model = load_backbone(str(make_checkpoint("qwen2"))).model
    names = [group["name"] for group in parameter_groups(model, rate=1.0, weight_decay=0.1)]
    assert names == [
        "embeddings",
        *("layer 1, no decay", "layer 1"),
        *("layer 2, no decay", "layer 2"),
        "top, no decay",
    ]


def test_frozen_layers_are_in_no_group(make_checkpoint: Make) -> None:
    model = load_backbone(str(make_checkpoint()), memory=MemorySettings(freeze_layers=1)).model
    assert {group["name"] for group in parameter_groups(model, rate=1.0, weight_decay=0.1)} == {
        "layer 2",
        "layer 2, no decay",
    }
