"""Linear layers multiplied by oneDNN: the same numbers, gradients and names as torch's own."""

import copy
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from spacy_zh_tw_ner.transformer import onednn
from spacy_zh_tw_ner.transformer.backbone import load_backbone
from spacy_zh_tw_ner.transformer.onednn import IS_SERVED, OneDnnLinear, rows_run, use_onednn
from spacy_zh_tw_ner.transformer.settings import LoraSettings, MemorySettings

pytestmark = pytest.mark.skipif(not IS_SERVED, reason="oneDNN multiplies where there is AVX-512")
Batch = tuple[torch.Tensor, torch.Tensor]


def both(n_in: int, n_out: int, *, bias: bool = True) -> tuple[nn.Linear, nn.Linear]:
    plain = nn.Linear(n_in, n_out, bias=bias)
    fast = nn.Sequential(copy.deepcopy(plain))
    use_onednn(fast)
    assert type(fast[0]) is OneDnnLinear
    return plain, fast[0]


@given(st.integers(1, 100_000))
def test_few_numbers_of_rows_are_run(n_rows: int) -> None:
    assert n_rows <= rows_run(n_rows) <= max(n_rows + 7, n_rows * 1.125)
    assert rows_run(rows_run(n_rows)) == rows_run(n_rows)


def test_numbers_of_rows_are_few() -> None:
    assert len({rows_run(n) for n in range(1, 4097)}) == 56
    assert rows_run(0) == 0


@given(
    st.lists(st.integers(0, 9), min_size=0, max_size=2),
    st.integers(1, 20),
    st.integers(1, 20),
    st.booleans(),
    st.booleans(),
    st.integers(0, 99),
)
def test_products_and_gradients_are_torchs(
    shape: list[int], n_in: int, n_out: int, bias: bool, frozen: bool, seed: int
) -> None:
    torch.manual_seed(seed)
    plain, fast = both(n_in, n_out, bias=bias)
    inputs = torch.randn(*shape, n_in)
    of_both = []
    for layer in (plain, fast):
        layer.weight.requires_grad_(not frozen)
        x = inputs.clone().requires_grad_()
        y = layer(x)
        assert y.shape == (*shape, n_out)
        y.backward(torch.ones_like(y).cumsum(-1))
        with torch.inference_mode():
            assert torch.allclose(layer(inputs), y, atol=1e-5)
        of_both.append([y, x.grad, layer.weight.grad, layer.bias.grad if bias else None])
    for expected, found in zip(*of_both, strict=True):
        assert (expected is None) == (found is None)
        assert expected is None or torch.allclose(expected, found, rtol=1e-4, atol=1e-4)


def test_inputs_may_lie_in_any_order() -> None:
    plain, fast = both(6, 4)
    inputs = torch.randn(6, 9).t()
    assert torch.allclose(plain(inputs), fast(inputs), atol=1e-5)


def test_other_types_and_autocast_are_left_to_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    plain, fast = both(6, 4)
    monkeypatch.setattr(onednn, "_product", None)  # would fail
    inputs = torch.randn(2, 6)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(fast(inputs), plain(inputs))
    assert torch.equal(fast.double()(inputs.double()), plain.double()(inputs.double()))
    assert fast.to("meta")(inputs.to("meta")).is_meta


def test_every_linear_layer_of_a_base_is_one(family: str, make_checkpoint: Callable[..., Path], batch: Batch) -> None:
    backbone = load_backbone(str(make_checkpoint(family)))
    layers = [layer for layer in backbone.modules() if isinstance(layer, nn.Linear)]
    assert layers
    assert {type(layer) for layer in layers} == {OneDnnLinear}
    fast = backbone(*batch)
    for layer in layers:
        layer.__class__ = nn.Linear
    assert torch.allclose(backbone(*batch), fast, atol=1e-5)


@pytest.mark.parametrize("checkpointing", [False, True])
def test_adapters_learn_the_same(make_checkpoint: Callable[..., Path], batch: Batch, checkpointing: bool) -> None:
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
