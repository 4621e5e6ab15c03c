"""Parameters → groups with a rate and a weight decay of their own, as torch's optimizers take them."""

from typing import Any

from torch import nn

from .hub import Base
from .layers import depths, layers_of
from .lora import is_adapter


def parameter_groups(
    model: Base, *, rate: float, weight_decay: float, layer_decay: float = 1.0, lora_rate: float = 1.0
) -> list[dict[str, Any]]:
    """Sort what trains into groups.

    rate (float): Learning rate of the last layer.
    weight_decay (float): For matrices. Biases and norms have none, nor has a LoRA-B, which starts at zero.
    layer_decay (float): Each layer has the rate of the one above it times this; embeddings come below the first
        layer (Howard and Ruder 2018, https://arxiv.org/abs/1801.06146, section 3.2).
    lora_rate (float): The rate of adapters is so many times that of their layer.
    RETURNS (list[dict]): `params`, `lr`, `weight_decay`, a `name`, and `scale`, the group's share of `rate`, by which
        a schedule can set `lr`. In the order of depth, and the same for the same model and settings.
    """
    n = len(layers_of(model))
    groups: dict[tuple[int, bool, bool], dict[str, Any]] = {}
    parameters = dict(model.named_parameters())
    for name, depth in depths(model).items():
        parameter = parameters[name]
        if parameter.requires_grad:
            key = (depth, is_adapter(name), _decays(name, parameter))
            groups.setdefault(key, _group(key, n, rate, weight_decay, layer_decay, lora_rate))["params"].append(
                parameter
            )
    return [groups[key] for key in sorted(groups)]


def _group(
    key: tuple[int, bool, bool], n: int, rate: float, weight_decay: float, layer_decay: float, lora_rate: float
) -> dict[str, Any]:
    depth, adapter, decays = key
    place = "embeddings" if depth == 0 else f"layer {depth}" if depth <= n else "top"
    scale = layer_decay ** max(n - depth, 0) * (lora_rate if adapter else 1.0)
    return {
        "params": [],
        "lr": rate * scale,
        "weight_decay": weight_decay if decays else 0.0,
        "scale": scale,
        "name": f"{place}{', adapters' if adapter else ''}{'' if decays else ', no decay'}",
    }


def _decays(name: str, parameter: nn.Parameter) -> bool:
    return parameter.ndim > 1 and ".lora_B." not in name
