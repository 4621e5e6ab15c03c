"""Export a pipeline with a Transformer to a folder that ONNX Runtime and numpy run without torch or spaCy.

model.onnx     windows of pieces → emissions, in float32, see `transformer.onnx_graph` and `quantize_onnx`
pieces.npz     the pieces of each character, norms included, see `transformer.code_points`
pipeline.json  tags and transitions, what stands around a window, and how long it may be
"""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
from spacy.language import Language
from thinc.api import Model
from thinc.types import Floats2d

from .. import __version__
from ..components.crf_ner import CRFEntityRecognizer
from ..components.inspection import find_recognizer
from ..encoders import Tok2VecT
from ..encoders.torch_interop import to_torch
from ..errors import Errors
from ..tokenization.char_tokenizer import CharTokenizer
from ..transformer.checkpoint import merge
from ..transformer.code_points import code_point_pieces
from ..transformer.model import shim_of
from ..transformer.quantization import INT8_CPU
from ..transformer.shim import BackboneShim
from ..transformer.windows import ClauseWindows
from ..untrusted import sha256_of
from .check_onnx import Agreement, check_onnx
from .onnx_graph import Emitter, require_onnx, write_graph

FORMAT = 1


def write_onnx(nlp: Language, folder: Path, name: str | None = None) -> Agreement:
    """Write what finds the entities of a pipeline, and make sure that it finds the same.

    nlp (Language): The pipeline, on the CPU. Adapters are added to their weights, and half precision becomes float32:
        it is changed.
    folder (Path): An empty folder.
    name (Optional[str]): The component, if there are several `zh_tw_crf_ner`.
    RETURNS (Agreement): How well emissions agree, and how fast both are.
    RAISES (ValueError): For what cannot be written: another encoder than a Transformer of ours, quantised weights,
        tokens of several characters; or if what was written finds something else.
    """
    require_onnx()
    ner = find_recognizer(nlp, name)
    _require_characters(nlp)
    encoder = find_encoder(nlp, ner)
    shim = shim_of(encoder)
    _require_plain(shim)
    _to_float(shim)
    output = ner.model.get_ref("output_layer")
    weight, bias = (to_torch(cast(Floats2d, output.get_param(param))).float() for param in ("W", "b"))
    if weight.shape[1] != shim.backbone.width:
        raise ValueError(Errors.ZT547.format(name=ner.name))
    write_graph(Emitter(merge(shim.backbone, shim.table.tokenizer), weight, bias), folder / "model.onnx")
    np.savez_compressed(folder / "pieces.npz", **code_point_pieces(shim.table, nlp.tokenizer)._asdict())
    write_about(folder, _about(nlp, ner, encoder))
    return check_onnx(nlp, ner, encoder, folder)


def write_about(folder: Path, about: dict[str, Any]) -> None:
    """Write `pipeline.json`, with the SHA-256 of the other files.

    folder (Path): With all other files.
    about (dict): What is written; hashes of before are replaced.
    """
    others = sorted(path for path in folder.iterdir() if path.is_file() and path.name != "pipeline.json")
    hashes = {path.name: sha256_of(path) for path in others}
    text = json.dumps({**about, "sha256": hashes}, ensure_ascii=False)
    (folder / "pipeline.json").write_text(text, encoding="utf-8")


def _require_characters(nlp: Language) -> None:
    tokenizer = nlp.tokenizer
    if not isinstance(tokenizer, CharTokenizer):
        raise ValueError(Errors.ZT549.format(seen=type(tokenizer).__name__))
    if tokenizer.group or tokenizer.script:
        raise ValueError(Errors.ZT549.format(seen=f"group={tokenizer.group} and script={tokenizer.script!r}"))


def find_encoder(nlp: Language, ner: CRFEntityRecognizer) -> Tok2VecT:
    """Find what a head reads: a Transformer of its own, or that to which it listens.

    nlp (Language): The pipeline.
    ner (CRFEntityRecognizer): Its component.
    RETURNS (Model[list[Doc], list[Floats2d]]): The encoder.
    RAISES (ValueError): If it is none of ours.
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
        raise ValueError(Errors.ZT547.format(name=ner.name))
    return cast(Tok2VecT, found[0])


def _is_encoder(layer: Model[Any, Any]) -> bool:
    return any(isinstance(shim, BackboneShim) for shim in layer.shims)


def _require_plain(shim: BackboneShim) -> None:
    quantization = shim.backbone.settings.quantization
    if quantization is not None:
        raise ValueError(Errors.ZT548 if quantization.kind == INT8_CPU else Errors.ZT552.format(kind=quantization.kind))


def _to_float(shim: BackboneShim) -> None:
    """Have the pipeline, too, compute in float32: what is written does, and could not be compared otherwise."""
    backbone = shim.backbone
    memory = replace(backbone.settings.memory, precision="fp32", freeze_layers=0)
    backbone.settings = replace(backbone.settings, memory=memory)
    backbone.model.float()


def _about(nlp: Language, ner: CRFEntityRecognizer, encoder: Tok2VecT) -> dict[str, Any]:
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
        # From row to column; what is forbidden is −1e30.
        **{field: array.tolist() for field, array in transitions._asdict().items()},
        "temperature": ner.temperature,
        "min_score": ner.min_score,
        "prefix": shim.table.prefix,
        "suffix": shim.table.suffix,
        "pad": shim.table.pad_id,
        # Of a window, in pieces, without prefix and suffix; and of the context on each side.
        "size": size,
        "overlap": min(windows.overlap, size // 4),
    }
