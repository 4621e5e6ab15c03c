"""Settings of the base model: LoRA, quantization, memory. Frozen dataclasses, validated on creation."""

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


def _require(ok: bool, setting: str, value: object, choices: object) -> None:
    if not ok:
        raise SettingError(Errors.ZT320.format(setting=setting, value=value, choices=choices))


def require_choice(setting: str, value: object, choices: tuple[str | None, ...]) -> None:
    """Refuse a value that is none of the choices."""
    _require(value in choices, setting, value, ", ".join("null" if choice is None else choice for choice in choices))


def _is_count(value: object, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


@dataclass(frozen=True)
class LoraSettings:
    """Low-rank adapters (Hu et al. 2021, https://arxiv.org/abs/2106.09685).

    r: Rank of the update.
    alpha: The update is scaled by alpha / r, or by alpha / √r where `rslora` is set.
    dropout: Share of the adapter's inputs dropped in training.
    target_modules: Names of linear layers, as ("query", "value"); "all-linear"; None for the family's usual ones.
    bias: Which biases train as well: "none", "all", or "lora_only" for those of the adapted layers.
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
    """Base weights in 4 or 8 bits, through bitsandbytes (QLoRA: Dettmers et al. 2023, arXiv 2305.14314) but for one.

    kind: "nf4" or "fp4" (4 bits), or "int8"; or "int8_cpu", without bitsandbytes and adapters, to predict on CPUs.
    double_quant: Quantise the scales of 4-bit weights, too: 0.37 bits less a weight.
    compute_dtype: What 4-bit weights are multiplied in: "fp32", "fp16", "bf16", or "auto" for the precision in force.
    """

    kind: str = "nf4"
    double_quant: bool = True
    compute_dtype: str = "auto"

    def __post_init__(self) -> None:
        require_choice("quantization.kind", self.kind, QUANTIZATIONS)
        require_choice("quantization.compute_dtype", self.compute_dtype, ("auto", *PRECISIONS))


@dataclass(frozen=True)
class MemorySettings:
    """What trades speed for memory.

    precision: "fp32"; or autocast to "bf16" or "fp16". Hidden states come out in float32.
    gradient_checkpointing: Keep the input of each layer only, and compute the layer again on the way back.
    freeze_layers: Train neither the embeddings nor so many of the first layers; 0 freezes nothing.
    micro_batch: Windows that run with a graph at once; "auto" for as many as memory holds, found out as training goes;
        None runs all of a batch together, or not at all.
    attn_implementation: "sdpa" (where the family has it), "eager", or None for the choice of transformers.
    """

    precision: str = "fp32"
    gradient_checkpointing: bool = False
    freeze_layers: int = 0
    micro_batch: int | str | None = AUTO
    attn_implementation: str | None = "sdpa"

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


@dataclass(frozen=True)
class BackboneSettings:
    """All that decides how a base becomes a backbone.

    name: Id on the Hugging Face Hub, or a folder.
    revision: Branch, tag or commit on the Hub; None for the newest.
    attention: For decoders, "causal" or "bidirectional"; None for the model's own way.
    dropout: For every dropout of the base; None for the checkpoint's own.
    base_hash: Of the base's weights as loaded; made with adapters, to know the base again. See `fingerprint`.
    """

    name: str
    revision: str | None = None
    lora: LoraSettings | None = None
    quantization: QuantizationSettings | None = None
    memory: MemorySettings = field(default_factory=MemorySettings)
    attention: str | None = None
    dropout: float | None = None
    base_hash: str | None = None

    def __post_init__(self) -> None:
        require_choice("attention", self.attention, ATTENTIONS)
        if self.quantization is not None and self.lora is not None:  # bitsandbytes rounds biases as it goes
            require_choice("lora.bias with quantization", self.lora.bias, ("none",))
            require_choice("quantization.kind with lora", self.quantization.kind, BITSANDBYTES)
        _require(self.dropout is None or 0 <= self.dropout < 1, "dropout", self.dropout, "a number from 0 to below 1")

    def to_dict(self) -> dict[str, Any]:
        """RETURNS (dict): Plain values, for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "BackboneSettings":
        """The reverse of `to_dict`."""
        data = copy.deepcopy(dict(data))
        if data["lora"] is not None and isinstance(data["lora"]["target_modules"], list):  # as JSON has it
            data["lora"]["target_modules"] = tuple(data["lora"]["target_modules"])
        blocks = {"lora": LoraSettings, "quantization": QuantizationSettings, "memory": MemorySettings}
        made = {name: block(**data[name]) for name, block in blocks.items() if data[name] is not None}
        return cls(**{**data, **made})


def create_lora_v1(
    r: int = 8,
    alpha: float = 16.0,
    dropout: float = 0.0,
    target_modules: list[str] | str | None = None,
    bias: str = "none",
    rslora: bool = False,
) -> LoraSettings:
    """Registered as `spacy-zh-tw-ner.lora.v1`. Arguments as in `LoraSettings`."""
    targets = tuple(target_modules) if isinstance(target_modules, list) else target_modules
    return LoraSettings(r, alpha, dropout, targets, bias, rslora)


def create_quantization_v1(
    kind: str = "nf4", double_quant: bool = True, compute_dtype: str = "auto"
) -> QuantizationSettings:
    """Registered as `spacy-zh-tw-ner.quantization.v1`. Arguments as in `QuantizationSettings`."""
    return QuantizationSettings(kind, double_quant, compute_dtype)


def create_memory_v1(
    precision: str = "fp32",
    gradient_checkpointing: bool = False,
    freeze_layers: int = 0,
    micro_batch: int | str | None = AUTO,
    attn_implementation: str | None = "sdpa",
) -> MemorySettings:
    """Registered as `spacy-zh-tw-ner.memory.v1`. Arguments as in `MemorySettings`."""
    return MemorySettings(precision, gradient_checkpointing, freeze_layers, micro_batch, attn_implementation)
