"""Read training configs and presets (lists of settings that differ from another config), and derive configs."""

import inspect
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from importlib.resources import files
from pathlib import Path
from typing import Any

from spacy.language import DEFAULT_CONFIG, Language
from spacy.util import registry
from thinc.api import Config

from ..errors import Errors, PlanError, UsageError

READER = "spacy-zh-tw-ner.CharCorpus.v1"
MAX_STEPS, EVAL_FREQUENCY = 600, 50  # of a config that trains a pipeline further
# Divisor of the learning rate when a recognizer without a Transformer is trained further: the rate for training from
# scratch is so high that it would undo the earlier training.
SLOWER = 3.0


def config_folder() -> Path:
    """Return the folder `configs` of this package: inside the installed package, or next to it in a source tree."""
    package = Path(str(files("spacy_zh_tw_ner")))
    inside = package / "configs"
    return inside if inside.is_dir() else package.parent / "configs"


def preset_names() -> list[str]:
    """Return the names of the presets of this package in alphabetical order."""
    return sorted(path.stem for path in config_folder().glob("*.cfg") if "preset" in _parse(path))


def preset_notes(name: str) -> dict[str, Any]:
    """Return the section [preset] of a preset.

    name (str): Name of the preset.
    RETURNS (dict): `extends`, the config that the preset changes; `vram`, the GPU memory in GiB that it is made for;
        `guide`, the GPU memory that a community guide recommends for its settings, such as "10–12 GB"; "–" for none.
    RAISES (PlanError): If there is no such preset.
    """
    return dict(_parse(_path_of(name))["preset"])


def read_config(source: str | Path) -> Config:
    """Read a training config. A preset is completed with the config that it extends.

    source (str | Path): A file, or the name of a config of this package.
    RETURNS (Config): The complete config, not interpolated.
    RAISES (PlanError): If there is no such config, or it cannot be parsed.
    RAISES (UsageError): If a preset sets an unknown setting.
    """
    path = _path_of(source)
    config = _parse(path)
    if "preset" not in config:
        return config
    beside = path.parent / f"{config['preset']['extends']}.cfg"
    base = read_config(beside if beside.is_file() else config["preset"]["extends"])
    return with_settings(base, config.get("settings", {}), origin=path)


def with_settings(config: Config, settings: Mapping[str, Any], *, origin: object = "the settings") -> Config:
    """Return a config with some settings changed. A setting is given by its path, as in overrides of `spacy train`.

    config (Config): The config, which is not changed.
    settings (Mapping[str, Any]): Path → value, such as {"training.max_steps": 2000}; blocks are replaced as a whole.
    origin (object): Source of the settings for error messages.
    RETURNS (Config): The new config.
    RAISES (UsageError): If a setting is unknown: it is not in the config, not in spaCy's default config, and not a
        parameter of the registered function of its block.
    """
    changed = config.copy()
    for path, value in settings.items():
        *sections, last = path.split(".")
        block: Any = changed
        for i, section in enumerate(sections):
            if not isinstance(block.get(section), dict):
                default = _at(DEFAULT_CONFIG, sections[: i + 1])
                block[section] = dict(default) if isinstance(default, dict) and section not in block else {}
            block = block[section]
        # spaCy's default may be a plain value where this config has a block, such as learn_rate.
        default = _at(DEFAULT_CONFIG, sections)
        known = {*block, *(default if isinstance(default, Mapping) else ()), *_parameters(block)}
        if last not in known or not block:
            near = get_close_matches(path, [*_paths(config), *(f"{'.'.join(sections)}.{key}" for key in known)], n=1)
            raise UsageError(Errors.ZT601.format(origin=origin, path=path, near=near[0] if near else "none"))
        block[last] = value
    return changed


def fine_tuning_config(name: str, folder: Path) -> Config:
    """Derive a config that trains an existing pipeline further.

    Components, weights and tokenizer come from the pipeline. Batcher, optimizer and corpora come from the training
    config of the pipeline. A converted checkpoint has no training config; then batcher, optimizer and corpora come from
    a config of this package. New labels of the training corpus are added.

    name (str): Folder or package name of the pipeline, for the setting `source` of the components.
    folder (Path): The folder that contains the files of the pipeline.
    RETURNS (Config): The config, not interpolated; `paths.train` and `paths.dev` must be set.
    RAISES (PlanError): If the config of the pipeline cannot be read.
    """
    # In an installed package the pipeline is in a subfolder with the version in its name.
    paths = [folder / "config.cfg", *folder.glob("*/config.cfg")]
    source = read_config(next((path for path in paths if path.is_file()), paths[0]))
    names: list[str] = source["nlp"]["pipeline"]
    with_encoder = any("transformer" in source["components"][pipe].get("factory", "") for pipe in names)
    trained = READER in str(source.get("corpora", {}))
    base = source if trained else read_config("transformer" if with_encoder else "bilstm")
    training: dict[str, Any] = base["training"]
    training |= {"max_steps": MAX_STEPS, "max_epochs": -1, "eval_frequency": EVAL_FREQUENCY, "patience": 0}
    training |= {"frozen_components": [], "annotating_components": []}
    for name_of_rate, rate in training["optimizer"].items():
        if (
            isinstance(rate, dict) and "total_steps" in rate
        ):  # saved configs have values instead of references to other settings
            rate["total_steps"] = "${training.max_steps}"
            if rate["@schedules"] == "warmup_linear.v1":
                rate["@schedules"] = "spacy-zh-tw-ner.linear.v1"
            if name_of_rate == "learn_rate" and not with_encoder:
                rate["initial_rate"] = round(rate["initial_rate"] / SLOWER, 6)
    for split in ("train", "dev"):
        base["corpora"][split]["path"] = f"${{paths.{split}}}"
    reader = {"@readers": READER, "path": "${paths.train}"}
    blocks = {
        "paths": {"train": None, "dev": None, "source": name},
        "system": base["system"],
        "nlp": source["nlp"],
        "components": {pipe: {"source": "${paths.source}"} for pipe in names},
        "corpora": base["corpora"],
        "training": training,
        "initialize": {"after_init": {"@callbacks": "spacy-zh-tw-ner.add_labels.v1", "corpus": reader}},
    }
    return Config(blocks)


def _path_of(source: str | Path) -> Path:
    """Return the file of a config, given by path or by the name of a config of this package.

    RAISES (PlanError): If there is no such config.
    """
    path = Path(source)
    if path.is_file():
        return path
    inside = config_folder() / f"{path.name.removesuffix('.cfg')}.cfg"
    if len(path.parts) == 1 and inside.is_file():
        return inside
    names = sorted(found.stem for found in config_folder().glob("*.cfg"))
    near = get_close_matches(path.stem, names, n=1)
    raise PlanError(Errors.ZT602.format(name=source, near=f"Did you mean {near[0]!r}? " if near else "", names=names))


def _parse(path: Path) -> Config:
    """Read a config file without interpolation; raise a PlanError if it is invalid."""
    try:
        return Config().from_disk(path, interpolate=False)
    except ValueError as error:
        raise PlanError(Errors.ZT603.format(path=path, reason=" ".join(str(error).split()))) from error


def _parameters(block: Mapping[str, Any]) -> list[str]:
    """Return the parameter names of the registered function (key "@…") or factory that a block of a config names.

    Empty if the block names neither.
    """
    for key, name in block.items():
        if key == "factory":
            return ["model", *(Language.get_factory_meta(name).default_config or {})]
        if key.startswith("@"):
            import spacy_transformers  # noqa: F401  (adds the registry of span getters)

            return list(inspect.signature(registry.get(key[1:], name)).parameters)
    return []


def _at(config: Mapping[str, Any], sections: list[str]) -> Any:
    """Return the value of a config at a path such as ["training", "optimizer"]; None if there is none."""
    found: Any = config
    for section in sections:
        found = found.get(section) if isinstance(found, Mapping) else None
    return found


def _paths(config: Mapping[str, Any], before: str = "") -> Iterator[str]:
    """Yield the path of each setting and section of a config, such as "training.dropout", with the prefix `before`."""
    for key, value in config.items():
        yield f"{before}{key}"
        if isinstance(value, Mapping):
            yield from _paths(value, f"{before}{key}.")
