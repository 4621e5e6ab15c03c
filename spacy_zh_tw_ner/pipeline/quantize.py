"""A pipeline with a Transformer → the same pipeline, smaller and faster on CPUs."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from spacy.language import Language
from thinc.api import Config

from ..encoders.transformer.checkpoint import merge
from ..encoders.transformer.layers import layers_of, shares_layers
from ..encoders.transformer.pipe import IN_HEAD
from ..encoders.transformer.precision import is_native
from ..encoders.transformer.settings import QuantizationSettings
from ..encoders.transformer.shim import BackboneShim
from ..errors import Errors

TARGETS = ("int8", "bf16")
ARCHITECTURES = ("spacy-zh-tw-ner.TransformerModel.v1", IN_HEAD)
QUANTIZATION = {"@misc": "spacy-zh-tw-ner.quantization.v1", "kind": "int8_cpu"}
MEMORY = {"@misc": "spacy-zh-tw-ner.memory.v1"}


def write_quantized(nlp: Language, folder: Path, to: str = "int8", *, force: bool = False) -> None:
    """Write a pipeline whose Transformer has fewer bits. Head and CRF stay as they are.

    nlp (Language): The pipeline, on the CPU; adapters are added to their weights. It is changed.
    folder (Path): An empty folder, for an ordinary pipeline.
    to (str): "int8" for linear layers in 8 bits, see `encoders.transformer.int8`; "bf16" for all weights in 16.
    force (bool): Take bf16 even where the CPU does not have it.
    RAISES (ValueError): If there is no Transformer of ours.
    """
    if to not in TARGETS:
        raise ValueError(Errors.ZT542.format(value=to, choices=", ".join(TARGETS)))
    if to == "bf16" and not force and not is_native("bf16", torch.device("cpu")):
        raise ValueError(Errors.ZT544)
    shims = require_transformer(nlp)
    for shim in shims:
        _convert(shim, to)
    nlp.to_disk(folder)
    path = folder / "config.cfg"
    config = Config().from_disk(path, interpolate=False)
    for block in _blocks(config["components"]):
        memory = shims[0].settings.memory
        block |= {"lora": None, "quantization": dict(QUANTIZATION) if to == "int8" else None}
        block |= {"save": "full", "save_dtype": shims[0].save_dtype}
        changed = {"precision": memory.precision, "freeze_layers": memory.freeze_layers}
        block["memory"] = {**(block.get("memory") or MEMORY), **changed}
    config.to_disk(path)


def _convert(shim: BackboneShim, to: str) -> None:
    tokenizer, memory = shim.table.tokenizer, shim.settings.memory
    if to == "int8":
        quantization, save_dtype = QuantizationSettings("int8_cpu"), "fp16"
        memory = replace(memory, precision="fp32", freeze_layers=0)
    else:
        # Only what is frozen is kept in half precision. Layers that are shared cannot be, and are rounded as they run.
        model = shim.backbone.model
        frozen = 0 if shares_layers(model) else len(layers_of(model))
        quantization, save_dtype = None, "bf16"
        memory = replace(memory, precision="bf16", freeze_layers=frozen)
    backbone = merge(shim.backbone, tokenizer, quantization=quantization, memory=memory)
    shim.settings, shim.save, shim.save_dtype = backbone.settings, "full", save_dtype
    shim.hold(backbone, tokenizer)


def require_transformer(nlp: Language) -> list[BackboneShim]:
    """Find what can be rounded.

    RETURNS (list[BackboneShim]): One or more.
    RAISES (ValueError): If there is no Transformer of ours.
    """
    shims = list(backbone_shims(nlp))
    if not shims:
        raise ValueError(Errors.ZT541.format(names=", ".join(nlp.pipe_names) or "none"))
    return shims


def backbone_shims(nlp: Language) -> Iterator[BackboneShim]:
    """Find the Transformers of ours in a pipeline, those inside a head included."""
    for _, component in nlp.pipeline:
        model = getattr(component, "model", None)
        for layer in model.walk() if model is not None else ():
            yield from (shim for shim in layer.shims if isinstance(shim, BackboneShim))


def _blocks(config: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if config.get("@architectures") in ARCHITECTURES:
        yield config
    for value in config.values():
        if isinstance(value, dict):
            yield from _blocks(value)
