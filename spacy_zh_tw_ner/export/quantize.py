"""Quantize the weights of a pipeline to int8 or bfloat16, which is smaller and faster on CPUs.

A Transformer gets 8-bit linear layers, or all of its weights in bfloat16. A BiLSTM gets bfloat16 only: torch's 8-bit
LSTM uses one scale for a whole batch at each step, so the result for a text would depend on the other texts.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from spacy.language import Language
from thinc.api import Config, Model

from ..cpu_acceleration.probe import is_native
from ..encoders.bilstm import BiLSTM
from ..errors import DeviceError, Errors, PipelineError, SettingError
from ..outputs import require_replaceable
from ..transformer.base_model import layers_of, shares_layers
from ..transformer.pipe import IN_HEAD
from ..transformer.serialization import merge
from ..transformer.settings import QuantizationSettings
from ..transformer.shim import BackboneShim

TARGETS = ("int8", "bf16")
BILSTM = "spacy-zh-tw-ner.BiLSTM.v1"
ARCHITECTURES = ("spacy-zh-tw-ner.TransformerModel.v1", IN_HEAD)
QUANTIZATION = {"@misc": "spacy-zh-tw-ner.quantization.v1", "kind": "int8_cpu"}
MEMORY = {"@misc": "spacy-zh-tw-ner.memory.v1"}


def write_quantized(nlp: Language, folder: Path, to: str = "int8", *, force: bool = False) -> None:
    """Quantize the encoder of a pipeline, and save the pipeline. Head and CRF stay in float32.

    nlp (Language): The pipeline, on the CPU. It is changed: its encoder is quantized, and adapters are merged.
    folder (Path): An empty folder.
    to (str): "int8" for linear layers with 8-bit weights; "bf16" for all weights in bfloat16.
    force (bool): Write bf16 even if this CPU has no bfloat16 instructions.
    RAISES (ValueError): If no encoder of the pipeline can be quantized to `to`.
    RAISES (DeviceError): For bf16 on a CPU without bfloat16 instructions, unless `force` is set.
    """
    require_encoder(nlp, to)
    require_replaceable(folder)
    if to == "bf16" and not force and not is_native("bf16", torch.device("cpu")):
        raise DeviceError(Errors.ZT544)
    shims = list(backbone_shims(nlp))
    for shim in shims:
        _convert(shim, to)
    for layer in bilstms(nlp) if to == "bf16" else ():
        layer.shims[0]._model.to(torch.bfloat16)
        layer.attrs["precision"] = "bf16"
    nlp.to_disk(folder)
    path = folder / "config.cfg"
    config = Config().from_disk(path, interpolate=False)
    for block in _blocks(config["components"], (BILSTM,) if to == "bf16" else ()):
        block["precision"] = "bf16"
    for block in _blocks(config["components"], ARCHITECTURES):
        memory = shims[0].settings.memory
        block |= {"lora": None, "quantization": dict(QUANTIZATION) if to == "int8" else None}
        block |= {"save": "full", "save_dtype": shims[0].save_dtype}
        changed = {"precision": memory.precision, "freeze_layers": memory.freeze_layers, "device_map": None}
        block["memory"] = {**(block.get("memory") or MEMORY), **changed}
    config.to_disk(path)


def _convert(shim: BackboneShim, to: str) -> None:
    """Replace the Transformer that a thinc shim wraps, in place, by a copy that is quantized to "int8" or "bf16".

    Adapters are merged into the weights of the copy. The settings of the shim are changed to those of the copy.
    """
    tokenizer, memory = shim.table.tokenizer, shim.settings.memory
    if to == "int8":
        quantization, save_dtype = QuantizationSettings("int8_cpu"), "fp16"
        memory = replace(memory, precision="fp32", freeze_layers=0)
    else:
        # The backbone stores only frozen layers in half precision, so all are frozen. Shared layers (ALBERT) cannot be
        # frozen; their weights are rounded at each use.
        model = shim.backbone.model
        frozen = 0 if shares_layers(model) else len(layers_of(model))
        quantization, save_dtype = None, "bf16"
        memory = replace(memory, precision="bf16", freeze_layers=frozen)
    backbone = merge(shim.backbone, tokenizer, quantization=quantization, memory=memory)
    shim.settings, shim.save, shim.save_dtype = backbone.settings, "full", save_dtype
    shim.hold(backbone, tokenizer)


def default_target(nlp: Language) -> str:
    """Return the type to which the weights of a pipeline are quantized if the user has not chosen one.

    RETURNS (str): "bf16" if the pipeline has BiLSTMs and no Transformer, otherwise "int8".
    """
    return "bf16" if any(bilstms(nlp)) and not any(backbone_shims(nlp)) else "int8"


def require_encoder(nlp: Language, to: str) -> None:
    """Check that a pipeline has an encoder that can be quantized.

    nlp (Language): The pipeline.
    to (str): The target: "int8" or "bf16".
    RAISES (SettingError): If the target is another string.
    RAISES (PipelineError): If no encoder of the pipeline can be quantized to the target.
    """
    if to not in TARGETS:
        raise SettingError(Errors.ZT542.format(value=to, choices=", ".join(TARGETS)))
    if not any(backbone_shims(nlp)) and not (to == "bf16" and any(bilstms(nlp))):
        encoders = "Transformer" if to == "int8" else "Transformer or BiLSTM"
        raise PipelineError(Errors.ZT541.format(encoders=encoders, to=to, names=", ".join(nlp.pipe_names) or "none"))


def backbone_shims(nlp: Language) -> Iterator[BackboneShim]:
    """Yield the thinc shim of each Transformer of this package in a pipeline, also of those inside a recognizer."""
    return (shim for layer in _layers(nlp) for shim in layer.shims if isinstance(shim, BackboneShim))


def bilstms(nlp: Language) -> Iterator[Model[Any, Any]]:
    """Yield the layers in the components of a pipeline that are a BiLSTM of this package."""
    return (layer for layer in _layers(nlp) if any(isinstance(shim._model, BiLSTM) for shim in layer.shims))


def _layers(nlp: Language) -> Iterator[Model[Any, Any]]:
    """Yield the layers of the thinc models of all components, including nested layers."""
    for _, component in nlp.pipeline:
        model = getattr(component, "model", None)
        yield from model.walk() if model is not None else ()


def _blocks(config: dict[str, Any], architectures: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Yield all blocks of a config, at any depth, whose `@architectures` is one of the given names."""
    if config.get("@architectures") in architectures:
        yield config
    for value in config.values():
        if isinstance(value, dict):
            yield from _blocks(value, architectures)
