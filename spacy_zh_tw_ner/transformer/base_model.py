"""Inspect base models of any family: layers, depth of each parameter, direction of attention."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

if TYPE_CHECKING:
    from transformers import PretrainedConfig

# Added to the attention score of a masked position, which gets probability 0; the sum is finite in float16.
MASKED_SCORE = -30_000.0
# Families in which the first position has the number of the padding id + 1
NUMBERED_FROM_PADDING = ("roberta", "xlm-roberta", "camembert")


class Base(nn.Module):
    """Type of a `transformers.PreTrainedModel` for type checkers; never instantiated."""

    config: Any
    get_input_embeddings: Callable[[], nn.Embedding]
    save_pretrained: Callable[..., None]


def has_classifier(config: "PretrainedConfig") -> bool:
    """Return whether a checkpoint has a head for token classification, by the config of its model."""
    return any(kind.endswith("ForTokenClassification") for kind in config.architectures or ())


def layers_of(model: Base) -> nn.ModuleList:
    """Return the Transformer layers of a model.

    RETURNS (nn.ModuleList): The layers, in the order in which they run. ALBERT has one layer, which runs many times.
    """
    return _stack(model)[1]


def layers_path(model: Base) -> str:
    """Return the name of the module that holds the Transformer layers, such as "encoder.layer"."""
    return _stack(model)[0]


def depths(model: Base) -> dict[str, int]:
    """Return the depth of each parameter, counted in layers.

    RETURNS (dict[str, int]): Depth by parameter name: 0 for embeddings, i + 1 for layer i (from 0), and n + 1 for
        parameters after the n layers.
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


def is_decoder(model: Base) -> bool:
    """Return whether a model is a decoder, whose attention is causal by default."""
    return any(getattr(module, "is_causal", False) for module in model.modules())


def bidirectional_mask(attention_mask: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """Build a mask with which a decoder attends in both directions.

    If there is no padding, transformers drops a two-dimensional mask and runs the causal kernel. A mask with one row
    per query reaches the attention unchanged, with the implementations "sdpa" and "eager".

    attention_mask (torch.Tensor): (batch, length), 1 for wordpieces and 0 for padding.
    dtype (torch.dtype): Type of the attention scores.
    RETURNS (torch.Tensor): (batch, 1, length, length), which is added to the attention scores: 0 for keys that are
        wordpieces, and a large negative number for padding.
    """
    b, t = attention_mask.shape
    padding = (attention_mask == 0)[:, None, None, :].expand(b, 1, t, t)
    return torch.zeros(b, 1, t, t, dtype=dtype, device=attention_mask.device).masked_fill(padding, MASKED_SCORE)


def _stack(model: Base) -> tuple[str, nn.ModuleList]:
    """Return the name and the module of the Transformer layers.

    This is the first `ModuleList` that has as many modules as the config has layers (in ALBERT, groups of layers).

    RAISES (StopIteration): If the model has no such module.
    """
    # In ALBERT's config, `num_hidden_layers` is how often layers run, and `num_hidden_groups` how many there are.
    n = getattr(model.config, "num_hidden_groups", model.config.num_hidden_layers)
    return next(
        (name, module)
        for name, module in model.named_modules()
        if isinstance(module, nn.ModuleList) and len(module) == n
    )
