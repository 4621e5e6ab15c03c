import copy
import hashlib
import json
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import srsly
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load, save

from spacy_zh_tw_ner.errors import UnreadableFileError
from spacy_zh_tw_ner.transformer import serialization
from spacy_zh_tw_ner.transformer.backbone import Backbone, load_backbone
from spacy_zh_tw_ner.transformer.hub import read_tokenizer
from spacy_zh_tw_ner.transformer.lora import is_adapted
from spacy_zh_tw_ner.transformer.serialization import merge, pack, packed_size, require_packable, unpack
from spacy_zh_tw_ner.transformer.settings import (
    LOOKUP,
    LOOKUP_OF_0_1,
    LOOKUP_OF_WORDS,
    LoraSettings,
    MemorySettings,
    QuantizationSettings,
)
from spacy_zh_tw_ner.transformer.weights import fingerprint

Batch = tuple[torch.Tensor, torch.Tensor]
Make = Callable[..., Path]


def trained(name: str, **settings: Any) -> Backbone:
    """Return a backbone whose trainable weights differ from those of the checkpoint."""
    backbone = load_backbone(name, **settings)
    generator = torch.Generator().manual_seed(5)
    for parameter in backbone.parameters():
        if parameter.requires_grad:
            parameter.data += 0.1 * torch.randn(parameter.shape, generator=generator)
    return backbone


def through_msgpack(parts: dict[str, Any]) -> dict[str, Any]:
    """Write and read parts with msgpack, as spaCy does."""
    received: dict[str, Any] = srsly.msgpack_loads(srsly.msgpack_dumps(parts))
    return received


@pytest.mark.parametrize("lora", [None, LoraSettings(), LoraSettings(bias="all", target_modules="all-linear")])
def test_full_is_restored_exactly_without_other_files(
    family: str, lora: LoraSettings | None, make_checkpoint: Make, batch: Batch, tmp_path: Path
) -> None:
    folder = shutil.copytree(make_checkpoint(family), tmp_path / "base")
    backbone = trained(str(folder), lora=lora, attention="bidirectional", dropout=0.3)
    parts = through_msgpack(pack(backbone, read_tokenizer(str(folder), None)))
    shutil.rmtree(folder)
    back, tokenizer = unpack(parts)
    assert torch.equal(back(*batch), backbone(*batch))
    assert back.settings == backbone.settings
    assert not back.training
    assert [p.requires_grad for p in back.parameters()] == [p.requires_grad for p in backbone.parameters()]
    assert tokenizer("一丁", add_special_tokens=False)["input_ids"] == [5, 6]
    again, _ = unpack(pack(back, tokenizer))
    assert torch.equal(again(*batch), backbone(*batch))


@pytest.mark.parametrize("bias", ["none", "lora_only", "all"])
def test_saved_adapters_are_restored_on_their_base_model(
    family: str, bias: str, make_checkpoint: Make, batch: Batch
) -> None:
    name = str(make_checkpoint(family))
    backbone = trained(name, lora=LoraSettings(r=2, bias=bias))
    parts = through_msgpack(pack(backbone, read_tokenizer(name, None), save="adapter"))
    assert parts["weights"] is None
    back, _ = unpack(parts)
    torch.testing.assert_close(back(*batch), backbone(*batch), atol=1e-5, rtol=0)
    assert not torch.equal(back(*batch), load_backbone(name)(*batch))


def test_merged_is_a_plain_model_with_the_same_hidden_states(family: str, make_checkpoint: Make, batch: Batch) -> None:
    name = str(make_checkpoint(family))
    backbone = trained(name, lora=LoraSettings(target_modules="all-linear", bias="all"))
    tokenizer = read_tokenizer(name, None)
    back, _ = unpack(through_msgpack(pack(backbone, tokenizer, save="merged")))
    assert not any(is_adapted(module) for module in back.modules())
    assert back.settings.lora is None
    assert all(parameter.requires_grad for parameter in back.parameters())
    torch.testing.assert_close(back(*batch), backbone(*batch), atol=1e-5, rtol=1e-5)
    assert torch.equal(merge(backbone, tokenizer)(*batch), back(*batch))
    assert torch.equal(merge(back, tokenizer)(*batch), back(*batch))


@pytest.mark.parametrize("save", ["full", "adapter", "merged"])
def test_packing_does_not_change_the_backbone(save: str, make_checkpoint: Make, batch: Batch) -> None:
    name = str(make_checkpoint())
    backbone = trained(name, lora=LoraSettings(), memory=MemorySettings("bf16")).train()
    before = copy.deepcopy(backbone.state_dict())
    pack(backbone, read_tokenizer(name, None), save=save, save_dtype="fp16")
    assert backbone.training
    after = backbone.state_dict()
    assert after.keys() == before.keys()
    assert all(torch.equal(after[key], before[key]) and after[key].dtype == before[key].dtype for key in before)


@pytest.mark.parametrize("dtype", ["fp16", "bf16"])
@pytest.mark.parametrize("save", ["full", "merged"])
def test_save_dtype_halves_the_weights(save: str, dtype: str, make_checkpoint: Make, batch: Batch) -> None:
    name = str(make_checkpoint())
    backbone, tokenizer = trained(name, lora=LoraSettings()), read_tokenizer(name, None)
    whole, half = (pack(backbone, tokenizer, save=save, save_dtype=each) for each in (None, dtype))
    assert len(half["weights"]) < 0.6 * len(whole["weights"])
    back, _ = unpack(through_msgpack(half))
    torch.testing.assert_close(back(*batch), backbone(*batch), atol=0.1, rtol=0.05)


@pytest.mark.parametrize("precision", ["fp32", "fp16", "bf16"])
def test_a_saved_backbone_can_be_loaded_with_another_precision(
    precision: str, make_checkpoint: Make, batch: Batch
) -> None:
    name = str(make_checkpoint())
    backbone = trained(name, lora=LoraSettings(), memory=MemorySettings("bf16"))
    back, _ = unpack(pack(backbone, read_tokenizer(name, None)), memory=MemorySettings(precision))
    assert back.settings.memory.precision == precision
    if precision == "bf16":
        assert torch.equal(back(*batch), backbone(*batch))
    else:
        torch.testing.assert_close(back(*batch), backbone(*batch), atol=0.1, rtol=0.05)


def test_the_base_model_of_saved_adapters_is_quantized_when_loaded(make_checkpoint: Make, batch: Batch) -> None:
    name = str(make_checkpoint())
    backbone = trained(name, lora=LoraSettings(), quantization=QuantizationSettings())
    back, _ = unpack(through_msgpack(pack(backbone, read_tokenizer(name, None), save="adapter")))
    torch.testing.assert_close(back(*batch), backbone(*batch), atol=1e-5, rtol=0)


def test_adapters_of_another_base_model_are_an_error(make_checkpoint: Make) -> None:
    mine, other = str(make_checkpoint()), str(make_checkpoint(seed=1))
    for quantization in (None, QuantizationSettings()):
        backbone = trained(mine, lora=LoraSettings(), quantization=quantization)
        parts = pack(backbone, read_tokenizer(mine, None), save="adapter")
        with pytest.raises(ValueError, match=r"ZT333.*begins with [0-9a-f]{12}, expected [0-9a-f]{12}\.") as caught:
            unpack(parts, name=other)
        assert other in str(caught.value)


def test_a_base_model_that_moved_can_be_named(make_checkpoint: Make, batch: Batch, tmp_path: Path) -> None:
    folder = shutil.copytree(make_checkpoint(), tmp_path / "here")
    backbone = trained(str(folder), lora=LoraSettings())
    parts = pack(backbone, read_tokenizer(str(folder), None), save="adapter")
    folder.rename(tmp_path / "there")
    with pytest.raises(ValueError, match=r"ZT321.*here.*save = .adapter. needs its base"):
        unpack(parts)
    back, _ = unpack(parts, name=str(tmp_path / "there"))
    assert torch.equal(back(*batch), backbone(*batch))


@pytest.mark.parametrize("damage", ["missing", "unknown", "shape"])
def test_adapters_that_do_not_fit_are_an_error(damage: str, make_checkpoint: Make) -> None:
    name = str(make_checkpoint())
    parts = pack(trained(name, lora=LoraSettings()), read_tokenizer(name, None))
    weights = load(parts["adapter"])
    first = min(weights)
    tensor = weights.pop(first)
    if damage == "shape":
        weights[first] = torch.cat([tensor, tensor])
    elif damage == "unknown":
        weights |= {first: tensor, "stray": tensor.clone()}
    with pytest.raises(ValueError, match=rf"ZT335.* 1 weights .*'{'stray' if damage == 'unknown' else first}'"):
        unpack(parts | {"adapter": save(weights)})


def test_saving_adapters_without_lora_is_an_error(make_checkpoint: Make) -> None:
    name = str(make_checkpoint())
    backbone = load_backbone(name)
    for refused in (
        lambda: pack(backbone, read_tokenizer(name, None), save="adapter"),
        lambda: require_packable(backbone, save="adapter"),
    ):
        with pytest.raises(ValueError, match=r"ZT332.*lora is null"):
            refused()


def test_unknown_save_settings_are_an_error(make_checkpoint: Make) -> None:
    backbone = load_backbone(str(make_checkpoint()))
    with pytest.raises(ValueError, match=r"ZT320\] save='all'.*full, adapter, merged"):
        require_packable(backbone, save="all")
    with pytest.raises(ValueError, match=r"ZT320\] save_dtype='int8'.*fp16, bf16, null"):
        require_packable(backbone, save_dtype="int8")


@pytest.mark.parametrize("parts", [{}, {"format": 3}])
def test_an_unknown_format_is_an_error(parts: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=rf"ZT339.*format {parts.get('format')}, but .* reads format 1"):
        unpack(parts)


@pytest.mark.parametrize("save", ["full", "adapter", "merged"])
@pytest.mark.parametrize("save_dtype", [None, "fp16"])
@pytest.mark.parametrize("quantization", [None, QuantizationSettings(), QuantizationSettings("int8")])
@pytest.mark.parametrize("family", ["bert", "albert", "qwen2"])
def test_packed_size_equals_the_size_of_the_packed_weights(
    family: str, quantization: QuantizationSettings | None, save_dtype: str | None, save: str, make_checkpoint: Make
) -> None:
    name = str(make_checkpoint(family))
    backbone = load_backbone(name, lora=LoraSettings(), quantization=quantization)
    parts = pack(backbone, read_tokenizer(name, None), save=save, save_dtype=save_dtype)
    tensors = [t for blob in (parts["weights"], parts["adapter"]) if blob for t in load(blob).values()]
    assert packed_size(backbone, save, save_dtype) == sum(tensor.nbytes for tensor in tensors)


def test_weights_beyond_the_limit_are_an_error(make_checkpoint: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    backbone = load_backbone(str(make_checkpoint()), lora=LoraSettings())
    monkeypatch.setattr(serialization, "LIMIT", packed_size(backbone) - 1)
    with pytest.raises(
        ValueError, match=r"ZT336.* GiB .*save='full', save_dtype=None.*\"adapter\".*save_dtype = \"fp1"
    ):
        require_packable(backbone)
    require_packable(backbone, save_dtype="fp16")
    require_packable(backbone, save="adapter")


def test_the_limit_leaves_room_for_other_data() -> None:
    assert 2**32 - 2**27 < serialization.LIMIT < 2**32 - 1 - 50_000_000


def test_the_fingerprint_depends_on_the_weights_only(make_checkpoint: Make, tmp_path: Path) -> None:
    first, second = str(make_checkpoint()), str(make_checkpoint(seed=1))
    same = shutil.copytree(first, tmp_path / "same")
    hashes = [fingerprint(load_backbone(str(name)).model) for name in (first, same, second)]
    assert hashes[0] == hashes[1] != hashes[2]
    with_eager = load_backbone(first, memory=MemorySettings(attn_implementation="eager"), dropout=0.0)
    assert fingerprint(with_eager.model) == hashes[0]
    assert load_backbone(first, lora=LoraSettings()).settings.base_hash == hashes[0]


@given(place=st.integers(min_value=0), value=st.floats(2, 3, width=32))  # initial weights are smaller
def test_the_fingerprint_changes_with_any_weight(place: int, value: float) -> None:
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.LayerNorm(4))
    before = fingerprint(model)
    weight = list(model.parameters())[place % 4].data.view(-1)
    weight[place % len(weight)] = value
    assert fingerprint(model) != before


def test_the_fingerprint_is_stable_between_versions() -> None:
    model = torch.nn.Linear(2, 1)
    model.weight.data[:], model.bias.data[:] = torch.tensor([1.0, 2.0]), torch.tensor([3.0])
    expected = hashlib.sha256(b"bias(1,)" + pack_floats(3.0) + b"weight(1, 2)" + pack_floats(1.0, 2.0))
    assert fingerprint(model) == expected.hexdigest()


def pack_floats(*values: float) -> bytes:
    return struct.pack(f"<{len(values)}f", *values)


def test_the_revision_of_a_branch_is_saved_as_its_commit(
    make_checkpoint: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    from transformers import AutoConfig

    original = AutoConfig.from_pretrained

    def from_hub(*args: Any, **kwargs: Any) -> Any:
        config = original(*args, **kwargs)
        config._commit_hash = "c0ffee"
        return config

    monkeypatch.setattr(AutoConfig, "from_pretrained", from_hub)
    assert load_backbone(str(make_checkpoint()), revision="main").settings.revision == "c0ffee"


def test_settings_of_0_1_keep_the_wordpieces_of_0_1(make_checkpoint: Make) -> None:
    name = str(make_checkpoint())
    parts = pack(load_backbone(name), read_tokenizer(name, None))
    settings = json.loads(parts["settings"])
    assert unpack(parts)[0].settings.lookup == LOOKUP
    del settings["lookup"], settings["trim"], parts["kept"]
    back, tokenizer = unpack({**parts, "settings": json.dumps(settings)})
    assert (back.settings.lookup, back.settings.trim, back.kept) == (LOOKUP_OF_0_1, False, None)
    again = pack(back, tokenizer)
    assert unpack(again)[0].settings.lookup == LOOKUP_OF_0_1


@pytest.mark.parametrize(
    ("setting", "value"), [("lookup", LOOKUP_OF_WORDS + 1), ("lookup", "2"), ("lookup", 0), ("trim", 1)]
)
def test_rules_that_no_version_has_are_refused(setting: str, value: object, make_checkpoint: Make) -> None:
    name = str(make_checkpoint())
    parts = pack(load_backbone(name), read_tokenizer(name, None))
    settings = json.loads(parts["settings"]) | {setting: value}
    with pytest.raises(UnreadableFileError, match=f"settings.{setting}"):
        unpack({**parts, "settings": json.dumps(settings)})
