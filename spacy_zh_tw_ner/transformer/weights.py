"""The weights of a base and of its adapters, by the names that the family's plain model has for them."""

import hashlib
from collections.abc import Mapping

import torch
from torch import nn

from ..errors import Errors
from .lora import adapted, adapter_parameters, is_adapter, plain_name
from .quantization import is_quantized, plain_weight

Weights = dict[str, torch.Tensor]


def base_weights(model: nn.Module) -> Weights:
    """Give the base without its adapters; quantised layers with all that bitsandbytes needs to have them again."""
    return {plain_name(name): tensor for name, tensor in model.state_dict().items() if not is_adapter(name)}


def merged_weights(model: nn.Module) -> Weights:
    """Add each adapter's update to the weight beside it.

    RETURNS (dict[str, torch.Tensor]): float32. Quantised layers come out as plain ones, for the update would not
        survive another rounding: what is merged needs no bitsandbytes any more.
    """
    weights = base_weights(model)
    for path, layer in model.named_modules():
        if adapted(layer):
            weight = plain_weight(layer.base_layer) + layer.get_delta_weight("default").detach()
        elif is_quantized(layer) and not path.endswith(".base_layer"):
            weight = plain_weight(layer)
        else:
            continue
        for name in [name for name in weights if name.startswith(f"{path}.") and name != f"{path}.bias"]:
            weights.pop(name)
        weights[f"{path}.weight"] = weight
    return {name: tensor.float() for name, tensor in weights.items()}


def adapter_weights(model: nn.Module, bias: str) -> Weights:
    """Give the adapters, and the biases that train with them."""
    return {name: parameter.detach() for name, parameter in adapter_parameters(model, bias).items()}


def load_adapter(model: nn.Module, bias: str, weights: Mapping[str, torch.Tensor]) -> None:
    """Put adapters in place.

    RAISES (ValueError): If they are not those of this model, to the last name and shape.
    """
    own = adapter_parameters(model, bias)
    wrong = sorted(own.keys() ^ weights.keys())
    wrong += [name for name in own if name in weights and own[name].shape != weights[name].shape]
    if wrong:
        raise ValueError(Errors.ZT335.format(name=wrong[0], count=len(wrong)))
    for name, parameter in own.items():
        parameter.data.copy_(weights[name])


def unquantized(model: nn.Module) -> Weights:
    """Give what quantisation leaves alone: embeddings, norms and biases; of a plain base, all of it."""
    packed = tuple(f"{path}." for path, layer in model.named_modules() if is_quantized(layer))
    return {
        name: tensor
        for name, tensor in model.state_dict().items()
        if not (name.startswith(packed) and not name.endswith(".bias"))
    }


def fingerprint(model: nn.Module) -> str:
    """Tell one base from another.

    model (nn.Module): As loaded, in float32 and without adapters.
    RETURNS (str): SHA-256 over name, shape and bytes of each weight that is not quantised, by order of names.
        Quantised ones are left out because two devices need not round alike.
    """
    digest = hashlib.sha256()
    for name, tensor in sorted(unquantized(model).items()):
        digest.update(f"{name}{tuple(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().data)
    return digest.hexdigest()
