"""Settings of a backbone: LoRA, quantization and memory, as frozen dataclasses that validate their values.

A backbone is a base model with the changes that the settings describe, such as adapters and quantized weights.
"""

import copy
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from ..errors import Errors, SettingError

PRECISIONS = ("fp32", "fp16", "bf16")
QUANTIZATIONS = ("nf4", "fp4", "int8", "int8_cpu")
BITSANDBYTES = QUANTIZATIONS[:3]
AUTO = "auto"
ATTENTIONS = (None, "causal", "bidirectional")
# Versions of the rules by which tokens become wordpieces, see `token_splitting`. A pipeline keeps the one that it was
# trained with.
LOOKUP_OF_0_1, LOOKUP, LOOKUP_OF_WORDS = 1, 2, 3


def _require(ok: bool, setting: str, value: object, choices: object) -> None:
    """Raise a SettingError unless `ok` is True. The message has the setting, its value and the valid values."""
    if not ok:
        raise SettingError(Errors.ZT320.format(setting=setting, value=value, choices=choices))


def require_choice(setting: str, value: object, choices: tuple[str | None, ...]) -> None:
    """Check that the value of a setting is one of the choices.

    RAISES (SettingError): If the value is none of the choices.
    """
    _require(value in choices, setting, value, ", ".join("null" if choice is None else choice for choice in choices))


def _is_count(value: object, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


@dataclass(frozen=True)
class LoraSettings:
    """Low-rank adapters (Hu et al. 2021, https://arxiv.org/abs/2106.09685).

    r: Rank of the update.
    alpha: The update is scaled by alpha / r, or by alpha / √r if `rslora` is set.
    dropout: Share of the adapter's inputs dropped in training.
    target_modules: Names of the linear layers that get adapters, such as ("query", "value"); "all-linear" for all; None
        for the default of the model family.
    bias: Biases that train with the adapters: "none", "all", or "lora_only" for those of the adapted layers.
    rslora: Rank-stabilised scaling (Kalajdzievski 2023, https://arxiv.org/abs/2312.03732).
    """

    r: int = 8
    alpha: float = 16.0
    dropout: float = 0.0
    target_modules: tuple[str, ...] | str | None = None
    bias: str = "none"
    rslora: bool = False

    def __post_init__(self) -> None:
        _require(_is_count(self.r, 1), "lora.r", self.r, "a whole number from 1")
        _require(self.alpha > 0, "lora.alpha", self.alpha, "a number above 0")
        _require(0 <= self.dropout < 1, "lora.dropout", self.dropout, "a number from 0 to below 1")
        named = isinstance(self.target_modules, tuple) and all(isinstance(name, str) for name in self.target_modules)
        _require(
            self.target_modules in (None, "all-linear") or (named and bool(self.target_modules)),
            "lora.target_modules",
            self.target_modules,
            'a list of layer names, "all-linear", or null for the usual ones of the family',
        )
        require_choice("lora.bias", self.bias, ("none", "all", "lora_only"))


@dataclass(frozen=True)
class QuantizationSettings:
    """Weights of the base model in 4 or 8 bits (QLoRA: Dettmers et al. 2023, arXiv 2305.14314).

    kind: "nf4" or "fp4" (4 bits) or "int8" by bitsandbytes; or "int8_cpu" for prediction on CPUs, without adapters.
    double_quant: Whether to quantize the scales of 4-bit weights as well, which saves 0.37 bits per weight.
    compute_dtype: Precision of products with 4-bit weights: "fp32", "fp16" or "bf16", or "auto" for that of the rest.
    """

    kind: str = "nf4"
    double_quant: bool = True
    compute_dtype: str = "auto"

    def __post_init__(self) -> None:
        require_choice("quantization.kind", self.kind, QUANTIZATIONS)
        require_choice("quantization.compute_dtype", self.compute_dtype, ("auto", *PRECISIONS))


@dataclass(frozen=True)
class MemorySettings:
    """Settings that trade speed for memory.

    precision: "fp32", or "bf16" or "fp16" for autocast. A CPU without AVX512-BF16 ("bf16") or AMX-FP16 ("fp16")
        computes in float32. The hidden states that the encoder returns are always float32.
    gradient_checkpointing: Whether to keep only the input of each layer, and compute the layer again in the backward
        pass.
    freeze_layers: Number of layers, counted from the first, that do not train. If it is above 0, the embeddings do not
        train either.
    micro_batch: Number of windows in a micro-batch of training; "auto" for as many as fit into memory, which is tried
        out in training; None for the whole batch, with an error if it does not fit.
    attn_implementation: "sdpa" (if the family has it), "eager", or None for the default of transformers.
    device_map: "auto" spreads the weights over all visible GPUs, and offloads layers that do not fit to main memory,
        then to disk; without a GPU, from main memory to disk. Offloaded layers are slow. They do not train, but LoRA
        adapters in them do. None keeps all weights on one device.
    empty_cache_steps: Number of updates after which torch returns cached GPU memory to the driver, for other programs
        or against fragmentation; 0 for never. It has no effect on a CPU.
    """

    precision: str = "fp32"
    gradient_checkpointing: bool = False
    freeze_layers: int = 0
    micro_batch: int | str | None = AUTO
    attn_implementation: str | None = "sdpa"
    device_map: str | None = None
    empty_cache_steps: int = 0

    def __post_init__(self) -> None:
        require_choice("memory.precision", self.precision, PRECISIONS)
        _require(_is_count(self.freeze_layers, 0), "memory.freeze_layers", self.freeze_layers, "a whole number from 0")
        _require(
            self.micro_batch in (AUTO, None) or _is_count(self.micro_batch, 1),
            "memory.micro_batch",
            self.micro_batch,
            'a whole number from 1, "auto", or null',
        )
        require_choice("memory.attn_implementation", self.attn_implementation, ("sdpa", "eager", None))
        require_choice("memory.device_map", self.device_map, (AUTO, None))
        steps = self.empty_cache_steps
        _require(_is_count(steps, 0), "memory.empty_cache_steps", steps, "a whole number from 0")


def create_lora_v1(
    r: int = 8,
    alpha: float = 16.0,
    dropout: float = 0.0,
    target_modules: list[str] | str | None = None,
    bias: str = "none",
    rslora: bool = False,
) -> LoraSettings:
    """Registered as `spacy-zh-tw-ner.lora.v1`: settings of low-rank adapters (LoRA).

    r (int): Rank of the update.
    alpha (float): The update is scaled by alpha / r, or by alpha / √r if `rslora` is set.
    dropout (float): Share of the adapter's inputs dropped in training.
    target_modules (Optional[list[str] | str]): Names of the linear layers that get adapters, such as
        ["query", "value"]; "all-linear" for all; None for the default of the model family.
    bias (str): Biases that train with the adapters: "none", "all", or "lora_only" for those of the adapted layers.
    rslora (bool): Rank-stabilised scaling (Kalajdzievski 2023, https://arxiv.org/abs/2312.03732).
    RETURNS (LoraSettings): The settings, for the block `lora` of a Transformer model.
    """
    targets = tuple(target_modules) if isinstance(target_modules, list) else target_modules
    return LoraSettings(r, alpha, dropout, targets, bias, rslora)


create_quantization_v1 = QuantizationSettings  # registered as `spacy-zh-tw-ner.quantization.v1`
create_memory_v1 = MemorySettings  # registered as `spacy-zh-tw-ner.memory.v1`


@dataclass(frozen=True)
class BackboneSettings:
    """All settings of a backbone: the base model, and the changes to it.

    name: Id on the Hugging Face Hub, or a folder.
    revision: Branch, tag or commit on the Hub; None for the newest.
    lora: Settings of the adapters; None for no adapters.
    quantization: How the weights of the base model are quantized; None for float32.
    memory: Settings that trade speed for memory.
    attention: Attention of a decoder, "causal" or "bidirectional"; None for the default of the model.
    dropout: Value of every dropout rate of the base model; None for those of the checkpoint.
    base_hash: Hash of the weights of the base model on which the adapters are trained; None without adapters. A saved
        pipeline that has only the adapters is checked by it.
    trim: Whether to cut the vocabulary to the wordpieces of single characters when the base model is loaded.
    lookup: Rules by which tokens are split into wordpieces: 1 for pipelines saved by version 0.1 of this package, 3 for
        converted checkpoints that were trained on characters as separate words, 2 for all others.
    """

    name: str
    revision: str | None = None
    lora: LoraSettings | None = None
    quantization: QuantizationSettings | None = None
    memory: MemorySettings = field(default_factory=MemorySettings)
    attention: str | None = None
    dropout: float | None = None
    base_hash: str | None = None
    trim: bool = False
    lookup: int = LOOKUP

    def __post_init__(self) -> None:
        require_choice("attention", self.attention, ATTENTIONS)
        if self.quantization is not None and self.lora is not None:  # bitsandbytes would round trained biases
            require_choice("lora.bias with quantization", self.lora.bias, ("none",))
            require_choice("quantization.kind with lora", self.quantization.kind, BITSANDBYTES)
        if self.memory.device_map is not None:
            if self.lora is not None:  # a layer would not be offloaded because of its bias
                require_choice("lora.bias with memory.device_map", self.lora.bias, ("none",))
            if self.quantization is not None:
                require_choice("quantization.kind with memory.device_map", self.quantization.kind, BITSANDBYTES)
        _require(isinstance(self.trim, bool), "trim", self.trim, "true or false")
        _require(self.dropout is None or 0 <= self.dropout < 1, "dropout", self.dropout, "a number from 0 to below 1")

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as a dictionary of values that JSON can store."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "BackboneSettings":
        """Return the settings from a dictionary of `to_dict`, also if it was stored as JSON, or by version 0.1.

        RAISES (KeyError, TypeError): If the dictionary lacks a block, or has an unknown setting.
        RAISES (SettingError): If a value is invalid.
        """
        data = copy.deepcopy(dict(data))
        if data["lora"] is not None and isinstance(data["lora"]["target_modules"], list):  # JSON has no tuples
            data["lora"]["target_modules"] = tuple(data["lora"]["target_modules"])
        blocks = {"lora": LoraSettings, "quantization": QuantizationSettings, "memory": MemorySettings}
        made = {name: block(**data[name]) for name, block in blocks.items() if data[name] is not None}
        return cls(**{"lookup": LOOKUP_OF_0_1, **data, **made})  # settings saved by 0.1 lack it
