"""Serialize the state of a torch optimizer, and check it when it is loaded."""

import json
from typing import Any

import torch
from safetensors.torch import load, save

from ..errors import Errors, TrainingError
from ..untrusted import origin, parse_json, reading, require, require_type

TENSOR = "__tensor__"
BLOCK_SIZES = (256, 2048)  # values per scale of an 8-bit state, in current and in earlier versions of bitsandbytes


def state_to_bytes(optimizer: torch.optim.Optimizer) -> bytes:
    """Return the state of an optimizer as safetensors.

    The tensor `structure` holds the state dict as JSON in UTF-8, in which each tensor is replaced by its name.

    optimizer (torch.optim.Optimizer): An optimizer of `optimizers.build_optimizer`.
    """
    tensors: dict[str, torch.Tensor] = {}
    numbers: dict[int, str] = {}

    def to_json(value: Any) -> Any:
        if isinstance(value, torch.Tensor):
            # A tensor that parameters share is saved once: the quantization map of bitsandbytes.
            number = numbers.setdefault(id(value), str(len(numbers)))
            tensors[number] = value.contiguous()
            return {TENSOR: number}
        if isinstance(value, dict):
            return {str(key): to_json(part) for key, part in value.items()}
        if isinstance(value, list | tuple):
            return [to_json(part) for part in value]
        return value

    structure = json.dumps({"state": to_json(optimizer.state_dict()), **_identity(optimizer)}).encode()
    return save({"structure": torch.frombuffer(bytearray(structure), dtype=torch.uint8), **tensors})


def state_from_bytes(optimizer: torch.optim.Optimizer, data: bytes) -> None:
    """Load a saved state into an optimizer.

    optimizer (torch.optim.Optimizer): A new optimizer of the same kind, for parameters of the same shapes.
    data (bytes): From `state_to_bytes`.
    RAISES (TrainingError): If the state was saved by another kind of optimizer, or for parameters of other shapes.
    RAISES (UnreadableFileError): If the state is damaged.
    """
    with reading(origin()):
        _load_state(optimizer, data)


def _load_state(optimizer: torch.optim.Optimizer, data: bytes) -> None:
    tensors = load(data)

    def from_json(value: Any) -> Any:
        if isinstance(value, dict):
            return tensors[value[TENSOR]] if TENSOR in value else {key: from_json(part) for key, part in value.items()}
        return [from_json(part) for part in value] if isinstance(value, list) else value

    saved = require_type("structure", parse_json(bytes(tensors["structure"].numpy())), dict)
    for what, own in _identity(optimizer).items():
        if own != saved[what]:
            raise TrainingError(Errors.ZT338.format(what=what, own=_short(own), saved=_short(saved[what])))
    state = from_json(saved["state"])
    state["state"] = {int(key): part for key, part in state["state"].items()}
    _require_groups(optimizer, state["param_groups"])
    for index, part in state["state"].items():
        parameters = [p for group in optimizer.param_groups for p in group["params"]]
        require(0 <= index < len(parameters), "the index of a parameter", index, f"from 0 to {len(parameters) - 1}")
        _require_sizes(part, parameters[index].shape)
        _require_complete(type(optimizer).__name__, part, parameters[index].dim())
    optimizer.load_state_dict(state)


def _require_groups(optimizer: torch.optim.Optimizer, groups: object) -> None:
    """Check that loaded parameter groups have the settings of the optimizer's groups, with values of the same types.

    groups (object): Value of the key "param_groups" in the loaded state dict.
    RAISES (UnreadableFileError): If the number of groups, the names of their settings or the indices of their
        parameters differ, or a value has another type.
    """
    found = require_type("param_groups", groups, list)
    require(len(found) == len(optimizer.param_groups), "param_groups", len(found), str(len(optimizer.param_groups)))
    # The entry `params` of a group must be equal: its indices assign the states to parameters.
    for own, group in zip(optimizer.state_dict()["param_groups"], found, strict=True):
        same = require_type("a group", group, dict).keys() == own.keys()
        require(same, "the settings of a group", sorted(group), ", ".join(own))
        for name, value in own.items():
            # A float setting may be saved as an integer, such as a learning rate of 1.
            kind: Any = int | float if isinstance(value, int | float) else type(value)
            kind = list if isinstance(value, tuple) else kind  # JSON has no tuples
            fits = group[name] == value if name == "params" else isinstance(group[name], kind)
            require(fits, f"param_groups.{name}", group[name], f"like {value!r}")


def _require_sizes(state: object, shape: torch.Size) -> None:
    """Check the number of elements of each tensor in the state of a parameter, which fused kernels do not check.

    state (object): State of one parameter, by the name of the entry.
    shape (torch.Size): Shape of the parameter.
    RAISES (UnreadableFileError): If a tensor has another number of elements than its parameter needs.
    """
    for name, value in require_type("state", state, dict).items():
        if isinstance(value, dict):  # bitsandbytes nests 8-bit states
            _require_sizes(value, shape)
        elif isinstance(value, torch.Tensor):
            sizes = _sizes(name, shape)
            expected = f"of a size for a parameter of shape {tuple(shape)}"
            require(value.numel() in sizes, f"state.{name}", tuple(value.shape), expected)
        else:
            require(value is None or isinstance(value, int | float), f"state.{name}", value, "a number")


def _require_complete(kind: str, state: dict[str, Any], n_dimensions: int) -> None:
    """Check that the state of a parameter is empty (never updated), or has all entries that its optimizer needs.

    kind (str): Class name of the optimizer.
    state (dict[str, Any]): State of one parameter, by the name of the entry.
    n_dimensions (int): Number of dimensions of the parameter.
    RAISES (UnreadableFileError): If an entry is missing.
    """
    inner = [value for value in state.values() if isinstance(value, dict)]
    names = set(state).union(*inner)
    if kind == "AdamW":
        wanted = {"step", "exp_avg", "exp_avg_sq"}
    elif kind == "Adafactor":
        wanted = {"step", "RMS", *(("exp_avg_sq_row", "exp_avg_sq_col") if n_dimensions > 1 else ("exp_avg_sq",))}
    else:
        wanted = {"step", "state1", "state2"}
        if any(isinstance(part.get("state1"), torch.Tensor) and part["state1"].dtype == torch.uint8 for part in inner):
            wanted |= {"qmap1", "qmap2", "absmax1", "absmax2"}
    require(not names or wanted <= names, "the state of a parameter", sorted(names), ", ".join(sorted(wanted)))


def _sizes(name: str, shape: torch.Size) -> set[int]:
    """Return the allowed numbers of elements of a tensor in the state of a parameter.

    name (str): Name of the entry, such as "exp_avg".
    shape (torch.Size): Shape of the parameter.
    RETURNS (set[int]): One number; several for the scales of 8-bit states, whose block size is not stored.
    """
    if name.startswith("absmax"):
        return {-(-shape.numel() // size) for size in BLOCK_SIZES}
    if name.startswith("qmap"):
        return {256}
    others = {
        "step": 1,
        "RMS": 1,
        "exp_avg_sq_row": shape[:-1].numel(),
        "exp_avg_sq_col": (shape[:-2] + shape[-1:]).numel(),
    }
    return {others.get(name, shape.numel())}


def _identity(optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    """Return what must be equal in an optimizer and in a state that is loaded into it.

    RETURNS (dict[str, Any]): "optimizer" → name of the class; "shapes of the groups" → for each parameter group, the
        shapes of its parameters.
    """
    shapes = [[list(p.shape) for p in group["params"]] for group in optimizer.param_groups]
    return {"optimizer": type(optimizer).__name__, "shapes of the groups": shapes}


def _short(value: object) -> str:
    return str(value) if len(str(value)) < 80 else f"{str(value)[:80]}…"
