"""Save and load checkpoints: one safetensors file from which a training run continues exactly.

It holds the trainable weights, the states of the optimizers and random number generators, and the progress of the run.
Frozen weights are not stored: the resumed run initializes them from the same config.
"""

import json
import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypeAlias, cast

import numpy as np
import torch
from safetensors.numpy import load, save
from spacy.language import Language
from thinc.api import Config, Model, Optimizer

from ..atomic_writes import write_whole
from ..errors import Errors, TrainingError
from ..transformer.settings import LOOKUP_OF_0_1, LOOKUP_OF_WORDS
from ..transformer.shim import BackboneShim
from ..untrusted import in_range, origin, parse_json, reading, require, require_type, whole_number
from .random_states import python_state, random_states, restore_random
from .run_checks import config_differences

ArrayT: TypeAlias = np.ndarray[Any, Any]

FORMAT = 1
MAX_STEPS = 10_000_000  # a bound for damaged files: loading advances the schedules by 100,000 steps per second
MOMENTS = ("mom1", "mom2", "averages")


@dataclass
class Position:
    """Progress of a training run.

    step, words, seconds: number of updates, number of tokens processed, and duration. results: (score, step) of each
    evaluation. losses: component → sum of losses since the last evaluation. evaluated_words: value of `words` at the
    last evaluation. Checkpoints of version 0.1 lack it, and it is estimated when they are loaded.
    """

    step: int = 0  # number of updates
    words: int = 0  # number of tokens processed
    seconds: float = 0.0  # duration of training
    results: list[tuple[float, int]] = field(default_factory=list)  # score and step of each evaluation
    losses: dict[str, float] = field(default_factory=dict)  # component → sum of losses since the last evaluation
    evaluated_words: int | None = 0  # number of tokens processed at the last evaluation; checkpoints of 0.1 lack it


@dataclass(frozen=True)
class Parameter:
    """A parameter of a thinc layer, or of a torch module inside one.

    place, moments_place: names of the weights, such as "ner.3.W", and of the optimizer's moments in a checkpoint.
    layer: the thinc layer. key: (id of the layer or its shim, name of the parameter), as thinc's optimizers use it.
    tensor: the torch parameter; None for a parameter of thinc.
    """

    place: str  # name of the weights in a checkpoint, such as "ner.3.W"; the same in every process
    moments_place: str  # name of the optimizer's moments in a checkpoint
    layer: Model[Any, Any]
    key: tuple[int, str]  # key in thinc's optimizers, with an id that is valid in this process only
    tensor: torch.nn.Parameter | None = None  # the torch parameter; None for a parameter of thinc

    @property
    def is_trained(self) -> bool:
        """Return whether training changes the parameter."""
        return self.tensor is None or self.tensor.requires_grad

    @property
    def shape(self) -> tuple[int, ...]:
        """Return the shape of the parameter."""
        return tuple((self.layer.get_param(self.key[1]) if self.tensor is None else self.tensor).shape)

    def read(self) -> ArrayT:
        """Return the values of the parameter as a numpy array."""
        if self.tensor is not None:
            return cast(ArrayT, self.tensor.detach().cpu().numpy())
        values = self.layer.ops.to_numpy(self.layer.get_param(self.key[1]))  # type: ignore[no-untyped-call]
        return cast(ArrayT, values)

    def write(self, values: ArrayT) -> None:
        """Replace the values of the parameter by an array of the same shape and type."""
        if self.tensor is not None:
            self.tensor.data.copy_(torch.from_numpy(values))
        else:
            self.layer.set_param(self.key[1], self.layer.ops.asarray_f(cast(Any, values)))


def save_checkpoint(path: Path, nlp: Language, optimizer: Optimizer, position: Position) -> None:
    """Write a checkpoint atomically: an older file is replaced only when the new one is complete.

    path (Path): The file.
    nlp (Language): The pipeline that is trained.
    optimizer (Optimizer): The optimizer of the run.
    position (Position): The progress of the run.
    """
    arrays = {f"weight/{place}": np.ascontiguousarray(weights) for place, weights in weights_of(nlp).items()}
    arrays["optimizer"] = _to_array(optimizer_to_bytes(nlp, optimizer, position.step))
    arrays |= {f"random/{name}": state for name, state in random_states().items()}
    metadata = {"format": FORMAT, "position": asdict(position), "config": nlp.config.to_str(), "python": python_state()}
    metadata["lookups"] = {place: shim.backbone.settings.lookup for place, shim in _backbones(nlp)}
    arrays["said"] = _to_array(json.dumps(metadata).encode())
    write_whole(path, save(arrays))


def load_checkpoint(path: Path, nlp: Language, optimizer: Optimizer) -> Position:
    """Restore a run from a checkpoint: weights, optimizer, and the states of the random number generators.

    path (Path): File written by `save_checkpoint`.
    nlp (Language): The pipeline, newly initialized from the same config; its weights are replaced.
    optimizer (Optimizer): A new optimizer from the same config; its state is replaced.
    RETURNS (Position): The progress of the run.
    RAISES (TrainingError): If the checkpoint was written with another config or has other weights.
    RAISES (UnreadableFileError): If the file is damaged or is not a checkpoint.
    """
    with reading(path, Errors.ZT440):
        arrays = load(path.read_bytes())
        metadata = require_type("said", parse_json(_to_bytes(arrays.pop("said"))), dict)
        whole_number("format", metadata.get("format"), FORMAT, FORMAT)
        position = _position(metadata.get("position"))
        config = Config().from_str(require_type("config", metadata.get("config"), str))
        differences = config_differences(config, nlp.config)
        if differences:
            raise TrainingError(Errors.ZT441.format(path=path, differences="; ".join(differences)))
        weights = {key.removeprefix("weight/"): array for key, array in arrays.items() if key.startswith("weight/")}
        _write_weights(nlp, weights, path)
        lookups = require_type("lookups", metadata.get("lookups", {}), dict)
        for place, shim in _backbones(nlp):
            lookup = lookups.get(place, LOOKUP_OF_0_1)  # checkpoints of 0.1 lack it
            shim.use_lookup(whole_number(f"lookups.{place}", lookup, LOOKUP_OF_0_1, LOOKUP_OF_WORDS))
        optimizer_from_bytes(nlp, optimizer, _to_bytes(arrays["optimizer"]), step=position.step)
        restore_random(arrays, metadata.get("python"))
    return position


def optimizer_to_bytes(nlp: Language, optimizer: Optimizer, step: int) -> bytes:
    """Serialize the moments and averages of thinc's optimizer, and the torch optimizers of all Transformers.

    nlp (Language): The pipeline that is trained.
    optimizer (Optimizer): An optimizer of thinc, or a `GroupedOptimizer`.
    step (int): Number of updates.
    RETURNS (bytes): The state in the safetensors format.
    """
    arrays: dict[str, ArrayT] = {}
    counts: dict[str, int] = {}
    for parameter in parameters_of(nlp):
        for name in MOMENTS:
            moments = getattr(optimizer, name) or {}
            if parameter.key in moments:
                values = parameter.layer.ops.to_numpy(moments[parameter.key])  # type: ignore[no-untyped-call]
                arrays[f"{name}/{parameter.moments_place}"] = np.ascontiguousarray(values)
        if parameter.key in optimizer.nr_update:
            counts[parameter.moments_place] = optimizer.nr_update[parameter.key]
    for place, shim in _backbones(nlp):
        arrays[f"torch/{place}"] = _to_array(shim.optimizer_to_bytes())
    return save({"said": _to_array(json.dumps({"step": step, "counts": counts}).encode()), **arrays})


def optimizer_from_bytes(nlp: Language, optimizer: Optimizer, data: bytes, *, step: int | None = None) -> int:
    """Restore the state of the optimizer, and advance its learning rate schedules to the step of the data.

    nlp (Language): The pipeline, with the weights of the checkpoint.
    optimizer (Optimizer): A new optimizer from the same config.
    data (bytes): Returned by `optimizer_to_bytes`.
    step (Optional[int]): Number of updates that the data must have; None accepts any.
    RETURNS (int): Number of updates of the data.
    RAISES (TrainingError): If the data has a state for a parameter that the pipeline does not have.
    RAISES (UnreadableFileError): If the data is damaged.
    """
    with reading(origin()):
        arrays = load(data)
        metadata = require_type("said", parse_json(arrays.pop("said").tobytes()), dict)
        counts = require_type("counts", metadata.get("counts"), dict)
        n_steps = whole_number("step", metadata.get("step"), 0, 2**31)
        require(step in (None, n_steps), "step", n_steps, f"{step}, as in the position")
        parameters = list(parameters_of(nlp))
        known = {f"{name}/{parameter.moments_place}" for parameter in parameters for name in MOMENTS}
        unknown = arrays.keys() - known - {f"torch/{place}" for place, _ in _backbones(nlp)}
        if unknown:
            raise TrainingError(Errors.ZT401.format(n=len(unknown), first=min(unknown)))
        for parameter in parameters:
            place = parameter.moments_place
            for name in MOMENTS:
                found, moments = arrays.pop(f"{name}/{place}", None), getattr(optimizer, name)
                if found is not None and moments is not None:
                    # thinc's optimizers store some moments as flat arrays.
                    fits = found.dtype == np.float32 and found.size == math.prod(parameter.shape)
                    require(fits, f"{name}/{place}", found.shape, f"floats of shape {parameter.shape}")
                    moments[parameter.key] = parameter.layer.ops.asarray_f(cast(Any, found))
            if place in counts:
                optimizer.nr_update[parameter.key] = whole_number(f"counts.{place}", counts[place], 0, 2**31)
        for place, shim in _backbones(nlp):
            state = arrays.pop(f"torch/{place}", None)
            if state is not None and len(state):
                shim.optimizer_from_bytes(state.tobytes(), optimizer)
    for _ in range(n_steps):
        optimizer.step_schedules()  # type: ignore[no-untyped-call]
    return n_steps


def weights_of(nlp: Language) -> dict[str, ArrayT]:
    """Return all trainable weights: name in a checkpoint → array."""
    return {parameter.place: parameter.read() for parameter in parameters_of(nlp) if parameter.is_trained}


def parameters_of(nlp: Language) -> Iterator[Parameter]:
    """Yield all parameters of thinc layers and torch modules in all components."""
    for place, layer in layers_of(nlp):
        for name in layer.param_names:
            if layer.has_param(name):
                yield Parameter(f"{place}.{name}", f"{place}.{name}", layer, (layer.id, name))
        for i, shim in enumerate(layer.shims):
            if isinstance(shim._model, torch.nn.Module):
                for name, tensor in shim._model.named_parameters():
                    places = f"{place}.torch.{i}.{name}", f"{place}.shim{i}.{name}"
                    yield Parameter(*places, layer, (shim.id, name), tensor)


def layers_of(nlp: Language) -> Iterator[tuple[str, Model[Any, Any]]]:
    """Yield all layers of all components, each with its name in a checkpoint, such as `ner.3`."""
    for name, component in nlp.pipeline:
        model = getattr(component, "model", None)
        if isinstance(model, Model):
            yield from ((f"{name}.{i}", layer) for i, layer in enumerate(model.walk()))


def _backbones(nlp: Language) -> Iterator[tuple[str, BackboneShim]]:
    """Yield the shims of all Transformers, each with the name of its layer in a checkpoint."""
    for place, layer in layers_of(nlp):
        yield from ((place, shim) for shim in layer.shims if isinstance(shim, BackboneShim))


def _position(found: Any) -> Position:
    """Convert the progress of a run, as a checkpoint stores it, to a `Position`.

    found (Any): Parsed JSON: a dictionary with the fields of `Position` as keys.
    RAISES (UnreadableFileError): If a key is missing or unknown, or a value is invalid.
    """
    # Checkpoints of 0.1 lack `evaluated_words`.
    values: dict[str, Any] = {"evaluated_words": None} | require_type("position", found, dict)
    names = set(vars(Position()))
    require(values.keys() == names, "position", sorted(values), ", ".join(sorted(names)))
    results = []
    for result in require_type("position.results", values["results"], list):
        require(isinstance(result, list) and len(result) == 2, "position.results", result, "pairs of score and step")
        score = in_range("position.results", result[0], -1e9, 1e9)
        results.append((score, whole_number("position.results", result[1], 0, MAX_STEPS)))
    losses = require_type("position.losses", values["losses"], dict)
    for name, loss in losses.items():
        require(isinstance(loss, int | float), f"position.losses.{name}", loss, "a number")
    step = whole_number("position.step", values["step"], 0, MAX_STEPS)
    words = whole_number("position.words", values["words"], 0, 2**62)
    if values["evaluated_words"] is None:
        # Estimated: all batches have about the same number of tokens.
        evaluated_words = round(words * (results[-1][1] + 1 if results else 0) / max(1, step))
    else:
        evaluated_words = whole_number("position.evaluated_words", values["evaluated_words"], 0, 2**62)
    seconds = in_range("position.seconds", values["seconds"], 0.0, 1e12)
    return Position(step, words, seconds, results, losses, evaluated_words)


def _write_weights(nlp: Language, weights: dict[str, ArrayT], path: Path) -> None:
    """Replace all trainable weights of a pipeline by those of a checkpoint.

    weights (dict[str, np.ndarray]): The weights of the checkpoint, by name.
    path (Path): The checkpoint, for the error message.
    RAISES (TrainingError): If the weights of the pipeline have other names, shapes or types.
    """
    own = {parameter.place: parameter for parameter in parameters_of(nlp) if parameter.is_trained}
    wrong = sorted(own.keys() ^ weights.keys())
    wrong += [place for place in own if place in weights and _kind(own[place].read()) != _kind(weights[place])]
    if wrong:
        raise TrainingError(Errors.ZT442.format(path=path, n=len(wrong), first=wrong[0]))
    for place, parameter in own.items():
        parameter.write(weights[place])


def _kind(array: ArrayT) -> tuple[Any, ...]:
    return array.shape, array.dtype


def _to_array(data: bytes) -> ArrayT:
    return np.frombuffer(data, dtype=np.uint8)


def _to_bytes(array: ArrayT) -> bytes:
    require(array.dtype == np.uint8 and array.ndim == 1, "an array of bytes", array.dtype, "of uint8")
    return array.tobytes()
