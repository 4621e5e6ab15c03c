from collections.abc import Callable
from pathlib import Path

import torch

from spacy_zh_tw_ner.transformer.backbone import Backbone, load_backbone
from spacy_zh_tw_ner.transformer.layers import layers_of
from spacy_zh_tw_ner.transformer.settings import LoraSettings, MemorySettings

Batch = tuple[torch.Tensor, torch.Tensor]
Make = Callable[..., Path]


def gradients(backbone: Backbone, batch: Batch) -> dict[str, torch.Tensor | None]:
    torch.manual_seed(3)  # for dropout
    (backbone(*batch)[batch[1].bool()] ** 2 * torch.arange(32.0)).sum().backward()
    return {name: parameter.grad for name, parameter in backbone.named_parameters() if parameter.requires_grad}


def test_gradients_are_the_same(family: str, make_checkpoint: Make, batch: Batch) -> None:
    for lora in (None, LoraSettings(dropout=0.1)):
        found = []
        for checkpointing in (False, True):
            torch.manual_seed(0)
            memory = MemorySettings(gradient_checkpointing=checkpointing)
            backbone = load_backbone(str(make_checkpoint(family)), lora=lora, memory=memory, dropout=0.1)
            found.append(gradients(backbone.train(), batch))
        assert found[0].keys() == found[1].keys()
        for name, gradient in found[0].items():
            torch.testing.assert_close(gradient, found[1][name])


def test_less_is_kept(family: str, make_checkpoint: Make, batch: Batch) -> None:
    kept = []
    for checkpointing in (False, True):
        memory = MemorySettings(gradient_checkpointing=checkpointing)
        backbone = load_backbone(str(make_checkpoint(family)), memory=memory).train()
        sizes: list[int] = []

        def note(tensor: torch.Tensor, sizes: list[int] = sizes) -> torch.Tensor:
            sizes.append(tensor.numel())
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
            backbone(*batch)
        kept.append(sum(sizes))
    assert kept[1] < 0.5 * kept[0]


def test_nothing_is_computed_twice_in_evaluation(make_checkpoint: Make, batch: Batch) -> None:
    backbone = load_backbone(str(make_checkpoint()), memory=MemorySettings(gradient_checkpointing=True))
    calls: list[int] = []
    layers_of(backbone.model)[0].get_submodule("attention").register_forward_hook(lambda *args: calls.append(1))
    backbone(*batch).sum().backward()
    assert len(calls) == 1
    backbone.train()(*batch).sum().backward()
    assert len(calls) == 3
