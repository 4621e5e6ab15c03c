"""Low-rank adapters, put into a model in place by peft."""

from torch import nn

from ..errors import Errors
from .hub import Base
from .quantization import hush
from .settings import LoraSettings

# What Hu et al. (2021, section 4.2) adapt, the query and value projections, by the family's own names for them
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
    """Put adapters beside linear layers. From then on they train, and of the rest what `bias` says.

    ALBERT's layers share one set of weights, and so one set of adapters.
    RAISES (ValueError): For a target that names no linear layer, or a family whose usual ones are not known.
    """
    hush()  # peft imports it
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
        if is_adapter(name):  # beside 4-bit weights, peft makes them in half precision, which rounds small steps away
            parameter.data = parameter.data.float()


def adapted(module: nn.Module) -> bool:
    """Whether a module is a linear layer with adapters beside it, which it calls its `base_layer`."""
    return hasattr(module, "base_layer") and hasattr(module, "lora_A")


def is_adapter(name: str) -> bool:
    """Whether a parameter of this name belongs to an adapter."""
    return ".lora_" in name


def adapter_parameters(model: nn.Module, bias: str) -> dict[str, nn.Parameter]:
    """Find what LoRA trains, by what the settings say: frozen for now or not.

    bias (str): As in the settings.
    RETURNS (dict[str, nn.Parameter]): By the names the model has without adapters.
    """
    return {
        plain_name(name): parameter
        for name, parameter in model.named_parameters()
        if is_adapter(name)
        or (bias == "all" and name.endswith(".bias"))
        or (bias == "lora_only" and name.endswith(".base_layer.bias"))
    }


def plain_name(name: str) -> str:
    """Name a parameter as before the adapters came."""
    return name.replace(".base_layer.", ".")


def _targets(model: Base, settings: LoraSettings) -> tuple[str, ...]:
    linear = [name for name, module in model.named_modules() if isinstance(module, nn.Linear)]
    candidates = ", ".join(sorted({name.rpartition(".")[2] for name in linear}))
    family = model.config.model_type
    if settings.target_modules == "all-linear":
        return tuple(linear)
    targets = settings.target_modules or TARGETS.get(family)
    if targets is None:
        raise ValueError(Errors.ZT326.format(family=family, candidates=candidates))
    for target in targets:
        if not any(name == target or name.endswith(f".{target}") for name in linear):
            raise ValueError(Errors.ZT325.format(target=target, family=family, candidates=candidates))
    return tuple(targets)
