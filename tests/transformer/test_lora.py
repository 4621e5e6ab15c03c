import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from spacy_zh_tw_ner.transformer import lora
from spacy_zh_tw_ner.transformer.backbone import load_backbone
from spacy_zh_tw_ner.transformer.base_model import shares_layers
from spacy_zh_tw_ner.transformer.hub import read_config
from spacy_zh_tw_ner.transformer.settings import LoraSettings
from spacy_zh_tw_ner.transformer.weights import base_weights, merged_weights

Batch = tuple[torch.Tensor, torch.Tensor]
Make = Callable[..., Path]


def trainable(module: torch.nn.Module) -> list[str]:
    return [name for name, parameter in module.named_parameters() if parameter.requires_grad]


def step(module: torch.nn.Module, batch: Batch, steps: int = 2) -> None:
    """Train two steps. The first one changes only LoRA-B: the gradient of A is a product with B, which starts at 0."""
    optimizer = torch.optim.SGD([p for p in module.parameters() if p.requires_grad], lr=0.5)
    for _ in range(steps):
        optimizer.zero_grad()
        (module(*batch)[batch[1].bool()] * torch.arange(32.0)).sum().backward()
        optimizer.step()


def test_new_adapters_do_not_change_the_hidden_states(family: str, make_checkpoint: Make, batch: Batch) -> None:
    plain = load_backbone(str(make_checkpoint(family)))
    adapted = load_backbone(str(make_checkpoint(family)), lora=LoraSettings())
    assert torch.equal(plain(*batch), adapted(*batch))


def test_only_adapters_train(family: str, make_checkpoint: Make, batch: Batch) -> None:
    backbone = load_backbone(str(make_checkpoint(family)), lora=LoraSettings(r=2))
    names = trainable(backbone)
    assert names
    assert all(".lora_" in name for name in names)
    before = {name: parameter.clone() for name, parameter in backbone.named_parameters()}
    step(backbone, batch)
    changed = [name for name, parameter in backbone.named_parameters() if not torch.equal(parameter, before[name])]
    assert changed == names


def test_shared_layers_share_their_adapters(family: str, make_checkpoint: Make) -> None:
    model = load_backbone(str(make_checkpoint(family)), lora=LoraSettings()).model
    assert shares_layers(model) == (family == "albert")
    # A and B, of query and value, of each layer
    assert len(trainable(model)) == (4 if family == "albert" else 8)


def test_named_layers_get_adapters(make_checkpoint: Make) -> None:
    settings = LoraSettings(target_modules=("key", "intermediate.dense"))
    places = {name.partition(".lora_")[0] for name in trainable(load_backbone(str(make_checkpoint()), lora=settings))}
    assert {place.removeprefix("model.encoder.layer.") for place in places} == {
        f"{layer}.{target}" for layer in (0, 1) for target in ("attention.self.key", "intermediate.dense")
    }


def test_all_linear_layers_can_get_adapters(family: str, make_checkpoint: Make) -> None:
    name = str(make_checkpoint(family))
    linear = sum(isinstance(module, torch.nn.Linear) for module in load_backbone(name).modules())
    backbone = load_backbone(name, lora=LoraSettings(target_modules="all-linear"))
    assert len(trainable(backbone)) == 2 * linear


@pytest.mark.parametrize("targets", [("q_proj",), ("query", "typo"), ("word_embeddings",), ("uery",)])
def test_an_unknown_target_is_an_error_that_lists_the_linear_layers(
    targets: tuple[str, ...], make_checkpoint: Make
) -> None:
    with pytest.raises(ValueError, match=rf"ZT325.*'{targets[-1]}'.*: dense, key, query, value; or null"):
        load_backbone(str(make_checkpoint()), lora=LoraSettings(target_modules=targets))


def test_a_family_without_default_targets_is_an_error(make_checkpoint: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(lora.TARGETS, "bert")
    with pytest.raises(ValueError, match=r"ZT326.* bert .*dense, key, query, value"):
        load_backbone(str(make_checkpoint()), lora=LoraSettings())


@pytest.mark.parametrize(("bias", "count"), [("none", 0), ("lora_only", 4), ("all", 18)])
def test_bias_setting_selects_the_biases_that_train(bias: str, count: int, make_checkpoint: Make, batch: Batch) -> None:
    backbone = load_backbone(str(make_checkpoint()), lora=LoraSettings(bias=bias))
    names = trainable(backbone)
    assert sum(name.endswith(".bias") for name in names) == count - (bias == "all")
    assert len(names) == 8 + count - (bias == "all")
    step(backbone, batch)
    assert len(lora.adapter_weights(backbone.model, bias)) == len(names)


@pytest.mark.parametrize("rslora", [False, True])
def test_the_update_is_scaled_by_alpha_and_rank(rslora: bool, make_checkpoint: Make, batch: Batch) -> None:
    backbone = load_backbone(str(make_checkpoint()), lora=LoraSettings(r=4, alpha=6.0, rslora=rslora))
    step(backbone, batch)
    place = "encoder.layer.1.attention.self.query"
    layer: Any = backbone.model.get_submodule(place)
    product = layer.lora_B["default"].weight @ layer.lora_A["default"].weight
    update = merged_weights(backbone.model)[f"{place}.weight"] - base_weights(backbone.model)[f"{place}.weight"]
    torch.testing.assert_close(update, product * 6.0 / (math.sqrt(4) if rslora else 4), atol=1e-5, rtol=1e-4)


def test_weights_have_the_names_of_the_model_without_adapters(family: str, make_checkpoint: Make) -> None:
    name = str(make_checkpoint(family))
    plain = load_backbone(name).model.state_dict()
    adapted = load_backbone(name, lora=LoraSettings()).model
    for weights in (base_weights(adapted), merged_weights(adapted)):
        assert weights.keys() == plain.keys()
        assert all(torch.equal(weights[key], plain[key]) for key in plain)


def test_lora_dropout_applies_in_training_only(make_checkpoint: Make, batch: Batch) -> None:
    backbone = load_backbone(str(make_checkpoint()), lora=LoraSettings(dropout=0.5), dropout=0.0)
    step(backbone, batch)
    assert torch.equal(backbone(*batch), backbone(*batch))
    backbone.train()
    assert not torch.equal(backbone(*batch), backbone(*batch))


def test_every_family_has_default_targets(family: str, make_checkpoint: Make) -> None:
    assert read_config(str(make_checkpoint(family)), None).model_type in lora.TARGETS
