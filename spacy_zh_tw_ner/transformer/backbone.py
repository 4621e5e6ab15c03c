"""input ids → hidden: a Hugging Face encoder or decoder, loaded as the settings say."""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import nn

from ..cpu_acceleration.onednn_linear import use_onednn
from ..errors import BaseModelError, Errors, PipelineMismatchError, SettingError
from .base_model import Base, bidirectional_mask, is_decoder
from .hub import read_config, read_model
from .lora import add_lora, load_adapter
from .memory import DTYPES, checkpoint_layers, freeze, halve_frozen, warn_if_emulated
from .quantization import (
    INT8_CPU,
    normalize_quantized,
    quantization_config,
    require_quantization,
    translate_quantization_errors,
)
from .settings import BackboneSettings, LoraSettings, MemorySettings, QuantizationSettings
from .weights import Weights, fingerprint

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedTokenizerBase

DEFAULT_MEMORY = MemorySettings()
# The names that families have for their dropouts
DROPOUTS = (
    "hidden_dropout_prob",
    "attention_probs_dropout_prob",
    "attention_dropout",
    "hidden_dropout",
    "dropout",
    "embd_pdrop",
    "resid_pdrop",
    "attn_pdrop",
)


class Backbone(nn.Module):
    """A base with all that the settings add to it.

    settings: What it was made by.
    model: The model of transformers, with adapters injected.
    """

    def __init__(self, model: Base, settings: BackboneSettings) -> None:
        super().__init__()
        self.model = model
        self.settings = settings

    @property
    def width(self) -> int:
        """Columns of the hidden states."""
        return int(self.model.config.hidden_size)

    @property
    def max_length(self) -> int | None:
        """Pieces that a sequence may have, special ones included; None if nothing sets a limit."""
        config = self.model.config
        limit = getattr(config, "max_position_embeddings", None)
        if limit is None:
            return None
        # RoBERTa counts positions from behind the padding's.
        offset = config.pad_token_id + 1 if config.model_type in ("roberta", "xlm-roberta", "camembert") else 0
        return int(limit) - offset

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """Encode a batch.

        input_ids (torch.Tensor): Integers, (B, T), padded on the right.
        attention_mask (torch.Tensor): (B, T), 1 for pieces and 0 for padding.
        RETURNS (torch.Tensor): float32, (B, T, H)
        RAISES (ValueError): If T is more than the base has positions for.
        """
        if not input_ids.numel():
            return torch.zeros(*input_ids.shape, self.width, device=input_ids.device)
        if self.max_length is not None and input_ids.shape[1] > self.max_length:
            raise SettingError(
                Errors.ZT331.format(length=input_ids.shape[1], name=self.settings.name, limit=self.max_length)
            )
        dtype = DTYPES[self.settings.memory.precision]
        if self.settings.attention == "bidirectional" and is_decoder(self.model):
            attention_mask = bidirectional_mask(attention_mask, dtype)
        with torch.autocast(input_ids.device.type, dtype=dtype, enabled=dtype != torch.float32):
            hidden = self.model(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        return cast(torch.Tensor, hidden.float())


def load_backbone(
    name: str,
    *,
    revision: str | None = None,
    lora: LoraSettings | None = None,
    quantization: QuantizationSettings | None = None,
    memory: MemorySettings = DEFAULT_MEMORY,
    attention: str | None = None,
    dropout: float | None = None,
    device: str | torch.device = "cpu",
) -> Backbone:
    """Load a base from the Hub, its cache or a folder, and make of it what the settings say.

    name (str): Id on the Hub, or a folder. Of a checkpoint with a head, the encoder is taken.
    revision (str | None): Branch, tag or commit on the Hub.
    lora (LoraSettings | None): Adapters; then nothing else trains.
    quantization (QuantizationSettings | None): 4- or 8-bit weights; without adapters, nothing trains.
    memory (MemorySettings): Precision, checkpointing, freezing, attention.
    attention (str | None): For decoders, "causal" or "bidirectional"; None for the model's own way.
    dropout (float | None): For every dropout of the base; None for the checkpoint's own.
    device (str | torch.device): Where to put it.
    RETURNS (Backbone): In evaluation mode, with random adapters that change nothing yet.
    RAISES (ValueError): If any of this is not to be had. Each message names the setting.
    """
    settings = BackboneSettings(name, revision, lora, quantization, memory, attention, dropout)
    config = read_config(name, revision)
    # A branch moves; the commit that was loaded is what adapters belong to.
    settings = replace(settings, revision=getattr(config, "_commit_hash", None) or revision)
    return build_backbone(settings, config, device=device)


def build_backbone(
    settings: BackboneSettings,
    config: "PretrainedConfig",
    *,
    weights: Mapping[str, torch.Tensor] | None = None,
    adapter: Weights | None = None,
    device: str | torch.device = "cpu",
) -> Backbone:
    """Make a backbone by settings.

    weights (Mapping[str, torch.Tensor] | None): Of the base, quantised if the settings say so; read by name without.
    adapter (dict[str, torch.Tensor] | None): Of the adapters; random without.
    RETURNS (Backbone): As `load_backbone`.
    """
    device, memory = torch.device(device), settings.memory
    warn_if_emulated(memory.precision, device)
    quantized, int8_cpu = None, False
    if settings.quantization is not None:
        require_quantization(settings.quantization, device)
        int8_cpu = settings.quantization.kind == INT8_CPU
        quantized = None if int8_cpu else quantization_config(settings.quantization, memory.precision)
    set_up(config, settings.dropout)
    with translate_quantization_errors(settings.quantization, device):
        model = read_model(
            settings.name,
            settings.revision,
            config,
            weights=weights,
            quantization=quantized,
            attn_implementation=memory.attn_implementation,
            device=device,
            int8_cpu=int8_cpu,
        )
    if settings.attention == "causal" and not is_decoder(model):
        raise SettingError(Errors.ZT334.format(name=settings.name, family=config.model_type))
    normalize_quantized(model, memory.precision)
    if settings.lora is not None and weights is None:
        settings = replace(settings, base_hash=_identify(model, settings))
    backbone = configure(model, settings)
    if settings.lora is not None and adapter is not None:
        load_adapter(model, settings.lora.bias, adapter)
    return backbone


def configure(model: Base, settings: BackboneSettings) -> Backbone:
    """Add to a base what the settings say: adapters, frozen layers, checkpointing, frozen weights in half precision.

    model (Base): Quantised already, if the settings say so.
    RETURNS (Backbone): In evaluation mode.
    RAISES (ValueError): For adapters or layers that this base cannot have.
    """
    model.requires_grad_(settings.quantization is None)
    if settings.lora is not None:
        add_lora(model, settings.lora)
    freeze(model, settings.memory.freeze_layers)
    if settings.memory.gradient_checkpointing:
        checkpoint_layers(model)
    halve_frozen(model, settings.memory.precision)
    use_onednn(model)
    return Backbone(model, settings).eval()


def require_vocabulary(backbone: Backbone, tokenizer: "PreTrainedTokenizerBase") -> None:
    """Make sure that every piece has an embedding: a GPU would tell no more than that an assertion failed.

    RAISES (ValueError): If the tokenizer knows pieces that the base does not.
    """
    pieces = max(tokenizer.get_vocab().values()) + 1
    embeddings = cast(Any, backbone.model).get_input_embeddings()
    rows = embeddings.num_embeddings
    if pieces > rows:
        raise BaseModelError(Errors.ZT340.format(name=backbone.settings.name, pieces=pieces, rows=rows))


def _identify(model: Base, settings: BackboneSettings) -> str:
    found = fingerprint(model)
    if settings.base_hash not in (None, found):
        raise PipelineMismatchError(
            Errors.ZT333.format(
                name=settings.name, revision=settings.revision, expected=settings.base_hash, found=found
            )
        )
    return found


def set_up(config: "PretrainedConfig", dropout: float | None) -> None:
    """Write into a config what the settings say of it."""
    config.use_cache = False  # for decoders, which would keep what only the next word needs
    if dropout is not None:
        for name in DROPOUTS:
            if hasattr(config, name):
                setattr(config, name, dropout)
