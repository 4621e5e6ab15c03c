import json
from typing import Any

import pytest

from spacy_zh_tw_ner.transformer.settings import (
    BackboneSettings,
    LoraSettings,
    MemorySettings,
    QuantizationSettings,
    create_lora_v1,
    create_memory_v1,
    create_quantization_v1,
)


@pytest.mark.parametrize(
    ("create", "setting", "value"),
    [
        (create_lora_v1, "r", 0),
        (create_lora_v1, "r", True),
        (create_lora_v1, "r", 2.5),
        (create_lora_v1, "alpha", 0),
        (create_lora_v1, "dropout", 1.0),
        (create_lora_v1, "target_modules", []),
        (create_lora_v1, "target_modules", "query"),
        (create_lora_v1, "target_modules", [1]),
        (create_lora_v1, "bias", "some"),
        (create_quantization_v1, "kind", "nf5"),
        (create_quantization_v1, "compute_dtype", "float32"),
        (create_memory_v1, "precision", "half"),
        (create_memory_v1, "freeze_layers", -1),
        (create_memory_v1, "freeze_layers", True),
        (create_memory_v1, "micro_batch", 0),
        (create_memory_v1, "micro_batch", "some"),
        (create_memory_v1, "attn_implementation", "flash"),
        (create_memory_v1, "device_map", "balanced"),
        (create_memory_v1, "empty_cache_steps", -1),
        (create_memory_v1, "empty_cache_steps", True),
    ],
)
def test_an_invalid_value_is_an_error_that_names_the_setting(create: Any, setting: str, value: Any) -> None:
    block = {create_lora_v1: "lora", create_quantization_v1: "quantization", create_memory_v1: "memory"}[create]
    with pytest.raises(ValueError, match=rf"ZT320\] {block}\.{setting}=.*Choose from") as caught:
        create(**{setting: value})
    assert repr(tuple(value) if isinstance(value, list) else value) in str(caught.value)


def test_the_error_lists_the_choices() -> None:
    with pytest.raises(ValueError, match="nf4, fp4, int8"):
        create_quantization_v1("nf5")


@pytest.mark.parametrize(("setting", "value"), [("attention", "both"), ("dropout", 1.0), ("dropout", -0.1)])
def test_invalid_backbone_settings_are_an_error(setting: str, value: Any) -> None:
    with pytest.raises(ValueError, match=rf"ZT320\] {setting}="):
        BackboneSettings("base", **{setting: value})


def test_trainable_biases_with_quantization_are_an_error() -> None:
    with pytest.raises(ValueError, match=r"ZT320\] lora.bias with quantization='all'"):
        BackboneSettings("base", lora=LoraSettings(bias="all"), quantization=QuantizationSettings())


@pytest.mark.parametrize("targets", [None, "all-linear", ["query", "value"]])
def test_settings_survive_json(targets: Any) -> None:
    settings = BackboneSettings(
        "base",
        "main",
        create_lora_v1(4, 8.0, 0.1, targets, "none", True),
        create_quantization_v1("int8"),
        create_memory_v1("bf16", True, 1, 4, None, "auto", 10),
        "bidirectional",
        0.2,
        "hash",
    )
    assert BackboneSettings.from_dict(json.loads(json.dumps(settings.to_dict()))) == settings


def test_settings_without_blocks_survive_json() -> None:
    settings = BackboneSettings("base")
    assert BackboneSettings.from_dict(json.loads(json.dumps(settings.to_dict()))) == settings
    assert settings.memory == MemorySettings()


def test_settings_are_frozen_and_hashable() -> None:
    settings = BackboneSettings("base", lora=create_lora_v1(target_modules=["query"]))
    with pytest.raises(AttributeError):
        settings.name = "other"  # type: ignore[misc]
    assert {settings: 1}[BackboneSettings("base", lora=create_lora_v1(target_modules=["query"]))] == 1
