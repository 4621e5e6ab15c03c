"""Leave the embeddings and the first layers as they are."""

from ..errors import Errors
from .hub import Base
from .layers import depths, layers_of, shares_layers


def freeze(model: Base, n: int) -> None:
    """Freeze the embeddings and the first layers, with the adapters in them.

    n (int): So many layers; 0 freezes nothing, not even the embeddings.
    RAISES (ValueError): For more layers than there are, or where layers share their weights.
    """
    if not n:
        return
    if shares_layers(model):
        raise ValueError(Errors.ZT329.format(n=n, family=model.config.model_type))
    if n > len(layers_of(model)):
        raise ValueError(Errors.ZT330.format(n=n, layers=len(layers_of(model))))
    parameters = dict(model.named_parameters())
    for name, depth in depths(model).items():
        if depth <= n:
            parameters[name].requires_grad_(False)
