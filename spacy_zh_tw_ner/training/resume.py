"""Serialize the state of optimizers, so that training continues exactly.

thinc keeps moments under ids that are new in every process. Here they stand under the name of the component and the
place of the layer in its model, which are the same wherever the same pipeline is loaded.
"""

import json
import math
from collections.abc import Iterator
from typing import Any, TypeAlias, cast

import numpy as np
import torch
from safetensors.numpy import load, save
from spacy.language import Language
from thinc.api import Model, Optimizer
from thinc.types import FloatsXd

from ..errors import Errors, ZhTwNerError
from ..transformer.shim import BackboneShim
from ..untrusted import origin, parse_json, reading, require, require_type, whole_number

KeyT: TypeAlias = tuple[int, str]
MOMENTS = ("mom1", "mom2", "averages")


def optimizer_to_bytes(nlp: Language, optimizer: Optimizer, step: int) -> bytes:
    """Give what is needed to go on, beside the weights: moments, averages, and the torch optimizer of a Transformer.

    nlp (Language): The pipeline that is trained.
    optimizer (Optimizer): thinc's, or a `GroupedOptimizer`.
    step (int): Updates so far.
    RETURNS (bytes): As safetensors.
    """
    arrays: dict[str, np.ndarray[Any, Any]] = {}
    counts: dict[str, int] = {}
    for place, key, model, _ in _parameters(nlp):
        for name in MOMENTS:
            moments = getattr(optimizer, name) or {}
            if key in moments:
                found = model.ops.to_numpy(moments[key])  # type: ignore[no-untyped-call]
                arrays[f"{name}/{place}"] = np.ascontiguousarray(found)
        if key in optimizer.nr_update:
            counts[place] = optimizer.nr_update[key]
    for place, shim in _backbones(nlp):
        arrays[f"torch/{place}"] = np.frombuffer(shim.optimizer_to_bytes(), dtype=np.uint8)
    said = json.dumps({"step": step, "counts": counts}).encode()
    return save({"said": np.frombuffer(said, dtype=np.uint8), **arrays})


def optimizer_from_bytes(nlp: Language, optimizer: Optimizer, data: bytes, *, step: int | None = None) -> int:
    """Have a new optimizer remember, and bring its schedules to where they were.

    nlp (Language): The pipeline, loaded with the weights of that time.
    optimizer (Optimizer): Fresh, from the same config.
    data (bytes): From `optimizer_to_bytes`.
    step (Optional[int]): How many updates there were, where another part of the file says so, too.
    RETURNS (int): Updates so far.
    RAISES (ValueError): If the pipeline has other parameters.
    RAISES (UnreadableFileError): If the data is damaged.
    """
    with reading(origin()):
        arrays = load(data)
        said = require_type("said", parse_json(arrays.pop("said").tobytes()), dict)
        counts = require_type("counts", said.get("counts"), dict)
        known = whole_number("step", said.get("step"), 0, 2**31)
        require(step in (None, known), "step", known, f"{step}, as in the position")
        known_names = {f"{name}/{place}" for place, *_ in _parameters(nlp) for name in MOMENTS}
        unknown = arrays.keys() - known_names - {f"torch/{place}" for place, _ in _backbones(nlp)}
        if unknown:
            raise ZhTwNerError(Errors.ZT401.format(n=len(unknown), first=min(unknown)))
        for place, key, model, parameter in _parameters(nlp):
            for name in MOMENTS:
                found, moments = arrays.pop(f"{name}/{place}", None), getattr(optimizer, name)
                if found is not None and moments is not None:
                    shape = tuple(parameter.shape)
                    fits = found.dtype == np.float32 and found.size == math.prod(shape)
                    require(fits, f"{name}/{place}", found.shape, f"floats of shape {shape}")
                    moments[key] = model.ops.asarray_f(cast(FloatsXd, found))
            if place in counts:
                optimizer.nr_update[key] = whole_number(f"counts.{place}", counts[place], 0, 2**31)
        for place, shim in _backbones(nlp):
            state = arrays.pop(f"torch/{place}", None)
            if state is not None and len(state):
                shim.optimizer_from_bytes(state.tobytes(), optimizer)
    for _ in range(known):
        optimizer.step_schedules()  # type: ignore[no-untyped-call]
    return known


def layers_of(nlp: Language) -> Iterator[tuple[str, Model[Any, Any]]]:
    """All layers of all components, each under a name that it has in every process."""
    for name, component in nlp.pipeline:
        model = getattr(component, "model", None)
        if isinstance(model, Model):
            yield from ((f"{name}.{i}", layer) for i, layer in enumerate(model.walk()))


def _parameters(nlp: Language) -> Iterator[tuple[str, KeyT, Model[Any, Any], Any]]:
    """The place of each parameter, the key that thinc has for it in this process, its layer, and the parameter."""
    for place, layer in layers_of(nlp):
        for name in layer.param_names:
            if layer.has_param(name):
                yield f"{place}.{name}", (layer.id, name), layer, layer.get_param(name)
        for i, shim in enumerate(layer.shims):
            if isinstance(shim._model, torch.nn.Module):
                for name, parameter in shim._model.named_parameters():
                    yield f"{place}.shim{i}.{name}", (shim.id, name), layer, parameter


def _backbones(nlp: Language) -> Iterator[tuple[str, BackboneShim]]:
    for place, layer in layers_of(nlp):
        yield from ((place, shim) for shim in layer.shims if isinstance(shim, BackboneShim))
