"""Make a config that trains an existing pipeline further."""

from pathlib import Path
from typing import Any

from thinc.api import Config

from .presets import read_config

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
