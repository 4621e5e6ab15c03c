"""Read training configs, and presets, which list their differences from a full config."""

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


def config_folder() -> Path:
    """Where the configs are that come with the package: inside it, or, in a source tree, beside it."""
    package = Path(str(files("spacy_zh_tw_ner")))
    inside = package / "configs"
    return inside if inside.is_dir() else package.parent / "configs"


def preset_names() -> list[str]:
    """Presets that come with the package, by name."""
    return sorted(path.stem for path in config_folder().glob("*.cfg") if "preset" in _parse(path))


def preset_notes(name: str) -> dict[str, Any]:
    """What a preset says of itself: `extends`, `vram` in GiB, and `guide`, the memory that its source speaks of."""
    return dict(_parse(_path_of(name))["preset"])


def read_config(source: str | Path) -> Config:
    """Read a config, and complete it if it is a preset.

    source (str | Path): A file, or the name of a config that comes with the package.
    RETURNS (Config): Whole, and not interpolated.
    RAISES (PlanError): If there is no such config, with the nearest name; or if a preset sets what there is not.
    """
    path = _path_of(source)
    config = _parse(path)
    if "preset" not in config:
        return config
    beside = path.parent / f"{config['preset']['extends']}.cfg"
    base = read_config(beside if beside.is_file() else config["preset"]["extends"])
    return with_settings(base, config.get("settings", {}), origin=path)


def with_settings(config: Config, settings: Mapping[str, Any], *, origin: object = "the settings") -> Config:
    """Set some values of a config, each by the path that `spacy train` would take on its command line.

    settings (Mapping[str, Any]): Such as {"training.max_steps": 2000}; a block is set as a whole.
    origin (object): What to name in a message.
    RETURNS (Config): A new one.
    RAISES (PlanError): For a path that neither this config has, nor spaCy's own, nor the function behind its block.
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
        default = _at(DEFAULT_CONFIG, sections)  # a plain value where this config has a block, such as learn_rate
        known = {*block, *(default if isinstance(default, Mapping) else ()), *_parameters(block)}
        if last not in known or not block:
            near = get_close_matches(path, [*_paths(config), *(f"{'.'.join(sections)}.{key}" for key in known)], n=1)
            raise UsageError(Errors.ZT601.format(origin=origin, path=path, near=near[0] if near else "none"))
        block[last] = value
    return changed


def _path_of(source: str | Path) -> Path:
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
    try:
        return Config().from_disk(path, interpolate=False)
    except ValueError as error:
        raise PlanError(Errors.ZT603.format(path=path, reason=" ".join(str(error).split()))) from error


def _parameters(block: Mapping[str, Any]) -> list[str]:
    """What the registered function behind a block takes."""
    for key, name in block.items():
        if key == "factory":
            return ["model", *(Language.get_factory_meta(name).default_config or {})]
        if key.startswith("@"):
            import spacy_transformers  # noqa: F401  (makes the registry of span getters)

            return list(inspect.signature(registry.get(key[1:], name)).parameters)
    return []


def _at(config: Mapping[str, Any], sections: list[str]) -> Any:
    found: Any = config
    for section in sections:
        found = found.get(section) if isinstance(found, Mapping) else None
    return found


def _paths(config: Mapping[str, Any], before: str = "") -> Iterator[str]:
    for key, value in config.items():
        yield f"{before}{key}"
        if isinstance(value, Mapping):
            yield from _paths(value, f"{before}{key}.")


READER = "spacy-zh-tw-ner.CharCorpus.v1"
MAX_STEPS, EVAL_FREQUENCY = 600, 50
# A recognizer without a Transformer learns everything at one rate, which is high enough to undo what it knows.
SLOWER = 3.0


def fine_tuning_config(name: str, folder: Path) -> Config:
    """Make the config.

    Components, their weights and the tokenizer are those of the pipeline. Batches, optimizer and corpora are those of
    its own training, or of a config of this package if it was not trained with one, as a converted checkpoint.
    Labels of the training corpus that it lacks are added.

    name (str): Folder or package name of the pipeline, for `source`.
    folder (Path): Where its files are.
    RETURNS (Config): Not interpolated; `paths.train` and `paths.dev` are to be set.
    RAISES (PlanError): If its config cannot be read.
    """
    # A package holds the pipeline in a folder with the version in its name.
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
        if isinstance(rate, dict) and "total_steps" in rate:  # saved configs have numbers in place of variables
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
