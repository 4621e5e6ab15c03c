"""Check a training run before it starts: output folder, resumed config, precision of the device, and warm-up."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from thinc.api import Config

from ..atomic_writes import claimed, resolve
from ..errors import Errors, OutputError, TrainingError, Warnings
from ..outputs import MARKER, require_replaceable

CHECKPOINT = "checkpoint.safetensors"
BEST, LAST = "model-best", "model-last"
# Settings that may differ in a resumed run, because they do not change the weights
FREE_SETTINGS = ("paths.", "training.logger", "system.gpu_allocator", "training.gpu_allocator")
LINEAR = "spacy-zh-tw-ner.linear.v1"  # never warms up too long: it limits the warm-up to a share of the run


def require_run_folder(output: Path, *, resume: bool = False, force: bool = False, inputs: Iterable[Path] = ()) -> None:
    """Check that a run may write into its output folder, and remove temporary files of a killed run.

    output (Path): Folder for the models and the checkpoint. Other files in it are not touched.
    resume (bool): Whether the run continues from the checkpoint in the folder.
    force (bool): Whether the run may replace another run in the folder.
    inputs (Iterable[Path]): Corpora and pipelines that the run reads, and must not overwrite.
    RAISES (OutputError): If the path is a file; if the folder holds another run, and neither `resume` nor `force` is
        set; if `resume` is set, and the folder holds models but no checkpoint; or if a model or checkpoint in the
        folder was not written by this package.
    """
    inputs = [path for path in inputs if path.exists()]
    if output.exists() and not output.is_dir():
        raise OutputError(Errors.ZT671.format(path=output, seen="a file, not a folder"))
    found = [name for name in (BEST, LAST, CHECKPOINT) if (output / name).exists()]
    # A run killed between its first models and its first checkpoint may be resumed: it starts from the beginning.
    killed_early = all((output / name / MARKER).is_file() for name in found)
    if found and not force and not (resume and (CHECKPOINT in found or killed_early)):
        if resume:
            raise OutputError(Errors.ZT731.format(path=output, checkpoint=CHECKPOINT, found=", ".join(found)))
        raise OutputError(Errors.ZT684.format(path=output, found=", ".join(found)))
    for name in (BEST, LAST):
        require_replaceable(output / name, force=True, inputs=inputs)
    if CHECKPOINT in found and not resume and is_other_model(output / CHECKPOINT):
        raise OutputError(Errors.ZT671.format(path=output / CHECKPOINT, seen="not a checkpoint of `train`"))
    if output.is_dir():
        for name in (BEST, LAST, CHECKPOINT):
            with claimed(resolve(output / name)):
                pass  # `claimed` removes temporary files


def is_other_model(path: Path) -> bool:
    """Return whether a file is a safetensors file, but not a checkpoint of `save_checkpoint`.

    False for a file that is missing, cannot be read or is no safetensors file.
    """
    try:
        with safe_open(path, framework="np") as file:
            return "said" not in file.keys()  # noqa: SIM118  (safe_open is not a mapping)
    except (OSError, SafetensorError):
        return False  # not readable, so it may be replaced


def config_differences(one: Config, two: Config) -> list[str]:
    """List the settings that differ between the config of a run and the config with which it is to be resumed.

    Settings in FREE_SETTINGS, such as paths and the logger, may differ and are not listed.

    one (Config): The config of the run.
    two (Config): The config of the resumed run.
    RETURNS (list[str]): The first five differences as `path: one → two`; if there are more, a last entry with their
        number.
    """
    a, b = dict(_settings(one.interpolate())), dict(_settings(two.interpolate()))
    values = {str(value) for config in (a, b) for path, value in config.items() if path.startswith("paths.")}
    differing = [
        f"{path}: {a.get(path, 'nothing')} → {b.get(path, 'nothing')}"
        for path in sorted(a.keys() | b.keys())
        if a.get(path) != b.get(path) and not path.startswith(FREE_SETTINGS) and str(b.get(path)) not in values
    ]
    return differing[:5] + ([f"and {len(differing) - 5} more"] if len(differing) > 5 else [])


def require_precision(config: Mapping[str, Any], gpu_id: int) -> None:
    """Check that the device supports the `precision` settings of a config.

    config (Mapping[str, Any]): The interpolated config.
    gpu_id (int): GPU id, or −1 for the CPU.
    RAISES (TrainingError): For fp16 on a CPU, or bf16 on a GPU that does not support it.
    """
    for path, precision in find_settings(config.get("components", {}), "precision", "components"):
        if precision == "fp16" and gpu_id < 0:
            raise TrainingError(Errors.ZT443.format(path=path))
        if precision == "bf16" and gpu_id >= 0 and torch.cuda.get_device_capability(gpu_id) < (8, 0):
            raise TrainingError(Errors.ZT444.format(path=path, name=torch.cuda.get_device_name(gpu_id)))


def long_warm_ups(config: Mapping[str, Any]) -> list[str]:
    """Find learning rate schedules whose warm-up is not shorter than the run.

    config (Mapping[str, Any]): The interpolated config.
    RETURNS (list[str]): One warning per schedule.
    """
    training = config["training"]
    linear = {path.rpartition(".")[0] for path, name in find_settings(training, "@schedules") if name == LINEAR}
    return [
        Warnings.ZT925.format(path=f"training.{schedule}", warmup=steps, max_steps=training["max_steps"])
        for path, steps in find_settings(training["optimizer"], "warmup_steps", "optimizer")
        if (schedule := path.rpartition(".")[0]) not in linear and 0 < training["max_steps"] <= steps
    ]


def find_settings(config: Any, name: str, path: str = "") -> Iterator[tuple[str, Any]]:
    """Find all settings of a given name in a config, at any depth.

    config (Any): A config, or a section or value of one.
    name (str): Name of the setting.
    path (str): Path of `config`, if it is a section, such as "components". Yielded paths begin with it.
    YIELDS (tuple[str, Any]): Path and value of each setting or block that is not null.
    """
    for here, value in _settings(config, path, blocks=True):
        if here.rpartition(".")[2] == name and value is not None:
            yield here, value


def _settings(config: Any, path: str = "", *, blocks: bool = False) -> Iterator[tuple[str, Any]]:
    """Yield the path and value of every setting of a config and, if `blocks` is True, also of every section.

    path (str): Path of `config`, if it is a section; yielded paths begin with it.
    """
    if isinstance(config, Mapping):
        for name, value in config.items():
            here = f"{path}.{name}" if path else name
            if blocks or not isinstance(value, Mapping):
                yield here, value
            yield from _settings(value, here, blocks=blocks)
