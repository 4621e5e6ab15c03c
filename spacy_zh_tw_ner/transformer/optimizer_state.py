"""Serialize the state of a torch optimizer, and check it when it is loaded."""

import json
from typing import Any

import torch
from safetensors.torch import load, save

from ..errors import Errors, TrainingError
from ..untrusted import origin, parse_json, reading, require, require_type

TENSOR = "__tensor__"
BLOCK_SIZES = (256, 2048)  # values that share a scale in 8-bit states, in current and earlier versions of bitsandbytes


def state_to_bytes(optimizer: torch.optim.Optimizer) -> bytes:
    """Return the state of an optimizer as safetensors, with its structure as JSON in one of the tensors."""
    tensors: dict[str, torch.Tensor] = {}
    numbers: dict[int, str] = {}

    def plain(value: Any) -> Any:
        if isinstance(value, torch.Tensor):
            # bitsandbytes has one quantization map for all parameters: shared tensors stay shared.
            number = numbers.setdefault(id(value), str(len(numbers)))
            tensors[number] = value.contiguous()
            return {TENSOR: number}
        if isinstance(value, dict):
            return {str(key): plain(part) for key, part in value.items()}
        if isinstance(value, list | tuple):
            return [plain(part) for part in value]
        return value

    structure = json.dumps({"state": plain(optimizer.state_dict()), **_identity(optimizer)}).encode()
    return save({"structure": torch.frombuffer(bytearray(structure), dtype=torch.uint8), **tensors})


def state_from_bytes(optimizer: torch.optim.Optimizer, data: bytes) -> None:
    """Load the state of an optimizer.

    RAISES (ValueError): If the state is of another kind of optimizer, or of other parameters.
    """
    with reading(origin()):
        _load_state(optimizer, data)


def _load_state(optimizer: torch.optim.Optimizer, data: bytes) -> None:
    tensors = load(data)

    def rich(value: Any) -> Any:
        if isinstance(value, dict):
            return tensors[value[TENSOR]] if TENSOR in value else {key: rich(part) for key, part in value.items()}
        return [rich(part) for part in value] if isinstance(value, list) else value

    saved = require_type("structure", parse_json(bytes(tensors["structure"].numpy())), dict)
    for what, own in _identity(optimizer).items():
        if own != saved[what]:
            raise TrainingError(Errors.ZT338.format(what=what, own=_short(own), saved=_short(saved[what])))
    state = rich(saved["state"])
    state["state"] = {int(key): part for key, part in state["state"].items()}
    _require_groups(optimizer, state["param_groups"])
    for index, part in state["state"].items():
        parameters = [p for group in optimizer.param_groups for p in group["params"]]
        require(0 <= index < len(parameters), "the number of a parameter", index, f"below {len(parameters)}")
        _require_sizes(part, parameters[index].shape)
        _require_whole(type(optimizer).__name__, part, parameters[index].dim())
    optimizer.load_state_dict(state)


def _require_groups(optimizer: torch.optim.Optimizer, groups: object) -> None:
    """Check that each setting of the loaded parameter groups has the type that it has in the optimizer."""
    found = require_type("param_groups", groups, list)
    require(len(found) == len(optimizer.param_groups), "param_groups", len(found), str(len(optimizer.param_groups)))
    # The indices of the parameters decide which state belongs to which of them.
    for own, group in zip(optimizer.state_dict()["param_groups"], found, strict=True):
        same = require_type("a group", group, dict).keys() == own.keys()
        require(same, "the settings of a group", sorted(group), ", ".join(own))
        for name, value in own.items():
            # A rate may be a whole number.
            kind: Any = int | float if isinstance(value, int | float) else type(value)
            kind = list if isinstance(value, tuple) else kind  # as JSON has it
            fits = group[name] == value if name == "params" else isinstance(group[name], kind)
            require(fits, f"param_groups.{name}", group[name], f"as {value!r}")


def _require_sizes(state: object, shape: torch.Size) -> None:
    """Check that the state of a parameter has its size: fused kernels do not check.

    RAISES (UnreadableFileError): For another size.
    """
    for name, value in require_type("state", state, dict).items():
        if isinstance(value, dict):  # bitsandbytes nests 8-bit states
            _require_sizes(value, shape)
        elif isinstance(value, torch.Tensor):
            sizes = _sizes(name, shape)
            require(value.numel() in sizes, f"state.{name}", tuple(value.shape), f"for a parameter of {tuple(shape)}")
        else:
            require(value is None or isinstance(value, int | float), f"state.{name}", value, "a number")


def _require_whole(kind: str, state: dict[str, Any], n_dimensions: int) -> None:
    """Check that the state of an updated parameter is complete."""
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
    """Return the allowed numbers of elements of a part of an optimizer's state."""
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
    shapes = [[list(p.shape) for p in group["params"]] for group in optimizer.param_groups]
    return {"optimizer": type(optimizer).__name__, "shapes of the groups": shapes}


def _short(value: object) -> str:
    return str(value) if len(str(value)) < 80 else f"{str(value)[:80]}…"
