"""Half precision, frozen layers and gradient checkpointing."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from spacy_zh_tw_ner.transformer import backbone as module
from spacy_zh_tw_ner.transformer import memory as precision_
from spacy_zh_tw_ner.transformer.backbone import Backbone, load_backbone
from spacy_zh_tw_ner.transformer.base_model import depths, layers_of
from spacy_zh_tw_ner.transformer.memory import DTYPES, usable_precision, warn_if_emulated
from spacy_zh_tw_ner.transformer.settings import LoraSettings, MemorySettings

Batch = tuple[torch.Tensor, torch.Tensor]
Make = Callable[..., Path]


@pytest.fixture(params=["fp16", "bf16"])
def half(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_hidden_states_in_half_precision_are_close_and_float32(
    family: str, half: str, make_checkpoint: Make, batch: Batch
) -> None:
    real = batch[1].bool()
    exact = load_backbone(str(make_checkpoint(family)))(*batch)[real]
    hidden = load_backbone(str(make_checkpoint(family)), memory=MemorySettings(half))(*batch)[real]
    assert hidden.dtype == torch.float32
    assert not torch.equal(hidden, exact)
    torch.testing.assert_close(hidden, exact, atol=0.1, rtol=0.05)


def test_frozen_weights_in_half_precision_give_the_same_results_as_autocast(
    family: str, half: str, make_checkpoint: Make, batch: Batch, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, memory = str(make_checkpoint(family)), MemorySettings(half)
    torch.manual_seed(0)
    halved = load_backbone(name, lora=LoraSettings(), memory=memory)
    monkeypatch.setattr(module, "halve_frozen", lambda *args: None)
    torch.manual_seed(0)
    whole = load_backbone(name, lora=LoraSettings(), memory=memory)
    sizes = [sum(p.nbytes for p in each.parameters()) for each in (halved, whole)]
    assert sizes[0] < 0.9 * sizes[1]
    assert torch.equal(halved(*batch), whole(*batch))


def test_trainable_weights_stay_in_float32(half: str, make_checkpoint: Make) -> None:
    for lora in (None, LoraSettings()):
        backbone = load_backbone(str(make_checkpoint()), lora=lora, memory=MemorySettings(half, freeze_layers=1))
        assert {p.dtype for p in backbone.parameters() if p.requires_grad} == {torch.float32}


def test_embeddings_are_converted_if_the_checkpoint_has_them_in_half_precision(
    half: str, make_checkpoint: Make, batch: Batch
) -> None:
    for stored in ("float32", "bfloat16" if half == "bf16" else "float16"):
        name = str(make_checkpoint("qwen2", dtype=stored))
        backbone = load_backbone(name, lora=LoraSettings(), memory=MemorySettings(half))
        embeddings = backbone.model.get_input_embeddings()
        matches_checkpoint = DTYPES[half] == getattr(torch, stored)
        assert embeddings.weight.dtype == (DTYPES[half] if matches_checkpoint else torch.float32)
        assert embeddings(batch[0]).dtype == torch.float32


def test_an_outer_autocast_does_not_change_float32(make_checkpoint: Make, batch: Batch) -> None:
    backbone = load_backbone(str(make_checkpoint()))
    expected = backbone(*batch)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(backbone(*batch), expected)


def test_a_half_precision_checkpoint_is_computed_in_float32(make_checkpoint: Make, batch: Batch) -> None:
    backbone = load_backbone(str(make_checkpoint(dtype="float16")))
    assert {p.dtype for p in backbone.parameters()} == {torch.float32}


def test_a_cpu_computes_in_float32_what_it_would_emulate(
    half: str, make_checkpoint: Make, batch: Batch, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = str(make_checkpoint())
    expected = load_backbone(name)(*batch)
    monkeypatch.setattr(precision_, "is_native", lambda *args: False)
    for memory in (MemorySettings(half), MemorySettings(half, freeze_layers=1)):
        backbone = load_backbone(name, memory=memory)
        assert {p.dtype for p in backbone.parameters()} == {torch.float32}
        assert torch.equal(backbone(*batch), expected)
        assert backbone.settings.memory.precision == half  # and so it is saved


def test_a_gpu_that_emulates_bf16_keeps_it_with_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    gpu = torch.device("cuda")
    monkeypatch.setattr(precision_, "is_native", lambda *args: False)
    assert usable_precision("bf16", gpu) == "bf16"
    with pytest.warns(UserWarning, match=r"\[ZT920\] memory.precision='bf16' is emulated on this cuda.*fp16"):
        warn_if_emulated("bf16", gpu)
    warn_if_emulated("fp32", gpu)  # no warning


def test_native_bf16_depends_on_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    device = torch.device("cpu")
    assert isinstance(precision_.is_native("bf16", device), bool)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False, raising=False)
    assert not precision_.is_native("bf16", device)


UNSHARED = ["bert", "electra", "deberta-v2", "qwen2", "llama"]


def test_layers_are_returned_in_the_order_in_which_they_run(family: str, make_checkpoint: Make, batch: Batch) -> None:
    model = load_backbone(str(make_checkpoint(family, layers=3))).model
    ran: list[int] = []
    for i, layer in enumerate(layers_of(model)):
        layer.register_forward_hook(lambda *args, i=i: ran.append(i))
    model(input_ids=batch[0], attention_mask=batch[1])
    assert ran == ([0, 0, 0] if family == "albert" else [0, 1, 2])


@pytest.mark.parametrize("family", UNSHARED)
def test_every_parameter_has_the_depth_of_its_layer(family: str, make_checkpoint: Make) -> None:
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
def test_frozen_layers_get_no_gradients(
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


def test_freezing_more_layers_than_exist_is_an_error(make_checkpoint: Make) -> None:
    with pytest.raises(ValueError, match=r"ZT330\] memory\.freeze_layers=3, .* 2 layers"):
        load_backbone(str(make_checkpoint()), memory=MemorySettings(freeze_layers=3))


def test_freezing_shared_layers_is_an_error(make_checkpoint: Make) -> None:
    with pytest.raises(ValueError, match=r"ZT329\] memory\.freeze_layers=1, .*albert"):
        load_backbone(str(make_checkpoint("albert")), memory=MemorySettings(freeze_layers=1))


def gradients(backbone: Backbone, batch: Batch) -> dict[str, torch.Tensor | None]:
    torch.manual_seed(3)  # for dropout
    (backbone(*batch)[batch[1].bool()] ** 2 * torch.arange(32.0)).sum().backward()
    return {name: parameter.grad for name, parameter in backbone.named_parameters() if parameter.requires_grad}


def test_gradients_are_the_same_with_gradient_checkpointing(family: str, make_checkpoint: Make, batch: Batch) -> None:
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


def test_gradient_checkpointing_keeps_fewer_activations(family: str, make_checkpoint: Make, batch: Batch) -> None:
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


def test_layers_run_once_in_evaluation_with_gradient_checkpointing(make_checkpoint: Make, batch: Batch) -> None:
    backbone = load_backbone(str(make_checkpoint()), memory=MemorySettings(gradient_checkpointing=True))
    calls: list[int] = []
    layers_of(backbone.model)[0].get_submodule("attention").register_forward_hook(lambda *args: calls.append(1))
    backbone(*batch).sum().backward()
    assert len(calls) == 1
    backbone.train()(*batch).sum().backward()
    assert len(calls) == 3
