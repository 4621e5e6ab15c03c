"""Backbone ⇄ plain parts that msgpack can store: weights as safetensors, settings, tokenizer files.

    full      base and adapters, quantised or not: goes on as it was, with no network
    adapter   adapters only; the base is named, and known again by its hash
    merged    adapters added to the base: one plain model, which needs neither peft nor bitsandbytes

A backbone that comes back gives the same hidden states: bit by bit for "full" (4 and 8 bits included, on one kind of
device) and "merged" without `save_dtype`, to 1e-5 for "adapter".
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import srsly
import torch
from safetensors.torch import save as serialize

from ..errors import Errors, SettingError, UnreadableFileError
from ..large_files import store, stored
from ..untrusted import parse_msgpack, require, require_type, whole_number
from .backbone import Backbone, build_backbone, require_vocabulary
from .hub import read_config
from .lora import adapter_weights, is_adapter, plain_name
from .memory import DTYPES
from .quantization import INT8_CPU, is_quantized
from .saved_parts import packed_config, packed_tokenizer, read_adapter, read_settings, tokenizer_files
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
IN_FILE = 2  # the weights are in a file of their own
SAVES = ("full", "adapter", "merged")
# msgpack stores no longer run of bytes; some is left for the tokenizer, and for what is stored around it.
LIMIT = 2**32 - 1 - 2**26
# Weights stand behind all other parts, where they can be read without another copy of them. No map of msgpack, which
# held them before, begins so.
WEIGHTS_BEHIND = b"ZTW1"
PLACE = 16  # of the other parts: behind this mark, and the number of their bytes

Parts = dict[str, Any]


def pack(
    backbone: Backbone, tokenizer: "PreTrainedTokenizerBase", *, save: str = "full", save_dtype: str | None = None
) -> Parts:
    """Take a backbone to pieces. It stays as it is.

    save (str): "full", "adapter" or "merged".
    save_dtype (str | None): "fp16" or "bf16" rounds what is not quantised; None keeps it as it is.
    RETURNS (dict): Strings, bytes and numbers.
    RAISES (ValueError): For another word, or "adapter" without adapters.
    """
    _require_saveable(backbone, save, save_dtype)
    settings, model = backbone.settings, backbone.model
    config = json.loads(model.config.to_json_string())
    config.pop("quantization_config", None)  # the settings say it
    weights: Weights | None = None
    if save == "full":
        weights = base_weights(model)
    elif save == "merged":
        weights = merged_weights(model)
        settings = replace(settings, lora=None, quantization=None, base_hash=None)
    adapter = adapter_weights(model, settings.lora.bias) if settings.lora is not None else None
    packed = _packed_names(backbone) if save == "full" else frozenset()
    return {
        "format": FORMAT,
        "save": save,
        "settings": json.dumps(settings.to_dict()),
        "config": json.dumps(config),
        "weights": weights and _to_bytes(weights, save_dtype, packed),
        "adapter": adapter and _to_bytes(adapter, save_dtype),
        "tokenizer": tokenizer_files(tokenizer),
    }


def to_bytes(parts: Parts) -> bytes:
    """Put the parts into one run of bytes; but weights into a file, where a pipeline is written. See `from_bytes`."""
    weights = parts["weights"] or b""
    file = store(weights) if weights else None
    if file is not None:
        parts, weights = {**parts, "format": IN_FILE, "weights_file": file}, b""
    rest = cast(bytes, srsly.msgpack_dumps({**parts, "weights": None}))
    head = WEIGHTS_BEHIND + len(rest).to_bytes(PLACE - len(WEIGHTS_BEHIND), "little")
    gap = bytes(-len(rest) % PLACE)  # numbers begin at even places
    return b"".join([head, rest, gap, weights])


def from_bytes(data: bytes) -> Parts:
    """Take apart what `to_bytes` put together. The weights are not copied: they are a view of the bytes, or a path.

    data (bytes): Of this release, or of one that stored the weights among the other parts.
    RETURNS (dict): The parts.
    RAISES (ValueError): If the weights are in a file that is not there.
    """
    if not data.startswith(WEIGHTS_BEHIND):
        return require_type("the transformer", parse_msgpack(data), dict)
    end = PLACE + int.from_bytes(data[len(WEIGHTS_BEHIND) : PLACE], "little")
    whole_number("the length of the parts", end, PLACE, len(data))
    parts: Parts = require_type("the transformer", parse_msgpack(data[PLACE:end]), dict)
    weights = memoryview(data)[end + -end % PLACE :]
    return {**parts, "weights": stored(parts["weights_file"]) if "weights_file" in parts else weights or None}


def unpack(
    parts: Mapping[str, Any],
    *,
    name: str | None = None,
    revision: str | None = None,
    memory: MemorySettings | None = None,
    device: str | torch.device = "cpu",
) -> tuple[Backbone, "PreTrainedTokenizerBase"]:
    """Put a backbone together again.

    parts (Mapping): What `pack` returned.
    name, revision (str | None): Where the base of adapters is to be found now; None for where it was.
    memory (MemorySettings | None): For another precision, say; None for those saved.
    device (str | torch.device): Where to put it.
    RETURNS (tuple[Backbone, PreTrainedTokenizerBase]): The backbone in evaluation mode, and its tokenizer.
    RAISES (ValueError): If the parts are not of this format; for adapters, if the base is missing or another; for
        quantised weights, where they cannot run.
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
    backbone = build_backbone(settings, config, weights=weights, adapter=adapter, device=device)
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
    """Add adapters to the weights beside them; quantised weights become plain ones, or others.

    quantization (QuantizationSettings | None): Of what comes out; of the kinds, "int8_cpu" only.
    memory (MemorySettings | None): Of what comes out; None for those it has.
    RETURNS (Backbone): Another one, on the CPU.
    """
    parts = pack(backbone, tokenizer, save="merged")
    settings = BackboneSettings.from_dict(json.loads(parts["settings"]))
    parts["settings"] = json.dumps(replace(settings, quantization=quantization).to_dict())
    return unpack(parts, memory=memory)[0]


def packed_size(backbone: Backbone, save: str = "full", save_dtype: str | None = None) -> int:
    """Say how many bytes the weights take when packed, without packing them.

    RAISES (ValueError): As `pack`.
    """
    _require_saveable(backbone, save, save_dtype)
    model, settings = backbone.model, backbone.settings
    adapters = adapter_weights(model, settings.lora.bias) if settings.lora is not None else {}
    size = sum(_size(tensor, save_dtype) for tensor in adapters.values()) if save != "merged" else 0
    if save == "full":
        packed = _packed_names(backbone)
        size += sum(_size(t, None if name in packed else save_dtype) for name, t in base_weights(model).items())
    elif save == "merged":
        count = sum(tensor.numel() for name, tensor in unquantized_weights(model).items() if not is_adapter(name))
        layers = [cast(torch.nn.Linear, layer) for layer in model.modules() if is_quantized(layer)]
        count += sum(layer.in_features * layer.out_features for layer in layers)
        size += count * DTYPES[save_dtype or "fp32"].itemsize
    return size


def require_packable(backbone: Backbone, save: str = "full", save_dtype: str | None = None) -> None:
    """Refuse what could not be saved, before it is trained.

    RAISES (ValueError): If it is too large, beside what `pack` raises.
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


def _packed_names(backbone: Backbone) -> frozenset[str]:
    """Names of what bitsandbytes owns, which is not to be rounded again."""
    return frozenset(base_weights(backbone.model)) - {plain_name(name) for name in unquantized_weights(backbone.model)}


def _size(tensor: torch.Tensor, save_dtype: str | None) -> int:
    return tensor.numel() * _saved_dtype(tensor, save_dtype).itemsize


def _saved_dtype(tensor: torch.Tensor, save_dtype: str | None) -> torch.dtype:
    return DTYPES[save_dtype] if save_dtype is not None and tensor.is_floating_point() else tensor.dtype


def _to_bytes(weights: Weights, save_dtype: str | None, keep: frozenset[str] = frozenset()) -> bytes:
    rounded = {
        name: tensor.to(_saved_dtype(tensor, None if name in keep else save_dtype)).contiguous()
        for name, tensor in weights.items()
    }
    return serialize(rounded, {"format": "pt"})
