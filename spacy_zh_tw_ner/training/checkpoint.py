"""Save and load checkpoints: one file with everything that a run needs to continue exactly.

Weights that train, the optimizers' memory (see `resume`), random numbers, how far the corpus was read, and what was
scored. What does not train comes from where it came from at first, so that the file is small where little trains.
"""

import json
import math
import random
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypeAlias, cast

import numpy as np
import torch
from safetensors.numpy import load, save
from spacy.language import Language
from thinc.api import Config, Model, Optimizer
from thinc.types import FloatsXd

from ..atomic_writes import write_whole
from ..errors import Errors, TrainingError
from ..transformer.shim import BackboneShim
from ..untrusted import in_range, origin, parse_json, reading, require, require_type, whole_number

FORMAT = 1
MOST_STEPS = 10_000_000  # schedules advance step by step, which takes a second per 100,000 steps
# What may differ between a run and its resumption: where things are, and how they are reported
FREE = ("paths.", "training.logger", "system.gpu_allocator", "training.gpu_allocator")


@dataclass
class Position:
    """How far a run has come.

    step: Updates so far. words: Tokens seen. seconds: Of training. results: Score and step of each evaluation.
    losses: Since the last evaluation. evaluated_words: Tokens seen at the last evaluation; None in checkpoints of 0.1,
    which do not have it.
    """

    step: int = 0
    words: int = 0
    seconds: float = 0.0
    results: list[tuple[float, int]] = field(default_factory=list)
    losses: dict[str, float] = field(default_factory=dict)
    evaluated_words: int | None = 0


def save_checkpoint(path: Path, nlp: Language, optimizer: Optimizer, position: Position) -> None:
    """Write a checkpoint, whole or not at all: an older one stays until the new one is there.

    path (Path): The file.
    nlp (Language): The pipeline that is trained.
    optimizer (Optimizer): What trains it.
    position (Position): How far it has come.
    """
    arrays = {f"weight/{place}": np.ascontiguousarray(weight) for place, weight in _read_weights(nlp).items()}
    arrays["optimizer"] = np.frombuffer(optimizer_to_bytes(nlp, optimizer, position.step), dtype=np.uint8)
    arrays |= {f"random/{name}": state for name, state in _random_states().items()}
    said = {"format": FORMAT, "position": asdict(position), "config": nlp.config.to_str(), "python": _python_state()}
    arrays["said"] = np.frombuffer(json.dumps(said).encode(), dtype=np.uint8)
    write_whole(path, save(arrays))


def load_checkpoint(path: Path, nlp: Language, optimizer: Optimizer) -> Position:
    """Take a run up again.

    path (Path): From `save_checkpoint`.
    nlp (Language): Freshly initialized from the same config; gets the weights.
    optimizer (Optimizer): Fresh; gets its memory.
    RETURNS (Position): How far the run had come. The random numbers go on from there, too.
    RAISES (TrainingError): If the file belongs to another config or other weights.
    RAISES (UnreadableFileError): If it is damaged, or no checkpoint.
    """
    with reading(path, Errors.ZT440):
        arrays = load(path.read_bytes())
        said = require_type("said", parse_json(_bytes_in(arrays.pop("said"))), dict)
        whole_number("format", said.get("format"), FORMAT, FORMAT)
        position = _position(said.get("position"))
        differences = config_differences(Config().from_str(require_type("config", said.get("config"), str)), nlp.config)
        if differences:
            raise TrainingError(Errors.ZT441.format(path=path, differences="; ".join(differences)))
        weights = {key.removeprefix("weight/"): array for key, array in arrays.items() if key.startswith("weight/")}
        _write_weights(nlp, weights, path)
        optimizer_from_bytes(nlp, optimizer, _bytes_in(arrays["optimizer"]), step=position.step)
        _restore_random(arrays, said.get("python"))
    return position


def _position(found: object) -> Position:
    """Check the position of a run that was read from a checkpoint."""
    names = set(vars(Position()))
    values: dict[str, Any] = {"evaluated_words": None} | require_type("position", found, dict)  # 0.1 lacks it
    require(values.keys() == names, "position", sorted(values), ", ".join(sorted(names)))
    results = []
    for result in require_type("position.results", values["results"], list):
        require(isinstance(result, list) and len(result) == 2, "position.results", result, "pairs of score and step")
        score = in_range("position.results", result[0], -1e9, 1e9)
        results.append((score, whole_number("position.results", result[1], 0, MOST_STEPS)))
    losses = require_type("position.losses", values["losses"], dict)
    for name, loss in losses.items():
        require(isinstance(loss, int | float), f"position.losses.{name}", loss, "a number")
    step = whole_number("position.step", values["step"], 0, MOST_STEPS)
    words = whole_number("position.words", values["words"], 0, 2**62)
    if values["evaluated_words"] is None:
        # Assume batches of one size, which the batcher aims at.
        evaluated_words = round(words * (results[-1][1] + 1 if results else 0) / max(1, step))
    else:
        evaluated_words = whole_number("position.evaluated_words", values["evaluated_words"], 0, 2**62)
    return Position(
        step=step,
        words=words,
        seconds=in_range("position.seconds", values["seconds"], 0.0, 1e12),
        results=results,
        losses=losses,
        evaluated_words=evaluated_words,
    )


def _bytes_in(array: Any) -> bytes:
    require(array.dtype == np.uint8 and array.ndim == 1, "an array of bytes", array.dtype, "of uint8")
    data: bytes = array.tobytes()
    return data


def config_differences(one: Config, two: Config) -> list[str]:
    """What two configs say differently, but for what may differ; the first five, as `path: one → two`."""

    def flat(config: Any, before: str = "") -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in config.items():
            path = f"{before}{key}"
            found |= flat(value, f"{path}.") if isinstance(value, dict) else {path: value}
        return found

    a, b = flat(one.interpolate()), flat(two.interpolate())
    values = {str(value) for config in (a, b) for path, value in config.items() if path.startswith("paths.")}
    differing = [
        f"{path}: {a.get(path, 'nothing')} → {b.get(path, 'nothing')}"
        for path in sorted(a.keys() | b.keys())
        if a.get(path) != b.get(path) and not path.startswith(FREE) and str(b.get(path)) not in values
    ]
    return differing[:5] + ([f"and {len(differing) - 5} more"] if len(differing) > 5 else [])


def _read_weights(nlp: Language) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for place, layer in layers_of(nlp):
        for name in layer.param_names:
            if layer.has_param(name):
                found[f"{place}.{name}"] = layer.ops.to_numpy(layer.get_param(name))  # type: ignore[no-untyped-call]
        for name, tensor in _torch_weights(layer):
            found[f"{place}.torch.{name}"] = tensor.detach().cpu().numpy()
    return found


def _write_weights(nlp: Language, weights: dict[str, Any], path: Path) -> None:
    own = _read_weights(nlp)
    wrong = sorted(own.keys() ^ weights.keys())
    wrong += [place for place in own if place in weights and _kind(own[place]) != _kind(weights[place])]
    if wrong:
        raise TrainingError(Errors.ZT442.format(path=path, n=len(wrong), first=wrong[0]))
    for place, layer in layers_of(nlp):
        for name in layer.param_names:
            if layer.has_param(name):
                layer.set_param(name, layer.ops.asarray_f(cast(FloatsXd, weights[f"{place}.{name}"])))
        for name, tensor in _torch_weights(layer):
            tensor.data.copy_(torch.from_numpy(weights[f"{place}.torch.{name}"]))


def _kind(array: Any) -> tuple[Any, ...]:
    return array.shape, array.dtype


def _torch_weights(layer: Any) -> list[tuple[str, torch.Tensor]]:
    return [
        (f"{i}.{name}", parameter)
        for i, shim in enumerate(layer.shims)
        if isinstance(shim._model, torch.nn.Module)
        for name, parameter in shim._model.named_parameters()
        if parameter.requires_grad
    ]


def _python_state() -> Any:
    numpy_state = cast(tuple[Any, ...], np.random.get_state())
    return {"random": random.getstate(), "numpy": [numpy_state[0], *map(int, numpy_state[2:4]), float(numpy_state[4])]}


def _random_states() -> dict[str, Any]:
    states = {"numpy": cast(tuple[Any, ...], np.random.get_state())[1], "torch": torch.get_rng_state().numpy()}
    if torch.cuda.is_available():
        states["cuda"] = torch.cuda.get_rng_state().numpy()
    return states


def _restore_random(arrays: dict[str, Any], python: Any) -> None:
    require_type("python", python, dict)
    version, numbers, gauss = python["random"]
    random.setstate((version, tuple(numbers), gauss))
    kind, position, has_gauss, cached = python["numpy"]
    key = arrays["random/numpy"]
    # numpy does not check the position, and would read out of bounds.
    whole_number("python.numpy", position, 0, 624)
    require(_kind(key) == ((624,), np.dtype(np.uint32)), "random/numpy", _kind(key), "624 numbers of uint32")
    has_gauss, cached = whole_number("python.numpy", has_gauss, 0, 1), in_range("python.numpy", cached, -1e9, 1e9)
    np.random.set_state((kind, key, position, has_gauss, cached))
    torch.set_rng_state(torch.from_numpy(arrays["random/torch"]))
    if "random/cuda" in arrays and torch.cuda.is_available():
        torch.cuda.set_rng_state(torch.from_numpy(arrays["random/cuda"]))


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
            raise TrainingError(Errors.ZT401.format(n=len(unknown), first=min(unknown)))
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
