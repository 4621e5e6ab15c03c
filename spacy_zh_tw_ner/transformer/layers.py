"""Find the layers of a base model in any architecture."""

from torch import nn

from .hub import Base


def layers_of(model: Base) -> nn.ModuleList:
    """Find the stack of Transformer layers.

    RETURNS (nn.ModuleList): The layers, the first to run in front. ALBERT has one, which runs many times.
    """
    return _stack(model)[1]


def depths(model: Base) -> dict[str, int]:
    """Say how deep each parameter lies.

    RETURNS (dict[str, int]): For each name, 0 for embeddings, i + 1 for layer i, and n + 1 for what follows n layers.
    """
    path, layers = _stack(model)
    found = {}
    for name, _ in model.named_parameters():
        if name.startswith(f"{path}."):
            found[name] = int(name[len(path) + 1 :].partition(".")[0]) + 1
        else:
            # "embeddings", "embed_tokens", ELECTRA's "embeddings_project", DeBERTa's "rel_embeddings", …
            found[name] = 0 if "embed" in name else len(layers) + 1
    return found


def shares_layers(model: Base) -> bool:
    """Return whether layers share their weights, as in ALBERT."""
    return bool(len(layers_of(model)) < model.config.num_hidden_layers)


def _stack(model: Base) -> tuple[str, nn.ModuleList]:
    # ALBERT's config counts how often layers run, and, as groups, how many there are.
    n = getattr(model.config, "num_hidden_groups", model.config.num_hidden_layers)
    return next(
        (name, module)
        for name, module in model.named_modules()
        if isinstance(module, nn.ModuleList) and len(module) == n
    )
