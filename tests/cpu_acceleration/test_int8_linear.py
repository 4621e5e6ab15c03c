"""8-bit linear layers are close to float32, with torch's 8-bit operators and with the fallback."""

import copy
import pickle
from collections.abc import Iterator

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from spacy_zh_tw_ner.cpu_acceleration import probe
from spacy_zh_tw_ner.cpu_acceleration.int8_linear import Int8Linear, PackedProduct, PlainProduct
from spacy_zh_tw_ner.transformer.quantization import plain_weight


@pytest.fixture(scope="module", params=["packed", "plain"], autouse=True)
def product(request: pytest.FixtureRequest) -> Iterator[type]:
    """Run each test with torch's 8-bit operators, and without them."""
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "plain":
            patch.setattr(probe, "int8_operators", lambda: None)
        elif probe.int8_operators() is None:
            pytest.skip("torch is built without 8-bit operators")
        yield PlainProduct if request.param == "plain" else PackedProduct


def test_the_product_class_depends_on_the_operators(product: type) -> None:
    assert type(Int8Linear.quantize(nn.Linear(3, 2))._product) is product


def test_products_are_those_of_rounded_inputs(product: type) -> None:
    torch.manual_seed(0)
    layer = Int8Linear.quantize(nn.Linear(64, 32))
    inputs = torch.randn(50, 64)
    inputs /= inputs.abs().amax(dim=1, keepdim=True)
    # Without VNNI, the operators of torch get inputs of 7 bits.
    levels = 127 if product is PlainProduct or probe.has_vnni() else 63
    expected = F.linear((inputs * levels).round() / levels, plain_weight(layer), layer.parts()["bias"])
    torch.testing.assert_close(layer(inputs), expected, atol=1e-5, rtol=1e-5)


def test_packed_weights_are_not_changed() -> None:
    one = Int8Linear.quantize(nn.Linear(64, 32))
    for name, part in Int8Linear(**one.parts()).parts().items():
        assert torch.equal(part, one.parts()[name])


def test_a_pickled_layer_computes_the_same() -> None:
    layer, inputs = Int8Linear.quantize(nn.Linear(24, 8)), torch.randn(5, 24)
    assert torch.equal(pickle.loads(pickle.dumps(layer))(inputs), layer(inputs))


def test_a_copy_computes_the_same() -> None:
    layer, inputs = Int8Linear.quantize(nn.Linear(6, 4)), torch.randn(3, 6)
    assert torch.equal(copy.deepcopy(layer)(inputs), layer(inputs))


@given(st.integers(1, 40), st.integers(1, 40), st.booleans(), st.floats(1e-6, 1e6), st.integers(0, 99))
def test_the_rounding_error_of_each_row_is_relative_to_its_maximum(
    n_in: int, n_out: int, bias: bool, size: float, seed: int
) -> None:
    torch.manual_seed(seed)
    layer = nn.Linear(n_in, n_out, bias=bias)
    layer.weight.data *= torch.logspace(-6, 0, n_out)[:, None] * size
    rounded = Int8Linear.quantize(layer)
    parts = rounded.parts()
    assert (parts["weight"].dtype, parts["scale"].dtype, "bias" in parts) == (torch.int8, torch.float32, bias)
    error = (plain_weight(rounded) - layer.weight).abs().amax(dim=1)
    assert (error <= 0.51 * layer.weight.abs().amax(dim=1) / 127 + 1e-30).all()


def test_a_weight_row_of_zeros_stays_zero() -> None:
    layer = nn.Linear(3, 2)
    layer.weight.data[0] = 0
    assert (Int8Linear.quantize(layer)(torch.randn(4, 3))[:, 0] == layer.bias[0]).all()


def test_int8_products_are_close_to_float32() -> None:
    torch.manual_seed(0)
    layer, inputs = nn.Linear(256, 64), torch.randn(2, 50, 256)
    difference = Int8Linear.quantize(layer)(inputs) - layer(inputs)
    assert difference.abs().mean() < 0.02 * layer(inputs).abs().mean()
    assert difference.abs().mean() > 0


@given(st.integers(1, 40), st.integers(1, 40), st.booleans(), st.floats(-6, 6), st.integers(0, 99))
def test_results_of_a_row_do_not_depend_on_the_batch(
    n_in: int, n_out: int, bias: bool, magnitude: float, seed: int
) -> None:
    torch.manual_seed(seed)
    layer, inputs = Int8Linear.quantize(nn.Linear(n_in, n_out, bias=bias)), torch.randn(5, n_in)
    neighbours = torch.randn(7, n_in) * 10**magnitude
    assert torch.equal(layer(torch.cat([inputs, neighbours]))[:5], layer(inputs))


def test_the_engine_of_torch_is_restored() -> None:
    before = torch.backends.quantized.engine
    Int8Linear.quantize(nn.Linear(3, 2))
    assert torch.backends.quantized.engine == before
