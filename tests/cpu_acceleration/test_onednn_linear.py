"""Linear layers with oneDNN give the same results and gradients as those of torch."""

import copy
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from spacy_zh_tw_ner.cpu_acceleration import probe
from spacy_zh_tw_ner.cpu_acceleration.onednn_linear import OneDnnLinear, padded_rows, use_onednn

pytestmark = pytest.mark.usefixtures("onednn_on_any_machine")


def fail(*args: Any) -> torch.Tensor:
    raise AssertionError("oneDNN was used")


def both(n_in: int, n_out: int, *, bias: bool = True) -> tuple[nn.Linear, nn.Linear]:
    plain = nn.Linear(n_in, n_out, bias=bias)
    fast = nn.Sequential(copy.deepcopy(plain))
    use_onednn(fast)
    assert type(fast[0]) is OneDnnLinear
    return plain, fast[0]


def test_without_onednn_layers_use_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    plain, fast = both(6, 4)
    monkeypatch.setattr(probe, "onednn_product", lambda: None)
    inputs = torch.randn(5, 6)
    assert torch.equal(fast(inputs), plain(inputs))  # a layer that was created on another machine
    model = nn.Sequential(plain)
    use_onednn(model)
    assert type(model[0]) is nn.Linear


@given(st.integers(1, 100_000))
def test_padding_adds_at_most_an_eighth_or_seven_rows(n_rows: int) -> None:
    assert n_rows <= padded_rows(n_rows) <= max(n_rows + 7, n_rows * 1.125)
    assert padded_rows(padded_rows(n_rows)) == padded_rows(n_rows)


def test_padded_rows_takes_few_values() -> None:
    assert len({padded_rows(n) for n in range(1, 4097)}) == 56
    assert padded_rows(0) == 0


@given(
    st.lists(st.integers(0, 9), min_size=0, max_size=2),
    st.integers(1, 20),
    st.integers(1, 20),
    st.booleans(),
    st.booleans(),
    st.integers(0, 99),
)
def test_products_and_gradients_equal_those_of_torch(
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


def test_inputs_need_not_be_contiguous() -> None:
    plain, fast = both(6, 4)
    inputs = torch.randn(6, 9).t()
    assert torch.allclose(plain(inputs), fast(inputs), atol=1e-5)


def test_other_types_and_autocast_use_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    plain, fast = both(6, 4)
    monkeypatch.setattr(probe, "onednn_product", lambda: fail)
    inputs = torch.randn(2, 6)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(fast(inputs), plain(inputs))
    assert torch.equal(fast.double()(inputs.double()), plain.double()(inputs.double()))
    assert fast.to("meta")(inputs.to("meta")).is_meta
