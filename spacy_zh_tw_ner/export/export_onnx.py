"""Export a pipeline with a Transformer to a folder that ONNX Runtime and numpy run without torch or spaCy.

model.onnx     wordpieces of windows → emissions, in float32 (or, after `quantize_onnx`, with weights in 8 bits)
               input_ids, attention_mask: int64, (windows, length)  →  emissions: float32, (windows, length, tags)
pieces.npz     wordpieces into which each Unicode character is split
pipeline.json  tags and transitions, special wordpieces around a window, and the largest size of a window

The graph returns the emissions of each wordpiece. In the pipeline, the vector of a token is the mean over its
wordpieces, and the head is linear. So the emissions of a token are the mean of the emissions of its wordpieces, which
the caller computes.

torch has two exporters: `torch.export`, which is used here, and an older one that traces (`dynamo=False`). For a BERT
with 4 layers of width 312, the older one takes 0.3 s and `torch.export` 3 to 5 s, and ONNX Runtime runs the older one's
graph 7 to 11 % faster. But the older one is deprecated, exports only the branches of code that run for its example
input, and fails for causal decoders (Qwen2 and LLaMA, whose masks use `vmap`).
"""

import json
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from spacy.language import Language
from thinc.api import Model
from thinc.types import Floats2d
from torch import nn

from .. import __version__
from ..components.crf_ner import CRFEntityRecognizer
from ..components.inspection import find_recognizer
from ..encoders import Tok2VecT
from ..encoders.torch_interop import to_torch
from ..errors import Errors, MissingExtraError, PipelineError
from ..extras import install_hint
from ..tokenization.char_tokenizer import CharTokenizer
from ..transformer.backbone import Backbone
from ..transformer.base_model import bidirectional_mask, is_decoder
from ..transformer.model import shim_of
from ..transformer.quantization import INT8_CPU
from ..transformer.serialization import merge
from ..transformer.shim import BackboneShim
from ..transformer.windows import ClauseWindows
from ..transformer.wordpieces import code_point_wordpieces
from ..untrusted import sha256_of
from .check_onnx import ExportComparison, check_onnx

FORMAT = 1
PACKAGES = ("onnx", "onnxruntime", "onnxscript")
INPUTS = ("input_ids", "attention_mask")
AXES = {0: "windows", 1: "length"}
ONE_FILE = 2**31 - 2**26  # bytes of weights; protobuf holds no more than 2 GiB
LOGGERS = ("torch.onnx", "onnxscript", "onnx_ir")


def write_onnx(nlp: Language, folder: Path, name: str | None = None) -> ExportComparison:
    """Export a pipeline to ONNX, and check that the exported model predicts the same tags.

    nlp (Language): The pipeline, on the CPU. It is changed: adapters are merged, and half precision becomes float32.
    folder (Path): An empty folder.
    name (Optional[str]): Name of the recognizer, if the pipeline has several `zh_tw_crf_ner`.
    RETURNS (ExportComparison): Differences between the emissions of pipeline and exported model, and their speed.
    RAISES (ValueError): If the encoder is not a Transformer of this package, its weights are quantized, the tokenizer
        makes tokens of several characters, or the exported model predicts other tags.
    """
    require_onnx()
    ner = find_recognizer(nlp, name, CRFEntityRecognizer)
    _require_characters(nlp)
    encoder = find_encoder(nlp, ner)
    shim = shim_of(encoder)
    _require_plain(shim)
    _to_float(shim)
    output = ner.model.get_ref("output_layer")
    weight, bias = (to_torch(cast(Floats2d, output.get_param(param))).float() for param in ("W", "b"))
    if weight.shape[1] != shim.backbone.width:
        raise PipelineError(Errors.ZT547.format(name=ner.name))
    write_graph(EmissionModel(merge(shim.backbone, shim.table.tokenizer), weight, bias), folder / "model.onnx")
    np.savez_compressed(folder / "pieces.npz", **code_point_wordpieces(shim.table, nlp.tokenizer)._asdict())
    write_metadata(folder, _metadata(nlp, ner, encoder))
    return check_onnx(nlp, ner, encoder, folder)


def require_onnx() -> None:
    """Check that the packages for the export are installed.

    RAISES (MissingExtraError): If one is missing.
    """
    missing = [name for name in PACKAGES if find_spec(name) is None]
    if missing:
        raise MissingExtraError(Errors.ZT546.format(missing=", ".join(missing), hint=install_hint("onnx")))


def _require_characters(nlp: Language) -> None:
    """Raise a PipelineError unless the tokenizer of the pipeline makes each character one token."""
    tokenizer = nlp.tokenizer
    if not isinstance(tokenizer, CharTokenizer):
        raise PipelineError(Errors.ZT549.format(seen=type(tokenizer).__name__))
    if tokenizer.group or tokenizer.script:
        raise PipelineError(Errors.ZT549.format(seen=f"group={tokenizer.group} and script={tokenizer.script!r}"))


def find_encoder(nlp: Language, ner: CRFEntityRecognizer) -> Tok2VecT:
    """Find the Transformer of a recognizer: in its own model, or in the component that it listens to.

    nlp (Language): The pipeline.
    ner (CRFEntityRecognizer): The recognizer.
    RETURNS (Model[list[Doc], list[Floats2d]]): The encoder.
    RAISES (PipelineError): If the encoder is not a Transformer of this package.
    """
    own = ner.model.get_ref("tok2vec")
    listeners = {layer.id for layer in own.walk()}
    heard = [
        cast(Any, pipe).model
        for _, pipe in nlp.pipeline
        if any(listener.id in listeners for listener in getattr(pipe, "listeners", ()))
    ]
    found = [layer for model in (own, *heard) for layer in model.walk() if _is_encoder(layer)]
    if len(found) != 1:
        raise PipelineError(Errors.ZT547.format(name=ner.name))
    return cast(Tok2VecT, found[0])


def _is_encoder(layer: Model[Any, Any]) -> bool:
    return any(isinstance(shim, BackboneShim) for shim in layer.shims)


def _require_plain(shim: BackboneShim) -> None:
    """Raise a PipelineError if the weights of the Transformer are quantized."""
    quantization = shim.backbone.settings.quantization
    if quantization is not None:
        raise PipelineError(
            Errors.ZT548 if quantization.kind == INT8_CPU else Errors.ZT552.format(kind=quantization.kind)
        )


def _to_float(shim: BackboneShim) -> None:
    """Convert the Transformer of a shim to float32 in place, so that it can be compared with the exported model."""
    backbone = shim.backbone
    memory = replace(backbone.settings.memory, precision="fp32", freeze_layers=0)
    backbone.settings, backbone.precision = replace(backbone.settings, memory=memory), "fp32"
    backbone.model.float()


class EmissionModel(nn.Module):
    """Module that is exported: the Transformer of a pipeline, and the linear layer of the head.

    backbone (Backbone): The Transformer in float32, without adapters.
    weight (torch.Tensor): Weights of the head, (n_tags, width).
    bias (torch.Tensor): Bias of the head, (n_tags,).
    """

    def __init__(self, backbone: Backbone, weight: torch.Tensor, bias: torch.Tensor) -> None:
        super().__init__()
        self.model = backbone.model
        self.is_bidirectional = backbone.settings.attention == "bidirectional" and is_decoder(backbone.model)
        self.head = nn.Linear(weight.shape[1], weight.shape[0])
        self.head.weight.data, self.head.bias.data = weight, bias

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """Compute emissions.

        input_ids (torch.Tensor): Wordpiece ids, (windows, length).
        attention_mask (torch.Tensor): 1 for wordpieces and 0 for padding, (windows, length).
        RETURNS (torch.Tensor): Emissions of each wordpiece, (windows, length, n_tags).
        """
        mask = bidirectional_mask(attention_mask, torch.float32) if self.is_bidirectional else attention_mask
        hidden = self.model(input_ids=input_ids, attention_mask=mask).last_hidden_state
        return cast(torch.Tensor, self.head(hidden))


def write_graph(model: EmissionModel, path: Path) -> None:
    """Write the ONNX graph of a model. Weights too large for a protobuf file go to a second file, `model.onnx.data`.

    model (EmissionModel): The model, on the CPU.
    path (Path): File of the graph.
    RAISES (PipelineError): If torch cannot export this model family.
    """
    size = sum(p.numel() * p.element_size() for p in model.parameters())
    # The example has two windows: torch would treat a dimension of size 1 as constant.
    example = torch.ones(2, 8, dtype=torch.int64)
    try:
        with torch.inference_mode(False), torch.no_grad(), _quiet():
            program = torch.onnx.export(
                model.eval(),
                (example, example.clone()),
                dynamo=True,
                verbose=False,
                input_names=INPUTS,
                output_names=["emissions"],
                dynamic_shapes={name: dict(AXES) for name in INPUTS},
            )
            assert program is not None
            # The metadata of nodes list source files and lines: half of the size of a small model.
            for node in program.model.graph.all_nodes():
                node.metadata_props.clear()
            program.save(path, external_data=size > ONE_FILE)
    except RuntimeError as error:
        reason = next(iter(str(error).strip().splitlines()), repr(error))
        raise PipelineError(Errors.ZT550.format(family=model.model.config.model_type, reason=reason)) from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Context manager: silence messages of torch's exporter about torchvision, and about its own deprecated code."""
    loggers = [logging.getLogger(name) for name in LOGGERS]
    before = [logger.level for logger in loggers]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"`isinstance\(treespec, LeafSpec\)` is deprecated", FutureWarning)
        # Intended: both inputs share the names of their axes.
        warnings.filterwarnings("ignore", "# The axis name: .* will not be used", UserWarning)
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        try:
            yield
        finally:
            for logger, level in zip(loggers, before, strict=True):
                logger.setLevel(level)


def write_metadata(folder: Path, metadata: dict[str, Any]) -> None:
    """Write `pipeline.json` with the SHA-256 of the other files.

    folder (Path): Folder of the exported model; all other files must be written.
    metadata (dict): The content; existing hashes are replaced.
    """
    others = sorted(path for path in folder.iterdir() if path.is_file() and path.name != "pipeline.json")
    hashes = {path.name: sha256_of(path) for path in others}
    text = json.dumps({**metadata, "sha256": hashes}, ensure_ascii=False)
    (folder / "pipeline.json").write_text(text, encoding="utf-8")


def _metadata(nlp: Language, ner: CRFEntityRecognizer, encoder: Tok2VecT) -> dict[str, Any]:
    """Return the content of `pipeline.json`, except for the hashes of the other files.

    RETURNS (dict[str, Any]): "labels" and "tags" → names; each field of `Transitions` → scores; "temperature" and
        "min_score" → settings of the recognizer; "prefix", "suffix" and "pad" → ids of the wordpieces before and after
        a window, and of padding; "size" and "overlap" → size of a window and context on each side, in wordpieces;
        and "format", "made_by", "weights" and "pipeline" (name, version and license) → origin of the files.
    """
    shim, get_spans = shim_of(encoder), encoder.attrs["get_spans"]
    windows = get_spans if isinstance(get_spans, ClauseWindows) else ClauseWindows()
    limit = shim.backbone.max_length
    size = windows.size if limit is None else min(windows.size, limit - shim.table.n_special)
    transitions = ner.transitions()
    return {
        "format": FORMAT,
        "made_by": f"spacy-zh-tw-ner {__version__}",
        "weights": "float32",
        "pipeline": {key: nlp.meta[key] for key in ("name", "version", "license") if nlp.meta.get(key)},
        "labels": list(ner.labels),
        "tags": list(ner.scheme.tags),
        # Transition scores from row to column; −1e30 for forbidden transitions.
        **{field: array.tolist() for field, array in transitions._asdict().items()},
        "temperature": ner.temperature,
        "min_score": ner.min_score,
        "prefix": shim.table.prefix,
        "suffix": shim.table.suffix,
        "pad": shim.table.pad_id,
        # Window size without prefix and suffix, and context on each side, in wordpieces.
        "size": size,
        "overlap": min(windows.overlap, size // 4),
    }
