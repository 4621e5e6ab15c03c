"""Read and check the parts of a saved Transformer: settings, config, adapters and tokenizer files.

They may be hostile. A config decides how much memory a model takes and which code of transformers runs, and tokenizer
files become paths, so both are checked before they are used.
"""

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import numpy.typing as npt

from ..untrusted import in_range, parse_json, require, require_bare_name, require_type, whole_number
from .hub import read_tokenizer
from .settings import LOOKUP, LOOKUP_OF_0_1, BackboneSettings, LoraSettings
from .weights import StoredTensors, Weights, read_tensors

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

MOST_FILES = 64  # of a tokenizer; transformers writes up to 8
MOST_LAYERS = 256
LARGEST = 2**24  # of any size in a config; the largest vocabularies have 2**18 wordpieces
MOST_POSITIONS = 2**21
# Keys of a config with which transformers would run code, download code or weights, or read other files. An encoder
# whose weights are saved needs none of them.
DROPPED = (
    "_attn_implementation",
    "_attn_implementation_autoset",
    "_attn_implementation_internal",
    "_commit_hash",
    "_name_or_path",
    "attn_implementation",
    "auto_map",
    "custom_pipelines",
    "id2label",
    "label2id",
    "num_labels",  # transformers creates a name for each: 2**40 of them take a while
    "quantization_config",
    "trust_remote_code",
    "use_kernels",
)


def read_settings(data: object) -> BackboneSettings:
    """Read the settings of a saved transformer.

    data (object): JSON of `BackboneSettings.to_dict`.
    RETURNS (BackboneSettings): The settings.
    RAISES (UnreadableFileError): If it is something else. Impossible settings raise the errors of settings.
    """
    fields = require_type("settings", parse_json(require_type("settings", data, str)), dict)
    for name, kind in (("name", str), ("revision", str), ("attention", str), ("base_hash", str)):
        if fields.get(name) is not None or name == "name":
            require_type(f"settings.{name}", fields.get(name), kind)
    for name in ("lora", "quantization", "memory"):
        if fields.get(name) is not None or name == "memory":
            require_type(f"settings.{name}", fields.get(name), dict)
    if "trim" in fields:
        require_type("settings.trim", fields["trim"], bool)
    if "lookup" in fields:
        whole_number("settings.lookup", fields["lookup"], LOOKUP_OF_0_1, LOOKUP)
    if fields.get("dropout") is not None:
        in_range("settings.dropout", fields["dropout"], 0.0, 1.0)
    if (lora := fields.get("lora")) is not None:
        whole_number("settings.lora.r", lora.get("r"), 1, LARGEST)
        in_range("settings.lora.alpha", lora.get("alpha"), 0.0, 1e6)
        in_range("settings.lora.dropout", lora.get("dropout"), 0.0, 1.0)
    return BackboneSettings.from_dict(fields)


def read_adapter(data: object, lora: LoraSettings | None) -> Weights | None:
    """Read adapters, and check that they have the rank in the settings, which decides how much is allocated.

    data (object): safetensors, or None without adapters.
    lora (LoraSettings | None): The settings.
    RETURNS (dict[str, torch.Tensor] | None): The adapters.
    RAISES (UnreadableFileError): For adapters of another rank.
    """
    if not data:
        require(lora is None, "adapter", data, "safetensors, as settings.lora says")
        return None
    require(isinstance(data, bytes), "adapter", type(data).__name__, "bytes")
    tensors = StoredTensors(cast(bytes, data))
    ranks = {tensors.shape_of(name)[:1] for name in tensors if ".lora_A." in name}
    require(lora is None or (lora.r,) in ranks, "settings.lora.r", lora and lora.r, f"the rank of the adapter {ranks}")
    return read_tensors(cast(bytes, data))


def read_kept(data: object) -> npt.NDArray[np.int32] | None:
    """Read the ids that a trimmed vocabulary has kept of its base.

    data (object): Little-endian int32, or None.
    RETURNS (Optional[NDArray[int32]]): (n_wordpieces,) sorted.
    RAISES (UnreadableFileError): If they are no ids in ascending order.
    """
    if data is None:
        return None
    require(isinstance(data, bytes) and len(data) % 4 == 0, "kept", type(data).__name__, "int32 in bytes")
    kept = np.frombuffer(cast(bytes, data), "<i4").astype(np.int32)
    ascending = len(kept) > 0 and kept[0] >= 0 and kept[-1] < LARGEST and bool((np.diff(kept) > 0).all())
    require(ascending, "kept", "others", "ids in ascending order")
    return kept


def packed_config(text: object) -> Any:
    """Read the config of a base, without keys that would run or download code.

    text (object): JSON of a `PretrainedConfig`.
    RETURNS (PretrainedConfig): The config.
    RAISES (UnreadableFileError): For sizes that no encoder has.
    """
    from transformers import CONFIG_MAPPING, AutoConfig

    fields = require_type("config", parse_json(require_type("config", text, str)), dict)
    fields = {key: value for key, value in fields.items() if key not in DROPPED}
    family = fields.get("model_type")
    require(isinstance(family, str) and family in CONFIG_MAPPING, "config.model_type", family, "a known family")
    _require_sizes(fields)
    _require_types(fields, CONFIG_MAPPING[family]().to_dict())
    config = AutoConfig.for_model(**fields)
    for name in ("hidden_size", "vocab_size"):
        whole_number(f"config.{name}", getattr(config, name, None), 1, LARGEST)
    return config


def _require_types(fields: dict[str, Any], defaults: dict[str, Any]) -> None:
    """Check that settings have the types of the family's defaults: an activation that is a number is called."""
    for name, default in defaults.items():
        value = fields.get(name)
        if default is None or value is None or name == "torch_dtype":
            continue
        is_number = isinstance(default, int | float) and not isinstance(default, bool)
        kind: Any = int | float if is_number else type(default)
        fits = isinstance(value, kind) and (isinstance(default, bool) or not isinstance(value, bool))
        require(fits, f"config.{name}", value, f"of the type of {default!r}")


def _require_sizes(fields: dict[str, Any], place: str = "config") -> None:
    """Bound every whole number of a config, those in nested ones included."""
    for name, value in fields.items():
        key = f"{place}.{name}"
        if isinstance(value, dict):
            _require_sizes(value, key)
        elif isinstance(value, int) and not isinstance(value, bool):
            is_count = any(word in name for word in ("layers", "n_layer", "groups", "group_num", "experts", "depth"))
            most = MOST_LAYERS if is_count else MOST_POSITIONS if "position" in name else LARGEST
            whole_number(key, value, -1, most)


def tokenizer_files(tokenizer: "PreTrainedTokenizerBase") -> dict[str, bytes]:
    """Return the files of a tokenizer by name."""
    with TemporaryDirectory() as folder:
        tokenizer.save_pretrained(folder)
        return {path.name: path.read_bytes() for path in sorted(Path(folder).iterdir())}


def packed_tokenizer(files: object) -> "PreTrainedTokenizerBase":
    """Read a tokenizer from its files.

    files (object): From `tokenizer_files`.
    RETURNS (PreTrainedTokenizerBase): The tokenizer.
    RAISES (UnreadableFileError): For names that are paths. ValueError: If transformers cannot read the files.
    """
    found = require_type("tokenizer", files, dict)
    require(0 < len(found) <= MOST_FILES, "tokenizer", len(found), f"1 to {MOST_FILES} files")
    with TemporaryDirectory() as folder:
        for name, data in found.items():
            require(isinstance(data, bytes), f"tokenizer.{name}", type(data).__name__, "bytes")
            path = Path(folder) / require_bare_name(name)
            path.write_bytes(_without_code(data) if name in ("tokenizer_config.json", "config.json") else data)
        return read_tokenizer(folder, None)


def _without_code(data: bytes) -> bytes:
    """Remove keys of a tokenizer's settings that name code, or files outside its folder."""
    fields = require_type("tokenizer_config.json", parse_json(data), dict)
    kept = {key: value for key, value in fields.items() if key not in DROPPED and not key.endswith(("_file", "_files"))}
    return json.dumps(kept).encode()
