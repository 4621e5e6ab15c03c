from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from spacy_zh_tw_ner.transformer import memory, optimizers, quantization
from spacy_zh_tw_ner.transformer.backbone import load_backbone
from spacy_zh_tw_ner.transformer.hub import read_tokenizer
from spacy_zh_tw_ner.transformer.quantization import is_quantized, plain_weight
from spacy_zh_tw_ner.transformer.serialization import pack, packed_size, unpack
from spacy_zh_tw_ner.transformer.settings import LoraSettings, MemorySettings, QuantizationSettings
from spacy_zh_tw_ner.transformer.weights import base_weights, merged_weights
from tests.backbone_training import train_backbone

Batch = tuple[torch.Tensor, torch.Tensor]
Make = Callable[..., Path]
KINDS = ("nf4", "fp4", "int8")


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def train(backbone: torch.nn.Module, batch: Batch, steps: int = 8) -> list[float]:
    parameters: list[dict[str, Any]] = [{"params": [p for p in backbone.parameters() if p.requires_grad], "lr": 3e-2}]
    return train_backbone(backbone, optimizers.build_optimizer("adamw", parameters), batch, steps)


def test_only_linear_layers_are_quantized(family: str, kind: str, make_checkpoint: Make) -> None:
    model = load_backbone(str(make_checkpoint(family)), quantization=QuantizationSettings(kind)).model
    for layer in model.modules():
        if isinstance(layer, torch.nn.Linear):
            assert is_quantized(layer)
            assert layer.weight.dtype == (torch.int8 if kind == "int8" else torch.uint8)
        elif isinstance(layer, torch.nn.Embedding):
            assert layer.weight.dtype == torch.float32


def test_quantized_hidden_states_are_close_to_float32(
    family: str, kind: str, make_checkpoint: Make, batch: Batch
) -> None:
    name, real = str(make_checkpoint(family)), batch[1].bool()
    plain = load_backbone(name)(*batch)[real]
    hidden = load_backbone(name, quantization=QuantizationSettings(kind))(*batch)[real]
    assert hidden.dtype == torch.float32
    assert torch.nn.functional.cosine_similarity(plain, hidden).min() > (0.99 if kind == "int8" else 0.7)


@pytest.mark.parametrize("family", ["bert", "albert", "deberta-v2", "qwen2"])
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_adapters_learn_while_the_quantized_base_model_does_not_change(
    family: str, precision: str, kind: str, make_checkpoint: Make, batch: Batch
) -> None:
    backbone = load_backbone(
        str(make_checkpoint(family)),
        lora=LoraSettings(target_modules="all-linear"),
        quantization=QuantizationSettings(kind),
        memory=MemorySettings(precision, gradient_checkpointing=True),
        dropout=0.0,
    ).train()
    adapters = [p for p in backbone.parameters() if p.requires_grad]
    assert {p.dtype for p in adapters} == {torch.float32}
    before = {name: tensor.clone() for name, tensor in base_weights(backbone.model).items()}
    losses = train(backbone, batch)
    assert losses[-1] < 0.95 * losses[0]
    after = base_weights(backbone.model)
    assert after.keys() == before.keys()
    # bitsandbytes converts biases to bfloat16 if it computes in bfloat16.
    assert all(torch.equal(after[name], tensor.to(after[name].dtype)) for name, tensor in before.items())


def test_evaluation_does_not_change_quantized_weights(kind: str, make_checkpoint: Make, batch: Batch) -> None:
    # Wide enough for the layout into which bitsandbytes repacks weights on some CPUs
    name = str(make_checkpoint(hidden=64, layers=1))
    backbone = load_backbone(name, quantization=QuantizationSettings(kind))
    before = {name: tensor.clone() for name, tensor in base_weights(backbone.model).items()}
    backbone.eval()
    with torch.no_grad():
        first = backbone(*batch)
        assert torch.equal(backbone(*batch), first)
    after = base_weights(backbone.model)
    assert after.keys() == before.keys()
    assert all(torch.equal(after[name], tensor) for name, tensor in before.items())


def test_widths_that_are_no_multiple_of_64_work(kind: str, make_checkpoint: Make, batch: Batch) -> None:
    backbone = load_backbone(str(make_checkpoint("albert", hidden=40)), quantization=QuantizationSettings(kind))
    with torch.no_grad():
        assert backbone(*batch).isfinite().all()


def test_gradients_reach_adapters_with_and_without_checkpointing(make_checkpoint: Make, batch: Batch) -> None:
    gradients = []
    for checkpointing in (False, True):
        torch.manual_seed(0)
        backbone = load_backbone(
            str(make_checkpoint()),
            lora=LoraSettings(),
            quantization=QuantizationSettings(),
            memory=MemorySettings(gradient_checkpointing=checkpointing),
            dropout=0.0,
        ).train()
        (backbone(*batch)[batch[1].bool()] ** 2 * torch.arange(32.0)).sum().backward()
        gradients.append([p.grad for p in backbone.parameters() if p.requires_grad])
    for plain, checkpointed in zip(*gradients, strict=True):
        assert plain is not None
        torch.testing.assert_close(plain, checkpointed)
    assert any(gradient.abs().sum() > 0 for gradient in gradients[0] if gradient is not None)


def test_a_quantized_model_without_adapters_has_no_trainable_weights(make_checkpoint: Make) -> None:
    backbone = load_backbone(str(make_checkpoint()), quantization=QuantizationSettings())
    assert not any(parameter.requires_grad for parameter in backbone.parameters())


def test_quantized_weights_take_less_space(make_checkpoint: Make) -> None:
    name = str(make_checkpoint(hidden=64))
    sizes = [packed_size(load_backbone(name))]
    sizes += [packed_size(load_backbone(name, quantization=QuantizationSettings(kind))) for kind in ("int8", "nf4")]
    assert sizes == sorted(sizes, reverse=True)
    single = load_backbone(name, quantization=QuantizationSettings(double_quant=False)).model
    double = load_backbone(name, quantization=QuantizationSettings(double_quant=True)).model
    key = "encoder.layer.0.output.dense.weight.absmax"
    assert base_weights(single)[key].dtype == torch.float32
    assert base_weights(double)[key].dtype == torch.uint8


def test_compute_dtype_auto_is_the_precision(make_checkpoint: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    def dtype(compute: str, precision: str) -> torch.dtype:
        quantization = QuantizationSettings(compute_dtype=compute)
        backbone = load_backbone(str(make_checkpoint()), quantization=quantization, memory=MemorySettings(precision))
        layer: Any = backbone.model.encoder.layer[0].output.dense  # type: ignore[union-attr,index]
        found: torch.dtype = layer.compute_dtype
        return found

    assert dtype("auto", "fp32") == torch.float32
    assert dtype("auto", "bf16") == torch.bfloat16
    assert dtype("fp16", "fp32") == torch.float16
    monkeypatch.setattr(memory, "is_native", lambda *args: False)  # a CPU that would emulate both
    assert dtype("auto", "bf16") == torch.float32
    assert dtype("fp16", "fp32") == torch.float32


@pytest.mark.parametrize("save_dtype", [None, "fp16"])
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_saved_quantized_weights_are_restored_exactly(
    kind: str, precision: str, save_dtype: str | None, make_checkpoint: Make, batch: Batch
) -> None:
    name = str(make_checkpoint())
    backbone = load_backbone(
        name, lora=LoraSettings(), quantization=QuantizationSettings(kind), memory=MemorySettings(precision)
    )
    train(backbone.train(), batch, 2)
    hidden = backbone.eval()(*batch)
    back, _ = unpack(pack(backbone, read_tokenizer(name, None), save_dtype=save_dtype))
    assert any(is_quantized(layer) for layer in back.modules())
    if save_dtype is None:
        assert torch.equal(back(*batch), hidden)
    else:
        torch.testing.assert_close(back(*batch), hidden, atol=0.02, rtol=0.02)
    again, _ = unpack(pack(back, read_tokenizer(name, None)))
    assert torch.equal(again(*batch), back(*batch))


@pytest.mark.parametrize("family", ["bert", "albert", "qwen2"])
def test_a_merged_model_needs_no_bitsandbytes(
    family: str, kind: str, make_checkpoint: Make, batch: Batch, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = str(make_checkpoint(family))
    backbone = load_backbone(name, lora=LoraSettings(), quantization=QuantizationSettings(kind))
    train(backbone.train(), batch, 2)
    hidden = backbone.eval()(*batch)
    parts = pack(backbone, read_tokenizer(name, None), save="merged")
    monkeypatch.setattr(quantization, "has_bitsandbytes", lambda: False)
    merged, _ = unpack(parts)
    assert not any(is_quantized(layer) for layer in merged.modules())
    # int8 also rounds the inputs of layers.
    tolerance = 0.05 if kind == "int8" else 1e-5
    torch.testing.assert_close(merged(*batch), hidden, atol=tolerance, rtol=tolerance)


def test_plain_weight_is_close_to_the_original(kind: str, make_checkpoint: Make, batch: Batch) -> None:
    name = str(make_checkpoint())
    plain = load_backbone(name).model.state_dict()
    backbone = load_backbone(name, quantization=QuantizationSettings(kind))
    for _ in range(2):  # the first call of an int8 layer moves its scales
        for path, layer in backbone.model.named_modules():
            if is_quantized(layer):
                weight = plain_weight(layer)
                assert (weight - plain[f"{path}.weight"]).abs().mean() < 0.4 * plain[f"{path}.weight"].abs().mean()
        backbone(*batch)
    assert merged_weights(backbone.model).keys() == plain.keys()


def test_missing_bitsandbytes_is_an_error(kind: str, make_checkpoint: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    name = str(make_checkpoint())
    parts = pack(load_backbone(name, quantization=QuantizationSettings(kind)), read_tokenizer(name, None))
    monkeypatch.setattr(quantization, "has_bitsandbytes", lambda: False)
    for load in (lambda: load_backbone(name, quantization=QuantizationSettings(kind)), lambda: unpack(parts)):
        with pytest.raises(ValueError, match=rf"ZT327\] '{kind}' needs .*pip install bitsandbytes.*quantization = nu"):
            load()


def test_an_unsupported_device_is_an_error(make_checkpoint: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    import bitsandbytes.functional

    name = str(make_checkpoint())
    parts = pack(load_backbone(name, quantization=QuantizationSettings()), read_tokenizer(name, None))

    def fail(*args: Any, **kwargs: Any) -> None:
        raise NotImplementedError("no kernel for this device")

    monkeypatch.setattr(bitsandbytes.functional, "quantize_4bit", fail)
    for load in (lambda: load_backbone(name, quantization=QuantizationSettings()), lambda: unpack(parts)):
        with pytest.raises(ValueError, match=r"ZT328\] quantization\.kind='nf4' .*cpu.*no kernel.*save = .merged"):
            load()


def test_incompatible_versions_are_an_error(make_checkpoint: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    from transformers import BertModel

    def fail(*args: Any, **kwargs: Any) -> None:
        raise AttributeError("'frozenset' object has no attribute 'discard'")

    monkeypatch.setattr(BertModel, "from_pretrained", fail)
    with pytest.raises(ValueError, match=r"ZT328.*discard.*transformers 4\.53"):
        load_backbone(str(make_checkpoint()), quantization=QuantizationSettings())
    with pytest.raises(AttributeError):
        load_backbone(str(make_checkpoint()))


def test_bitsandbytes_logs_no_messages(make_checkpoint: Make, batch: Batch, caplog: pytest.LogCaptureFixture) -> None:
    load_backbone(str(make_checkpoint()), lora=LoraSettings(), quantization=QuantizationSettings("int8"))(*batch)
    assert not caplog.records
