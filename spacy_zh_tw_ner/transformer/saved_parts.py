"""Read and check the parts of a saved Transformer: settings, config, adapters and tokenizer files.

The parts may be hostile. A config decides how much memory a model takes and which code of transformers runs; names of
tokenizer files become paths. Both are checked before they are used.
"""

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import numpy.typing as npt

from ..untrusted import in_range, parse_json, require, require_bare_name, require_type, whole_number
from .hub import read_tokenizer
from .settings import LOOKUP_OF_0_1, LOOKUP_OF_WORDS, BackboneSettings, LoraSettings
from .weights import StoredTensors, Weights, read_tensors

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

MOST_FILES = 64  # files of a tokenizer; transformers writes up to 8
MOST_LAYERS = 256
LARGEST = 2**24  # upper bound of any size in a config; the largest vocabularies have 2**18 wordpieces
MOST_POSITIONS = 2**21
# Keys of a config that would make transformers run code, download code or weights, or read other files. They are
# removed: a saved encoder needs none of them.
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
    """Read the settings of a saved Transformer.

    data (object): `BackboneSettings.to_dict` as a string of JSON.
    RETURNS (BackboneSettings): The settings.
    RAISES (UnreadableFileError): If `data` is not such a string, or a setting has a wrong type or size.
    RAISES (SettingError): If a setting has a value that is not allowed.
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
        whole_number("settings.lookup", fields["lookup"], LOOKUP_OF_0_1, LOOKUP_OF_WORDS)
    if fields.get("dropout") is not None:
        in_range("settings.dropout", fields["dropout"], 0.0, 1.0)
    if (lora := fields.get("lora")) is not None:
        whole_number("settings.lora.r", lora.get("r"), 1, LARGEST)
        in_range("settings.lora.alpha", lora.get("alpha"), 0.0, 1e6)
        in_range("settings.lora.dropout", lora.get("dropout"), 0.0, 1.0)
    return BackboneSettings.from_dict(fields)


def read_adapter(data: object, lora: LoraSettings | None) -> Weights | None:
    """Read the weights of adapters, and check that their rank is that of the settings.

    The rank in the settings decides how much memory is allocated.

    data (object): The weights in the safetensors format; None if there are no adapters.
    lora (LoraSettings | None): Settings of the adapters; None if there are no adapters.
    RETURNS (dict[str, torch.Tensor] | None): The weights by name; None if there are no adapters.
    RAISES (UnreadableFileError): If the rank of the weights is not that of `lora`, or adapters are missing.
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
    """Read which wordpieces of its base model a trimmed vocabulary has.

    data (object): Ids in the base model as little-endian int32; None if the vocabulary was not trimmed.
    RETURNS (Optional[NDArray[int32]]): (n_wordpieces,) the ids in ascending order; None if `data` is None.
    RAISES (UnreadableFileError): If `data` does not hold ids in ascending order.
    """
    if data is None:
        return None
    require(isinstance(data, bytes) and len(data) % 4 == 0, "kept", type(data).__name__, "int32 in bytes")
    kept = np.frombuffer(cast(bytes, data), "<i4").astype(np.int32)
    ascending = len(kept) > 0 and kept[0] >= 0 and kept[-1] < LARGEST and bool((np.diff(kept) > 0).all())
    require(ascending, "kept", "others", "ids in ascending order")
    return kept


def packed_config(text: object) -> Any:
    """Read the saved config of a base model, without the keys in DROPPED, which name code or other files.

    text (object): A `PretrainedConfig` as a string of JSON.
    RETURNS (PretrainedConfig): The config.
    RAISES (UnreadableFileError): If the family is unknown, a value has the wrong type, or a size is beyond its limit.
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
    """Check that the values of a config have the types of the default values of its model family.

    transformers does not check all of them. It would call the value of an activation function even if it is a number.

    fields (dict[str, Any]): The config. defaults (dict[str, Any]): The default config of its family.
    RAISES (UnreadableFileError): If a value has another type. A missing value is allowed, and so is null.
    """
    for name, default in defaults.items():
        value = fields.get(name)
        if default is None or value is None or name == "torch_dtype":
            continue
        is_number = isinstance(default, int | float) and not isinstance(default, bool)
        kind: Any = int | float if is_number else type(default)
        fits = isinstance(value, kind) and (isinstance(default, bool) or not isinstance(value, bool))
        require(fits, f"config.{name}", value, f"of the type of {default!r}")


def _require_sizes(fields: dict[str, Any], place: str = "config") -> None:
    """Check that every whole number in a config, nested dictionaries included, is at most its limit.

    Sizes decide how much memory is allocated. There are limits for numbers of layers, for numbers of positions, and for
    all other numbers.

    fields (dict[str, Any]): The config, or a nested dictionary.
    place (str): Path of `fields`, for the message.
    RAISES (UnreadableFileError): If a number is too large, or less than −1.
    """
    for name, value in fields.items():
        key = f"{place}.{name}"
        if isinstance(value, dict):
            _require_sizes(value, key)
        elif isinstance(value, int) and not isinstance(value, bool):
            is_count = any(word in name for word in ("layers", "n_layer", "groups", "group_num", "experts", "depth"))
            most = MOST_LAYERS if is_count else MOST_POSITIONS if "position" in name else LARGEST
            whole_number(key, value, -1, most)


def tokenizer_files(tokenizer: "PreTrainedTokenizerBase") -> dict[str, bytes]:
    """Return the files that a tokenizer saves, as bytes by file name."""
    with TemporaryDirectory() as folder:
        tokenizer.save_pretrained(folder)
        return {path.name: path.read_bytes() for path in sorted(Path(folder).iterdir())}


def packed_tokenizer(files: object) -> "PreTrainedTokenizerBase":
    """Read a tokenizer from its saved files.

    files (object): Files as bytes by name, from `tokenizer_files`.
    RETURNS (PreTrainedTokenizerBase): The tokenizer.
    RAISES (UnreadableFileError): If `files` is not such a dictionary, or a file name is a path.
    RAISES (ValueError): If transformers cannot read the files.
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
    """Return a tokenizer config without the keys that name code, or files outside its folder.

    data (bytes): The config in JSON.
    RETURNS (bytes): The config without these keys, in JSON.
    RAISES (UnreadableFileError): If the config is not a JSON object.
    RAISES (ValueError): If `data` is not JSON.
    """
    fields = require_type("tokenizer_config.json", parse_json(data), dict)
    kept = {key: value for key, value in fields.items() if key not in DROPPED and not key.endswith(("_file", "_files"))}
    return json.dumps(kept).encode()
