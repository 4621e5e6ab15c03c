"""Check before a run that the device supports the configured precision."""

from collections.abc import Iterator, Mapping
from typing import Any

import torch

from ..errors import Errors, TrainingError


def require_precision(config: Mapping[str, Any], gpu_id: int) -> None:
    """Check that the device computes in the precision that a config asks for.

    config (Mapping[str, Any]): Interpolated.
    gpu_id (int): −1 for the CPU.
    RAISES (TrainingError): For fp16 on a CPU, and for bf16 on a GPU that does not have it.
    """
    for path, precision in _precisions(config.get("components", {}), "components"):
        if precision == "fp16" and gpu_id < 0:
            raise TrainingError(Errors.ZT443.format(path=path))
        if precision == "bf16" and gpu_id >= 0 and torch.cuda.get_device_capability(gpu_id) < (8, 0):
            raise TrainingError(Errors.ZT444.format(path=path, name=torch.cuda.get_device_name(gpu_id)))


def _precisions(node: Mapping[str, Any], path: str) -> Iterator[tuple[str, Any]]:
    for key, value in node.items():
        if isinstance(value, Mapping):
            yield from _precisions(value, f"{path}.{key}")
        elif key == "precision":
            yield f"{path}.{key}", value
