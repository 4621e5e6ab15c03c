"""Serialize a Transformer (backbone): weights as safetensors; settings, config and tokenizer files in msgpack.

    full      base model and adapters, quantized or not; loading needs no network and no other file
    adapter   adapters only; the base model is loaded by name, and checked by its hash
    merged    adapters added to the base model: a plain model, which needs neither peft nor bitsandbytes

A loaded backbone gives the same hidden states as the saved one. They are equal bit for bit for "full" (4 and 8 bits
included, on the same kind of device) and "merged" without `save_dtype`, and within 1e-5 for "adapter".

Layout of the bytes:

    b"ZTW1" | length of the parts | parts in msgpack | padding to 16 bytes | weights, if they are not in a file
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, cast

import srsly
import torch
from safetensors.torch import save as save_tensors

from ..errors import Errors, SettingError, UnreadableFileError
from ..large_files import store, stored
from ..untrusted import parse_msgpack, require, require_type, whole_number
from .backbone import Backbone, build_backbone, require_vocabulary
from .hub import read_config
from .lora import adapter_weights, is_adapter, plain_name
from .memory import DTYPES
from .quantization import INT8_CPU, is_quantized
from .saved_parts import packed_config, packed_tokenizer, read_adapter, read_kept, read_settings, tokenizer_files
from .settings import BackboneSettings, MemorySettings, QuantizationSettings, require_choice
from .weights import (
    StoredTensors,
    Weights,
    base_weights,
    merged_weights,
    read_tensors,
    unquantized_weights,
)

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

FORMAT = 1
IN_FILE = 2  # the format with weights in a separate file
SAVES = ("full", "adapter", "merged")
# Most bytes of the weights: msgpack's limit, less 64 MiB for the tokenizer and the other data that spaCy adds.
LIMIT = 2**32 - 1 - 2**26
# The weights come last, so that they can be read without a copy. Version 0.1 wrote one msgpack map with the weights in
# it; no such map begins with these bytes.
MAGIC = b"ZTW1"
HEAD = 16  # bytes of MAGIC and the length of the parts

Parts: TypeAlias = dict[str, Any]


def pack(
    backbone: Backbone, tokenizer: "PreTrainedTokenizerBase", *, save: str = "full", save_dtype: str | None = None
) -> Parts:
    """Convert a Transformer and its tokenizer to a dictionary of parts that msgpack can store. Neither is changed.

    backbone (Backbone): The Transformer, with adapters or without.
    tokenizer (PreTrainedTokenizerBase): Its tokenizer.
    save (str): "full" for base model and adapters, "adapter" for the adapters only, "merged" for their sum.
    save_dtype (str | None): Precision to which weights that are not quantized are rounded, "fp16" or "bf16"; None
        keeps them as they are.
    RETURNS (dict): "format" and "save"; "settings" and "config", JSON texts; "weights" and "adapter", safetensors bytes
        or None; "tokenizer", file name → bytes; "kept", bytes: the ids of the wordpieces of a trimmed model, or None.
    RAISES (ValueError): For another `save` or `save_dtype`, or for "adapter" if there are no adapters.
    """
    _require_saveable(backbone, save, save_dtype)
    settings, model = backbone.settings, backbone.model
    config = json.loads(model.config.to_json_string())
    config.pop("quantization_config", None)  # it is in the settings
    weights: Weights | None = None
    if save == "full":
        weights = base_weights(model)
    elif save == "merged":
        weights = merged_weights(model)
        settings = replace(settings, lora=None, quantization=None, base_hash=None)
    adapter = adapter_weights(model, settings.lora.bias) if settings.lora is not None else None
    packed = _quantized_names(backbone) if save == "full" else frozenset()
    return {
        "format": FORMAT,
        "save": save,
        "settings": json.dumps(settings.to_dict()),
        "config": json.dumps(config),
        "weights": weights and _serialize(weights, save_dtype, packed),
        "adapter": adapter and _serialize(adapter, save_dtype),
        "tokenizer": tokenizer_files(tokenizer),
        "kept": backbone.kept.astype("<i4").tobytes() if backbone.kept is not None else None,
    }


def to_bytes(parts: Parts) -> bytes:
    """Serialize the parts that `pack` returned.

    While a pipeline is being saved to a folder, the weights are written to a separate file in this folder. The bytes
    then contain the name of the file instead of the weights.
    """
    weights = parts["weights"] or b""
    file = store(weights) if weights else None
    if file is not None:
        parts, weights = {**parts, "format": IN_FILE, "weights_file": file}, b""
    rest = cast(bytes, srsly.msgpack_dumps({**parts, "weights": None}))
    head = MAGIC + len(rest).to_bytes(HEAD - len(MAGIC), "little")
    return b"".join([head, rest, bytes(-len(rest) % HEAD), weights])


def from_bytes(data: bytes) -> Parts:
    """Return the parts that `to_bytes` serialized. The weights are not copied: they are a view of the bytes, or a path.

    data (bytes): Bytes that this version or an earlier one wrote.
    RETURNS (dict): The parts.
    RAISES (ValueError): If the bytes are damaged, or the file with the weights is missing.
    """
    if not data.startswith(MAGIC):
        return require_type("the transformer", parse_msgpack(data), dict)
    end = HEAD + int.from_bytes(data[len(MAGIC) : HEAD], "little")
    whole_number("the length of the parts", end, HEAD, len(data))
    parts: Parts = require_type("the transformer", parse_msgpack(data[HEAD:end]), dict)
    weights = memoryview(data)[end + -end % HEAD :]
    return {**parts, "weights": stored(parts["weights_file"]) if "weights_file" in parts else weights or None}


def unpack(
    parts: Mapping[str, Any],
    *,
    name: str | None = None,
    revision: str | None = None,
    memory: MemorySettings | None = None,
    device: str | torch.device = "cpu",
) -> tuple[Backbone, "PreTrainedTokenizerBase"]:
    """Load a backbone, a Transformer with or without adapters, from its parts.

    parts (Mapping): From `pack` or `from_bytes`.
    name (str | None): Id or folder of the base model, if only adapters were saved; None for the saved name.
    revision (str | None): Branch, tag or commit of the base model; None for the saved revision or, if `name` differs
        from the saved name, for the newest one.
    memory (MemorySettings | None): Memory settings, for example with another precision; None for the saved settings.
    device (str | torch.device): The device of the weights.
    RETURNS (tuple[Backbone, PreTrainedTokenizerBase]): The backbone in evaluation mode, and its tokenizer.
    RAISES (ValueError): If the parts have another format; if the base model of saved adapters is missing, or is not the
        one that they were trained on; if the device does not support the quantized weights.
    """
    if parts.get("format") not in (FORMAT, IN_FILE):
        raise UnreadableFileError(Errors.ZT339.format(seen=parts.get("format"), expected=FORMAT))
    settings = read_settings(parts.get("settings"))
    if revision is not None or name not in (None, settings.name):
        settings = replace(settings, name=name or settings.name, revision=revision)
    if memory is not None:
        settings = replace(settings, memory=memory)
    adapter = read_adapter(parts.get("adapter"), settings.lora)
    require(parts.get("save") in SAVES, "save", parts.get("save"), f"one of {', '.join(SAVES)}")
    if parts["save"] == "adapter":
        config, weights = read_config(settings.name, settings.revision), None
    else:
        rounded = settings.quantization is not None and settings.quantization.kind == INT8_CPU
        config = packed_config(parts.get("config"))
        source: Any = parts.get("weights")
        require(isinstance(source, bytes | memoryview | Path), "weights", type(source).__name__, "bytes, or in a file")
        weights = StoredTensors(source) if rounded else read_tensors(source)
    kept = read_kept(parts.get("kept"))  # pipelines of 0.1 lack it
    backbone = build_backbone(settings, config, weights=weights, adapter=adapter, kept=kept, device=device)
    tokenizer = packed_tokenizer(parts.get("tokenizer"))
    require_vocabulary(backbone, tokenizer)
    return backbone, tokenizer


def merge(
    backbone: Backbone,
    tokenizer: "PreTrainedTokenizerBase",
    *,
    quantization: QuantizationSettings | None = None,
    memory: MemorySettings | None = None,
) -> Backbone:
    """Return a copy of a backbone whose adapters are added to the base model. Quantized weights become float32.

    backbone (Backbone): The backbone, a Transformer with or without adapters; it is not changed.
    tokenizer (PreTrainedTokenizerBase): Its tokenizer, which is needed to pack and load the copy; not changed.
    quantization (QuantizationSettings | None): Quantization of the copy, of the kind "int8_cpu"; or None.
    memory (MemorySettings | None): Memory settings of the copy; None for those of the backbone.
    RETURNS (Backbone): The copy, on the CPU.
    """
    memory = replace(memory or backbone.settings.memory, device_map=None)
    parts = pack(backbone, tokenizer, save="merged")
    settings = BackboneSettings.from_dict(json.loads(parts["settings"]))
    settings = replace(settings, memory=memory, quantization=quantization)
    parts["settings"] = json.dumps(settings.to_dict())
    return unpack(parts)[0]


def packed_size(backbone: Backbone, save: str = "full", save_dtype: str | None = None) -> int:
    """Return the number of bytes of the weights that `pack` would return.

    save (str): "full" for base model and adapters, "adapter" for the adapters only, "merged" for their sum.
    save_dtype (str | None): Precision to which weights that are not quantized are rounded, "fp16" or "bf16"; or None.
    RAISES (ValueError): For another `save` or `save_dtype`, or for "adapter" if there are no adapters.
    """
    _require_saveable(backbone, save, save_dtype)
    model, settings = backbone.model, backbone.settings
    adapters = adapter_weights(model, settings.lora.bias) if settings.lora is not None else {}
    size = sum(_size(tensor, save_dtype) for tensor in adapters.values()) if save != "merged" else 0
    if save == "full":
        packed, names = _quantized_names(backbone), base_weights(model, with_values=False)
        size += sum(_size(t, None if name in packed else save_dtype) for name, t in names.items())
    elif save == "merged":
        count = sum(tensor.numel() for name, tensor in unquantized_weights(model).items() if not is_adapter(name))
        layers = [cast(torch.nn.Linear, layer) for layer in model.modules() if is_quantized(layer)]
        count += sum(layer.in_features * layer.out_features for layer in layers)
        size += count * DTYPES[save_dtype or "fp32"].itemsize
    return size


def require_packable(backbone: Backbone, save: str = "full", save_dtype: str | None = None) -> None:
    """Check before training that a backbone can be saved.

    save (str): "full" for base model and adapters, "adapter" for the adapters only, "merged" for their sum.
    save_dtype (str | None): Precision to which weights that are not quantized are rounded, "fp16" or "bf16"; or None.
    RAISES (ValueError): If the weights are too large for msgpack, for another `save` or `save_dtype`, or for "adapter"
        if there are no adapters.
    """
    size = packed_size(backbone, save, save_dtype)
    if size > LIMIT:
        raise SettingError(
            Errors.ZT336.format(size=size / 2**30, save=save, save_dtype=save_dtype, limit=LIMIT / 2**30)
        )


def _require_saveable(backbone: Backbone, save: str, save_dtype: str | None) -> None:
    require_choice("save", save, SAVES)
    require_choice("save_dtype", save_dtype, ("fp16", "bf16", None))
    if save == "adapter" and backbone.settings.lora is None:
        raise SettingError(Errors.ZT332)


def _quantized_names(backbone: Backbone) -> frozenset[str]:
    """Return the names of quantized weights and their scales, which `save_dtype` must not round."""
    return frozenset(base_weights(backbone.model, with_values=False)) - {
        plain_name(name) for name in unquantized_weights(backbone.model)
    }


def _size(tensor: torch.Tensor, save_dtype: str | None) -> int:
    return tensor.numel() * _saved_dtype(tensor, save_dtype).itemsize


def _saved_dtype(tensor: torch.Tensor, save_dtype: str | None) -> torch.dtype:
    return DTYPES[save_dtype] if save_dtype is not None and tensor.is_floating_point() else tensor.dtype


def _serialize(weights: Weights, save_dtype: str | None, keep: frozenset[str] = frozenset()) -> bytes:
    rounded = {
        name: tensor.to(_saved_dtype(tensor, None if name in keep else save_dtype)).contiguous()
        for name, tensor in weights.items()
    }
    return save_tensors(rounded, {"format": "pt"})
