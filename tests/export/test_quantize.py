"""Quantized pipelines are smaller, can be loaded, and predict the same entities."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import spacy
import torch
from spacy.language import Language
from spacy.training import Example
from thinc.api import Config

from spacy_zh_tw_ner.cpu_acceleration.int8_linear import Int8Linear
from spacy_zh_tw_ner.encoders import bilstm
from spacy_zh_tw_ner.evaluation.footprint import folder_size
from spacy_zh_tw_ner.export import quantize
from spacy_zh_tw_ner.export.quantize import write_quantized
from spacy_zh_tw_ner.transformer import memory
from tests.pipelines import SENTENCE, make_pipeline

LORA = {"@misc": "spacy-zh-tw-ner.lora.v1", "r": 4, "target_modules": "all-linear"}
TEXTS = [SENTENCE, "", "好"]


def found(nlp: Language) -> list[list[tuple[str, str, float]]]:
    return [[(ent.text, ent.label_, round(ent._.score, 1)) for ent in doc.ents] for doc in nlp.pipe(TEXTS)]


def linear_layers(nlp: Language) -> list[torch.nn.Module]:
    (shim,) = quantize.backbone_shims(nlp)
    return [m for m in shim.backbone.modules() if isinstance(m, torch.nn.Linear | Int8Linear)]


@pytest.fixture
def base(tiny_checkpoint: Callable[[str], Path]) -> Path:
    return tiny_checkpoint("bert")


@pytest.mark.parametrize("kind", ["plain", "in the head", "lora", "nf4", "half"])
@pytest.mark.usefixtures("half_precision_is_native")
def test_int8_finds_the_same_entities_and_is_smaller_on_disk(base: Path, kind: str, tmp_path: Path) -> None:
    settings: dict[str, dict[str, Any]] = {
        "plain": {},
        "in the head": {"inside_head": True},
        "lora": {"lora": LORA, "save": "adapter"},
        "nf4": {"lora": LORA, "quantization": {"@misc": "spacy-zh-tw-ner.quantization.v1", "kind": "nf4"}},
        "half": {"memory": {"@misc": "spacy-zh-tw-ner.memory.v1", "precision": "bf16", "freeze_layers": 1}},
    }
    nlp = make_pipeline(base, tmp_path / "before", **settings[kind])
    expected = found(nlp)
    assert expected[0]
    write_quantized(nlp, tmp_path / "after")
    again = spacy.load(tmp_path / "after")
    assert found(again) == expected
    assert {type(layer) for layer in linear_layers(again)} == {Int8Linear}
    config = Config().from_disk(tmp_path / "after" / "config.cfg")
    block = config["components"]["ner" if kind == "in the head" else "transformer"]["model"]
    block = block["tok2vec"] if kind == "in the head" else block
    assert (block["quantization"]["kind"], block["lora"], block["save_dtype"]) == ("int8_cpu", None, "fp16")
    assert block["memory"]["precision"] == "fp32"
    if kind == "plain":
        sizes = [sum(f.stat().st_size for f in (tmp_path / n / "weights").iterdir()) for n in ("before", "after")]
        assert sizes[1] < 0.5 * sizes[0]
    again.to_disk(tmp_path / "again")
    assert found(spacy.load(tmp_path / "again")) == expected


@pytest.mark.usefixtures("half_precision_is_native")
@pytest.mark.parametrize("family", ["bert", "albert"])
def test_bf16_finds_the_same_entities_with_weights_in_16_bits(
    tiny_checkpoint: Callable[[str], Path], family: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quantize, "is_native", lambda *args: True)
    nlp = make_pipeline(tiny_checkpoint(family), tmp_path / "before")
    expected = found(nlp)
    write_quantized(nlp, tmp_path / "after", "bf16")
    again = spacy.load(tmp_path / "after")
    assert found(again) == expected
    dtype = torch.bfloat16 if family == "bert" else torch.float32
    assert {layer.weight.dtype for layer in linear_layers(again)} == {dtype}
    block = Config().from_disk(tmp_path / "after" / "config.cfg")["components"]["transformer"]["model"]
    assert (block["memory"]["precision"], block["quantization"], block["save_dtype"]) == ("bf16", None, "bf16")


def test_a_bf16_transformer_uses_rounded_float32_weights_without_cpu_support(
    base: Path, tmp_path: Path, half_precision_is_native: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_quantized(make_pipeline(base, tmp_path / "before"), tmp_path / "after", "bf16", force=True)
    monkeypatch.setattr(memory, "is_native", lambda *args: False)
    again = spacy.load(tmp_path / "after")
    (shim,) = quantize.backbone_shims(again)
    weights = list(shim.backbone.parameters())
    assert {tensor.dtype for tensor in weights} == {torch.float32}
    assert all(torch.equal(tensor, tensor.bfloat16().float()) for tensor in weights)
    assert found(again)[0]


def test_unsupported_quantization_is_refused(
    tiny_pipeline: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nlp = spacy.blank("zh_tw")
    nlp.add_pipe("sentencizer")
    with pytest.raises(ValueError, match=r"\[ZT541\] .*sentencizer"):
        write_quantized(nlp, tmp_path / "after")
    with pytest.raises(ValueError, match=r"\[ZT542\] .*'int4'"):
        write_quantized(nlp, tmp_path / "after", "int4")
    monkeypatch.setattr(quantize, "is_native", lambda *args: False)
    with pytest.raises(ValueError, match=r"\[ZT544\]"):
        write_quantized(spacy.load(tiny_pipeline), tmp_path / "after", "bf16")
    assert not (tmp_path / "after").exists()


def test_a_bilstm_is_quantized_to_bf16(tiny_pipeline: Path, tmp_path: Path) -> None:
    nlp = spacy.load(tiny_pipeline)
    expected = found(nlp)
    assert quantize.default_target(nlp) == "bf16"
    with pytest.raises(ValueError, match=r"\[ZT541\] .*quantized to int8"):
        write_quantized(nlp, tmp_path / "after")
    write_quantized(nlp, tmp_path / "after", "bf16", force=True)
    again = spacy.load(tmp_path / "after")
    assert found(again) == expected
    assert folder_size(tmp_path / "after") < folder_size(tiny_pipeline)
    again.to_disk(tmp_path / "again")
    assert found(spacy.load(tmp_path / "again")) == expected
    example = Example.from_dict(again.make_doc(SENTENCE), {"entities": []})
    with pytest.raises(ValueError, match=r"\[ZT304\] .*cannot be trained"):
        again.update([example])


def test_a_bf16_bilstm_uses_rounded_float32_weights_without_cpu_support(
    tiny_pipeline: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_quantized(spacy.load(tiny_pipeline), tmp_path / "after", "bf16", force=True)
    monkeypatch.setattr(bilstm, "is_native", lambda *args: False)
    again = spacy.load(tmp_path / "after")
    (layer,) = quantize.bilstms(again)
    weights = layer.shims[0]._model.state_dict().values()
    assert {tensor.dtype for tensor in weights} == {torch.float32}
    assert all(torch.equal(tensor, tensor.bfloat16().float()) for tensor in weights)
    assert found(again)[0]
