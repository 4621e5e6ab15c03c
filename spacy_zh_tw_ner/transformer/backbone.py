"""Load a Hugging Face encoder or decoder, and apply the settings: adapters, quantization, frozen layers."""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import nn

from ..cpu_acceleration.onednn_linear import use_onednn
from ..errors import (
    BaseModelError,
    Errors,
    PipelineMismatchError,
    SettingError,
)
from .base_model import NUMBERED_FROM_PADDING, Base, bidirectional_mask, is_decoder
from .dispatch import dispatch
from .hub import read_config, read_model
from .lora import add_lora, load_adapter
from .memory import DTYPES, checkpoint_layers, freeze, halve_frozen, usable_precision, warn_if_emulated
from .quantization import (
    INT8_CPU,
    normalize_quantized,
    quantization_config,
    require_quantization,
    translate_quantization_errors,
)
from .settings import BackboneSettings
from .trimming import trim_embeddings
from .weights import Weights, fingerprint
from .wordpieces import IdsT

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedTokenizerBase

# Names of dropout rates in the configs of different model families
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
    """A base model with the adapters, quantization and frozen layers of its settings.

    model: The model of transformers, adapters included.
    settings: The settings that the model was built with.
    kept: (n_wordpieces,) the id in the base model of each wordpiece of a trimmed vocabulary; None if the vocabulary was
        not trimmed.
    precision: The precision of the computation. It is "fp32" on a CPU that would emulate the precision in the settings.
    main_device: The device of inputs and hidden states, if the weights are spread over several devices
        (`memory.device_map`); otherwise None.
    """

    def __init__(self, model: Base, settings: BackboneSettings, precision: str) -> None:
        super().__init__()
        self.model = model
        self.settings = settings
        self.kept: IdsT | None = None
        self.precision = precision
        self.main_device: torch.device | None = None

    @property
    def width(self) -> int:
        """Width of the hidden states."""
        return int(self.model.config.hidden_size)

    @property
    def max_length(self) -> int | None:
        """Largest number of wordpieces in a sequence, special wordpieces included; None if there is no limit."""
        config = self.model.config
        limit = getattr(config, "max_position_embeddings", None)
        if limit is None:
            return None
        offset = config.pad_token_id + 1 if config.model_type in NUMBERED_FROM_PADDING else 0
        return int(limit) - offset

    @property
    def device(self) -> torch.device:
        """The device of inputs and hidden states."""
        return self.main_device or next(self.parameters()).device

    @property
    def gpus(self) -> list[torch.device]:
        """The GPUs that hold weights, inputs or hidden states, sorted by name; empty on a CPU."""
        devices = {self.device, *(parameter.device for parameter in self.parameters())}
        return sorted((device for device in devices if device.type == "cuda"), key=str)

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """Encode a batch of sequences.

        input_ids (torch.Tensor): Integers, (batch, length), padded on the right.
        attention_mask (torch.Tensor): (batch, length), 1 for wordpieces and 0 for padding.
        RETURNS (torch.Tensor): Hidden states, float32, (batch, length, width).
        RAISES (ValueError): If the sequences are longer than `max_length`.
        """
        if not input_ids.numel():
            return torch.zeros(*input_ids.shape, self.width, device=input_ids.device)
        if self.max_length is not None and input_ids.shape[1] > self.max_length:
            raise SettingError(
                Errors.ZT331.format(length=input_ids.shape[1], name=self.settings.name, limit=self.max_length)
            )
        dtype = DTYPES[self.precision]
        if self.settings.attention == "bidirectional" and is_decoder(self.model):
            attention_mask = bidirectional_mask(attention_mask, dtype)
        with torch.autocast(input_ids.device.type, dtype=dtype, enabled=dtype != torch.float32):
            hidden = self.model(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        return cast(torch.Tensor, hidden.float())


def load_backbone(
    name: str,
    *,
    config: "PretrainedConfig | None" = None,
    kept: IdsT | None = None,
    device: str | torch.device = "cpu",
    **settings: Any,
) -> Backbone:
    """Load a base model from the Hub, its cache or a folder, and apply settings to it.

    name (str): Id on the Hub, or a folder. If the checkpoint has a head, only its encoder is loaded.
    config (PretrainedConfig | None): Config of the base model, if the caller has read it; None to read it.
    kept (IdsT | None): Ids of the wordpieces to keep, if the vocabulary is trimmed; None keeps all.
    device (str | torch.device): The device of the weights.
    settings: Changes to the base model, such as `lora`. They are the fields of `BackboneSettings` except `name`.
    RETURNS (Backbone): The backbone, in evaluation mode. New adapters start with an update of zero.
    RAISES (ValueError): If the base model cannot be loaded, or does not support a setting; the message names it.
    """
    config = read_config(name, settings.get("revision")) if config is None else config
    # A branch gets new commits. Keep the commit that was loaded: adapters depend on its weights.
    revision = getattr(config, "_commit_hash", None) or settings.get("revision")
    return build_backbone(
        BackboneSettings(name, **{**settings, "revision": revision}), config, kept=kept, device=device
    )


def build_backbone(
    settings: BackboneSettings,
    config: "PretrainedConfig",
    *,
    weights: Mapping[str, torch.Tensor] | None = None,
    adapter: Weights | None = None,
    kept: IdsT | None = None,
    device: str | torch.device = "cpu",
) -> Backbone:
    """Build a backbone from its settings and the config of its base model.

    settings (BackboneSettings): The settings to apply.
    config (PretrainedConfig): Config of the base model; changed in place.
    weights (Mapping[str, torch.Tensor] | None): Weights of the base model by name, quantized if the settings say so;
        if None, they are read from the checkpoint `settings.name`.
    adapter (dict[str, torch.Tensor] | None): Weights of the adapters by name; None for new adapters.
    kept (IdsT | None): Ids of the wordpieces to keep, if the vocabulary is trimmed; None keeps all. `weights` must
        have the embeddings of these wordpieces only.
    device (str | torch.device): The device of the weights.
    RETURNS (Backbone): The backbone, in evaluation mode.
    RAISES (ValueError): If the weights cannot be read, the base model does not support a setting, or the adapters were
        trained on another base model.
    """
    device, memory = torch.device(device), settings.memory
    precision = usable_precision(memory.precision, device)
    warn_if_emulated(precision, device)
    quantized, int8_cpu = None, False
    spread = memory.device_map is not None
    if settings.quantization is not None:
        require_quantization(settings.quantization, device)
        int8_cpu = settings.quantization.kind == INT8_CPU
        quantized = None if int8_cpu else quantization_config(settings.quantization, precision, device)
    prepare_config(config, settings.dropout)
    with translate_quantization_errors(settings.quantization, device):
        model = read_model(
            settings.name,
            settings.revision,
            config,
            weights=weights,
            quantization=quantized,
            attn_implementation=memory.attn_implementation,
            device=torch.device("cpu") if spread and quantized is None else device,
            spread=spread and device.type == "cuda",
            int8_cpu=int8_cpu,
        )
    if settings.attention == "causal" and not is_decoder(model):
        raise SettingError(Errors.ZT334.format(name=settings.name, family=config.model_type))
    normalize_quantized(model, precision)
    if settings.lora is not None and weights is None:
        settings = replace(settings, base_hash=_identify(model, settings))
    if kept is not None and weights is None:
        trim_embeddings(model, kept)
    backbone = configure(model, settings, precision)
    backbone.kept = kept
    if settings.lora is not None and adapter is not None:
        load_adapter(model, settings.lora.bias, adapter)
    if spread and (quantized is None or device.type == "cuda") and dispatch(model, device):
        backbone.main_device = device
    return backbone


def prepare_config(config: "PretrainedConfig", dropout: float | None) -> None:
    """Set the dropout rates of a model config, and switch off its cache of keys and values (`use_cache`), in place.

    config (PretrainedConfig): The config.
    dropout (float | None): Value of every dropout rate; None keeps the rates of the checkpoint.
    """
    config.use_cache = False  # decoders would keep the keys and values of all layers, for text generation
    if dropout is not None:
        for name in DROPOUTS:
            if hasattr(config, name):
                setattr(config, name, dropout)


def configure(model: Base, settings: BackboneSettings, precision: str | None = None) -> Backbone:
    """Add adapters, freeze layers, set up gradient checkpointing, and convert frozen weights to half precision.

    model (Base): The base model, changed in place. It is quantized already, if the settings say so.
    settings (BackboneSettings): The settings.
    precision (str | None): Precision of the computation; None for that of the settings.
    RETURNS (Backbone): The backbone, in evaluation mode.
    RAISES (ValueError): If the model has no layers of the names in `lora`, or fewer layers than are to be frozen.
    """
    model.requires_grad_(settings.quantization is None)
    if settings.lora is not None:
        add_lora(model, settings.lora)
    freeze(model, settings.memory.freeze_layers)
    if settings.memory.gradient_checkpointing:
        checkpoint_layers(model)
    precision = precision or settings.memory.precision
    halve_frozen(model, precision)
    use_onednn(model)
    return Backbone(model, settings, precision).eval()


def require_vocabulary(backbone: Backbone, tokenizer: "PreTrainedTokenizerBase") -> None:
    """Check that the model has an embedding for every id of its tokenizer.

    A lookup of a missing embedding would fail on a GPU with an assertion in a kernel, which names no cause.

    RAISES (BaseModelError): If an id has no embedding.
    """
    wordpieces = max(tokenizer.get_vocab().values()) + 1
    rows = backbone.model.get_input_embeddings().num_embeddings
    if wordpieces > rows:
        raise BaseModelError(Errors.ZT340.format(name=backbone.settings.name, pieces=wordpieces, rows=rows))


def _identify(model: Base, settings: BackboneSettings) -> str:
    """Return the hash of a base model's weights, after comparing it with the hash in the settings.

    model (Base): The base model as loaded, without adapters.
    settings (BackboneSettings): `base_hash` is the hash of the base model that saved adapters were trained on, or None.
    RAISES (PipelineMismatchError): If the hashes differ.
    """
    found = fingerprint(model)
    if settings.base_hash not in (None, found):
        raise PipelineMismatchError(
            Errors.ZT333.format(
                name=settings.name, revision=settings.revision, expected=settings.base_hash, found=found
            )
        )
    return found
