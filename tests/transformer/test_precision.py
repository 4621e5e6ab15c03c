from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from spacy_zh_tw_ner.transformer import backbone as module
from spacy_zh_tw_ner.transformer import precision as precision_
from spacy_zh_tw_ner.transformer.backbone import load_backbone
from spacy_zh_tw_ner.transformer.precision import DTYPES
from spacy_zh_tw_ner.transformer.settings import LoraSettings, MemorySettings

Batch = tuple[torch.Tensor, torch.Tensor]
Make = Callable[..., Path]


@pytest.fixture(params=["fp16", "bf16"])
def half(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_hidden_states_are_float32_and_about_the_same(
    family: str, half: str, make_checkpoint: Make, batch: Batch
) -> None:
    real = batch[1].bool()
    exact = load_backbone(str(make_checkpoint(family)))(*batch)[real]
    hidden = load_backbone(str(make_checkpoint(family)), memory=MemorySettings(half))(*batch)[real]
    assert hidden.dtype == torch.float32
    assert not torch.equal(hidden, exact)
    torch.testing.assert_close(hidden, exact, atol=0.1, rtol=0.05)


def test_halved_weights_give_what_autocast_gives(
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


def test_what_trains_stays_in_float32(half: str, make_checkpoint: Make) -> None:
    for lora in (None, LoraSettings()):
        backbone = load_backbone(str(make_checkpoint()), lora=lora, memory=MemorySettings(half, freeze_layers=1))
        assert {p.dtype for p in backbone.parameters() if p.requires_grad} == {torch.float32}


def test_embeddings_are_halved_if_they_came_so(half: str, make_checkpoint: Make, batch: Batch) -> None:
    for stored in ("float32", "bfloat16" if half == "bf16" else "float16"):
        name = str(make_checkpoint("qwen2", dtype=stored))
        backbone = load_backbone(name, lora=LoraSettings(), memory=MemorySettings(half))
        embeddings = backbone.model.get_input_embeddings()
        came_so = DTYPES[half] == getattr(torch, stored)
        assert embeddings.weight.dtype == (DTYPES[half] if came_so else torch.float32)
        assert embeddings(batch[0]).dtype == torch.float32


def test_float32_is_float32_whatever_stands_around(make_checkpoint: Make, batch: Batch) -> None:
    backbone = load_backbone(str(make_checkpoint()))
    expected = backbone(*batch)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(backbone(*batch), expected)


def test_a_half_precision_checkpoint_is_computed_in_float32(make_checkpoint: Make, batch: Batch) -> None:
    backbone = load_backbone(str(make_checkpoint(dtype="float16")))
    assert {p.dtype for p in backbone.parameters()} == {torch.float32}


@pytest.mark.parametrize("native", [False, True])
def test_emulation_is_warned_of(
    native: bool, half: str, make_checkpoint: Make, monkeypatch: pytest.MonkeyPatch, recwarn: pytest.WarningsRecorder
) -> None:
    monkeypatch.setattr(precision_, "is_native", lambda *args: native)
    load_backbone(str(make_checkpoint()), memory=MemorySettings(half))
    load_backbone(str(make_checkpoint()))
    messages = [str(warning.message) for warning in recwarn]
    assert len(messages) == (not native)
    assert native or f"[ZT920] memory.precision='{half}' is emulated on this cpu" in messages[0]


def test_the_machine_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    device = torch.device("cpu")
    assert isinstance(precision_.is_native("bf16", device), bool)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False, raising=False)
    assert not precision_.is_native("bf16", device)
