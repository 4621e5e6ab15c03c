"""4-bit layers with oneDNN give the results and gradients of bitsandbytes."""

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from spacy_zh_tw_ner.cpu_acceleration import probe

pytest.importorskip("bitsandbytes")

from bitsandbytes.functional import dequantize_4bit
from bitsandbytes.nn import Linear4bit, Params4bit

from spacy_zh_tw_ner.cpu_acceleration.four_bit_linear import OneDnnLinear4bit, use_onednn_4bit

pytestmark = pytest.mark.usefixtures("onednn_on_any_machine")


def make_layers(kind: str, *, bias: bool = True, nested: bool = True) -> tuple[nn.Module, nn.Module]:
    torch.manual_seed(0)
    options = {"quant_type": kind, "compress_statistics": nested}
    plain = Linear4bit(64, 128, bias=bias, compute_dtype=torch.float32, **options)
    plain.weight = Params4bit(torch.randn(128, 64), requires_grad=False, **options)
    plain = plain.to("cpu")
    fast = nn.Sequential(copy.deepcopy(plain))
    use_onednn_4bit(fast)
    assert type(fast[0]) is OneDnnLinear4bit
    return plain, fast[0]


@pytest.mark.parametrize("kind", ["nf4", "fp4"])
@pytest.mark.parametrize("nested", [True, False])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("shape", [(3, 5), (7,), ()])
def test_products_and_gradients_equal_those_of_the_unpacked_weight(
    kind: str, nested: bool, bias: bool, shape: tuple[int, ...]
) -> None:
    plain, fast = make_layers(kind, bias=bias, nested=nested)
    weight = dequantize_4bit(plain.weight.data, plain.weight.quant_state)
    inputs = torch.randn(*shape, 64)
    with torch.inference_mode():
        assert torch.allclose(fast(inputs), plain(inputs), atol=1e-4)
    results = []
    # not `plain`, whose gradients of a bias are wrong for inputs that do not have two dimensions
    for product in (lambda x: F.linear(x, weight, plain.bias), fast):
        x = inputs.clone().requires_grad_()
        y = product(x)
        assert y.shape == (*shape, 128)
        y.backward(torch.ones_like(y).cumsum(-1))
        results.append([y, x.grad])
    if bias:
        results[0].append(plain.bias.grad)
        results[1].append(fast.bias.grad)
    for expected, found in zip(*results, strict=True):
        assert torch.allclose(expected, found, rtol=1e-4, atol=1e-3)


def test_a_trained_step_keeps_only_the_packed_weight() -> None:
    _, fast = make_layers("nf4")
    saved: list[torch.Tensor] = []

    def remember(tensor: torch.Tensor) -> torch.Tensor:
        saved.append(tensor)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(remember, lambda tensor: tensor):
        fast(torch.randn(2, 64, requires_grad=True))
    assert [(tensor.dtype, tensor.numel()) for tensor in saved] == [(torch.uint8, 128 * 64 // 2)]


def test_other_inputs_use_bitsandbytes(monkeypatch: pytest.MonkeyPatch) -> None:
    plain, fast = make_layers("nf4")

    def fail(*args: object) -> None:
        raise AssertionError("oneDNN was used")

    monkeypatch.setattr(probe, "onednn_product", lambda: fail)
    inputs = torch.randn(2, 64)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(fast(inputs), plain(inputs))
    assert torch.equal(fast(inputs.bfloat16()), plain(inputs.bfloat16()))
    assert fast(inputs[:0]).shape == (0, 128)
    for layer in (plain, fast):
        layer.weight.quant_state.dtype = torch.bfloat16  # a weight that was quantized from bfloat16
    assert torch.equal(fast(inputs), plain(inputs))


def test_without_onednn_layers_do_not_change(monkeypatch: pytest.MonkeyPatch) -> None:
    plain, fast = make_layers("nf4")
    monkeypatch.setattr(probe, "onednn_product", lambda: None)
    inputs = torch.randn(2, 64)
    assert torch.equal(fast(inputs), plain(inputs))  # a layer that was created on another machine
    model = nn.Sequential(plain)
    use_onednn_4bit(model)
    assert type(model[0]) is Linear4bit
