"""Export a backbone and a linear layer as an ONNX graph, which runs without torch.

    input_ids, attention_mask: int64, (windows, length)  →  emissions: float32, (windows, length, tags)

There is a row of emissions for each piece, and no input that says which pieces are a token: a token's vector is the
mean of its pieces', the layer is linear, and so a token's emissions are the mean of its pieces' emissions. Whoever runs
the graph takes that mean, in a line.

torch has two exporters. The one that traces (`dynamo=False`) takes 0.3 s for a 4 × 312 BERT where that over
`torch.export` takes 3 to 5, and ONNX Runtime runs its graph 7 to 11 % faster. But it fails for decoders that look back
only (Qwen2 and LLaMA: their masks are made by `vmap`), keeps whatever its example did in each branch of a model's code,
and torch says that it will go. So the other one it is.
"""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import cast

import torch
from torch import nn

from ..errors import Errors
from ..extras import install_hint
from ..transformer.backbone import Backbone
from ..transformer.bidirectional import full_mask, is_decoder

PACKAGES = ("onnx", "onnxruntime", "onnxscript")
INPUTS = ("input_ids", "attention_mask")
AXES = {0: "windows", 1: "length"}
ONE_FILE = 2**31 - 2**26  # bytes of weights; protobuf holds no more than 2 GiB
LOGGERS = ("torch.onnx", "onnxscript", "onnx_ir")


class Emitter(nn.Module):
    """The model that is written.

    backbone (Backbone): In float32, without adapters.
    weight, bias (torch.Tensor): (n_tags, width) and (n_tags,) of the head.
    """

    def __init__(self, backbone: Backbone, weight: torch.Tensor, bias: torch.Tensor) -> None:
        super().__init__()
        self.model = backbone.model
        self.both_ways = backbone.settings.attention == "bidirectional" and is_decoder(backbone.model)
        self.head = nn.Linear(weight.shape[1], weight.shape[0])
        self.head.weight.data, self.head.bias.data = weight, bias

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """(B, T), (B, T) → (B, T, n_tags)"""
        mask = full_mask(attention_mask, torch.float32) if self.both_ways else attention_mask
        hidden = self.model(input_ids=input_ids, attention_mask=mask).last_hidden_state
        return cast(torch.Tensor, self.head(hidden))


def require_onnx() -> None:
    """Check that the packages are there. RAISES (ValueError): Where they are not."""
    missing = [name for name in PACKAGES if find_spec(name) is None]
    if missing:
        raise ValueError(Errors.ZT546.format(missing=", ".join(missing), hint=install_hint("onnx")))


def write_graph(emitter: Emitter, path: Path) -> None:
    """Write the graph; weights that one file cannot hold stand beside it, in `model.onnx.data`.

    emitter (Emitter): In evaluation mode, on the CPU.
    path (Path): The file.
    RAISES (ValueError): For a family that torch cannot write.
    """
    size = sum(p.numel() * p.element_size() for p in emitter.parameters())
    # Two of each, and of what is not two: a size that is 1 would be taken for a constant.
    example = torch.ones(2, 8, dtype=torch.int64)
    try:
        with torch.inference_mode(False), torch.no_grad(), _quiet():
            program = torch.onnx.export(
                emitter.eval(),
                (example, example.clone()),
                dynamo=True,
                verbose=False,
                input_names=INPUTS,
                output_names=["emissions"],
                dynamic_shapes={name: dict(AXES) for name in INPUTS},
            )
            assert program is not None
            # Each node tells from which lines of which files on this machine it is: half of a small model's size.
            for node in program.model.graph.all_nodes():
                node.metadata_props.clear()
            program.save(path, external_data=size > ONE_FILE)
    except RuntimeError as error:
        reason = next(iter(str(error).strip().splitlines()), repr(error))
        raise ValueError(Errors.ZT550.format(family=emitter.model.config.model_type, reason=reason)) from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep back what the exporter says about itself: operators of torchvision it goes without, and its own future."""
    loggers = [logging.getLogger(name) for name in LOGGERS]
    before = [logger.level for logger in loggers]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"`isinstance\(treespec, LeafSpec\)` is deprecated", FutureWarning)
        # Both inputs have the same two axes, by the same names.
        warnings.filterwarnings("ignore", "# The axis name: .* will not be used", UserWarning)
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        try:
            yield
        finally:
            for logger, level in zip(loggers, before, strict=True):
                logger.setLevel(level)
