"""The head of a token classification checkpoint: one row of weights per label."""

from typing import NamedTuple

import torch

from ..errors import Errors
from .hub import loading, read_config

HEADS = ("classifier", "score")  # the names that families have for it


class Classifier(NamedTuple):
    """labels: As the checkpoint writes them, such as "B-ORG". weight: (n_labels, width). bias: (n_labels,)."""

    labels: list[str]
    weight: torch.Tensor
    bias: torch.Tensor


def read_classifier(name: str, revision: str | None = None) -> Classifier:
    """Read the head of a checkpoint from the Hub, its cache or a folder.

    name (str): Id on the Hub, or a folder.
    revision (Optional[str]): Branch, tag or commit on the Hub.
    RETURNS (Classifier): Its labels and weights, float32.
    RAISES (ValueError): If it is no token classification checkpoint, its labels have no names, or its head is more
        than one linear layer.
    """
    from transformers import AutoModelForTokenClassification

    config = read_config(name, revision)
    with loading(name, revision):
        model, info = AutoModelForTokenClassification.from_pretrained(
            name,
            config=config,
            revision=revision or "main",
            torch_dtype=torch.float32,
            output_loading_info=True,
            trust_remote_code=False,
        )
    if any(key.startswith(HEADS) for key in info["missing_keys"]):
        raise ValueError(Errors.ZT350.format(name=name, kinds=", ".join(config.architectures or ["unknown"])))
    head = next((getattr(model, attribute) for attribute in HEADS if hasattr(model, attribute)), None)
    if not isinstance(head, torch.nn.Linear):
        raise ValueError(Errors.ZT351.format(name=name, kind=type(head).__name__))
    labels = [str(config.id2label[i]) for i in range(head.out_features)]
    if all(label.startswith("LABEL_") for label in labels):
        raise ValueError(Errors.ZT352.format(name=name, labels=", ".join(labels[:5])))
    bias = head.bias if head.bias is not None else torch.zeros(head.out_features)
    return Classifier(labels, head.weight.detach().clone(), bias.detach().clone())
