"""Check the output folder of a training run before anything in it is replaced."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open

from ..atomic_writes import claimed, resolve
from ..errors import Errors, OutputError, TrainingError
from ..outputs import MARKER, require_replaceable

CHECKPOINT = "checkpoint.safetensors"
BEST, LAST = "model-best", "model-last"


def require_run_folder(output: Path, *, resume: bool = False, force: bool = False, inputs: Iterable[Path] = ()) -> None:
    """Check that a run may write its models and checkpoint, and remove incomplete files of a killed run.

    output (Path): The folder of the run. Other files in it are left alone.
    resume (bool): Whether the run continues from the checkpoint.
    force (bool): Whether it may replace another run.
    inputs (Iterable[Path]): What it is trained on and from, which its models must not replace.
    RAISES (OutputError): If it may not.
    """
    inputs = [path for path in inputs if path.exists()]
    if output.exists() and not output.is_dir():
        raise OutputError(Errors.ZT671.format(path=output, seen="a file, not a folder"))
    found = [name for name in (BEST, LAST, CHECKPOINT) if (output / name).exists()]
    # A run that was killed after its first models, and before its first checkpoint, starts from the beginning.
    killed_early = all((output / name / MARKER).is_file() for name in found)
    if found and not force and not (resume and (CHECKPOINT in found or killed_early)):
        if resume:
            raise OutputError(Errors.ZT731.format(path=output, checkpoint=CHECKPOINT, found=", ".join(found)))
        raise OutputError(Errors.ZT684.format(path=output, found=", ".join(found)))
    for name in (BEST, LAST):
        require_replaceable(output / name, force=True, inputs=inputs)
    if CHECKPOINT in found and not resume and is_other_model(output / CHECKPOINT):
        raise OutputError(Errors.ZT671.format(path=output / CHECKPOINT, seen="it is no checkpoint of `train`"))
    if output.is_dir():
        for name in (BEST, LAST, CHECKPOINT):
            with claimed(resolve(output / name)):
                pass  # claiming removes the temporaries


def is_other_model(path: Path) -> bool:
    """Return whether a file has weights that `save_checkpoint` has not written, according to its header."""
    try:
        with safe_open(path, framework="np") as file:
            return "said" not in file.keys()  # noqa: SIM118  (a file is no mapping)
    except (OSError, SafetensorError):
        return False  # damaged, and of no use


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
