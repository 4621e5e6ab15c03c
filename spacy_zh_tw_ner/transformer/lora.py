"""Low-rank adapters (LoRA): inject them into a model with peft, and save and load their weights by name."""

from collections.abc import Mapping

import torch
from torch import nn

from ..errors import Errors, PipelineMismatchError, SettingError
from .base_model import Base
from .quantization import silence_bitsandbytes
from .settings import LoraSettings

# Hu et al. (2021, section 4.2) adapt the query and value projections; these are their names in each family.
TARGETS = {
    "albert": ("query", "value"),
    "bert": ("query", "value"),
    "camembert": ("query", "value"),
    "deberta": ("in_proj",),
    "deberta-v2": ("query_proj", "value_proj"),
    "distilbert": ("q_lin", "v_lin"),
    "electra": ("query", "value"),
    "ernie": ("query", "value"),
    "gemma": ("q_proj", "v_proj"),
    "llama": ("q_proj", "v_proj"),
    "mistral": ("q_proj", "v_proj"),
    "modernbert": ("Wqkv",),
    "qwen2": ("q_proj", "v_proj"),
    "qwen3": ("q_proj", "v_proj"),
    "roberta": ("query", "value"),
    "xlm-roberta": ("query", "value"),
}


def add_lora(model: Base, settings: LoraSettings) -> None:
    """Inject adapters into the linear layers of a model, in place.

    Afterwards, only the adapters and the biases chosen by `settings.bias` are trained. The layers of ALBERT share one
    set of weights, and therefore one set of adapters.

    model (Base): A base model of transformers.
    settings (LoraSettings): Rank, scale and dropout of the adapters, and the names of the layers that get them.
    RAISES (ValueError): If no linear layer has the name of a target, or the family has no default targets.
    """
    silence_bitsandbytes()  # peft imports bitsandbytes
    from peft import LoraConfig, inject_adapter_in_model

    config = LoraConfig(
        r=settings.r,
        lora_alpha=settings.alpha,
        lora_dropout=settings.dropout,
        target_modules=list(_targets(model, settings)),
        bias=settings.bias,
        use_rslora=settings.rslora,
    )
    inject_adapter_in_model(config, model)
    for name, parameter in model.named_parameters():
        if is_adapter(name):  # on 4-bit weights, peft creates them in half precision, which rounds small updates to 0
            parameter.data = parameter.data.float()


def is_adapted(module: nn.Module) -> bool:
    """Return whether a module is a linear layer with adapters. Its `base_layer` is the layer without them."""
    return hasattr(module, "base_layer") and hasattr(module, "lora_A")


def is_adapter(name: str) -> bool:
    """Return whether a parameter of this name belongs to an adapter."""
    return ".lora_" in name


def plain_name(name: str) -> str:
    """Return the name that a parameter of an adapted layer has in the model without adapters.

    name (str): Name in the model with adapters, such as "query.base_layer.weight", which becomes "query.weight".
    """
    return name.replace(".base_layer.", ".")


def adapter_weights(model: nn.Module, bias: str) -> dict[str, torch.Tensor]:
    """Return the weights of the adapters, and of the biases that are trained together with them.

    model (nn.Module): A model with adapters, frozen or not.
    bias (str): Biases that are trained, from `LoraSettings`: "none", "all", or "lora_only" (of layers with adapters).
    RETURNS (dict[str, torch.Tensor]): Weights by name. The names are the results of `plain_name`.
    """
    return {
        plain_name(name): parameter.detach()
        for name, parameter in model.named_parameters()
        if is_adapter(name)
        or (bias == "all" and name.endswith(".bias"))
        or (bias == "lora_only" and name.endswith(".base_layer.bias"))
    }


def load_adapter(model: nn.Module, bias: str, weights: Mapping[str, torch.Tensor]) -> None:
    """Copy saved adapter weights into a model.

    model (nn.Module): A model with adapters; changed in place.
    bias (str): Biases that are trained, from `LoraSettings`: "none", "all", or "lora_only" (of layers with adapters).
    weights (Mapping[str, torch.Tensor]): From `adapter_weights`.
    RAISES (ValueError): If the names or shapes of the weights differ from those of the adapters of the model.
    """
    own = adapter_weights(model, bias)
    wrong = sorted(own.keys() ^ weights.keys())
    wrong += [name for name in own if name in weights and own[name].shape != weights[name].shape]
    if wrong:
        raise PipelineMismatchError(Errors.ZT335.format(name=wrong[0], count=len(wrong)))
    for name, parameter in own.items():
        parameter.copy_(weights[name])


def _targets(model: Base, settings: LoraSettings) -> tuple[str, ...]:
    """Return which linear layers get adapters: the ends of their names, such as "query", or their whole names.

    RAISES (SettingError): If no linear layer has the name of a target, or the family has no default targets.
    """
    linear = [name for name, module in model.named_modules() if isinstance(module, nn.Linear)]
    candidates = ", ".join(sorted({name.rpartition(".")[2] for name in linear}))
    family = model.config.model_type
    if settings.target_modules == "all-linear":
        return tuple(linear)
    targets = settings.target_modules or TARGETS.get(family)
    if targets is None:
        raise SettingError(Errors.ZT326.format(family=family, candidates=candidates))
    for target in targets:
        if not any(name == target or name.endswith(f".{target}") for name in linear):
            raise SettingError(Errors.ZT325.format(target=target, family=family, candidates=candidates))
    return tuple(targets)
