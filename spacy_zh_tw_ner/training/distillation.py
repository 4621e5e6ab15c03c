"""Turn the config of a student into one that learns from a teacher.

The command `distill` computes the predictions of the teacher for unlabelled texts, and then trains the student.
In training, a `DistillCorpus` mixes them with the annotated corpus of the student's config:

texts ──teacher──▶ OUT/teacher ──DistillCorpus──┐
corpus of the student's config ─────────────────┴──▶ training loop ──▶ OUT/model-best
"""

from pathlib import Path
from typing import Any

from spacy.language import Language
from spacy.util import load_model_from_config, resolve_dot_names
from thinc.api import Config

from ..components.inspection import count_labels
from ..components.soft_targets import require_equal_labels
from ..errors import Errors, PipelineError

TEACHER = "teacher"  # folder in OUT with the predictions of the teacher
FACTORY = "zh_tw_crf_ner"
READER = "spacy-zh-tw-ner.DistillCorpus.v1"


def tokenizer_of(config: Config) -> Language:
    """Build a pipeline without components that has the tokenizer of a config.

    config (Config): The interpolated config of the student.
    RETURNS (Language): The pipeline.
    """
    nlp = {name: value for name, value in config["nlp"].items() if name in ("lang", "tokenizer")}
    return load_model_from_config(Config({"nlp": {**nlp, "pipeline": []}}), auto_fill=True)


def require_labels_of(config: Config, blank: Language, labels: list[str]) -> None:
    """Check that the student has the same labels as its teacher.

    The labels of the student are read from its config or, if the config names none, from its training corpus.

    config (Config): The interpolated config of the student.
    blank (Language): A pipeline with the tokenizer of the student and no components, from `tokenizer_of`.
    labels (list[str]): Labels of the teacher.
    RAISES (PipelineMismatchError): If the labels differ.
    """
    own = _initialization(config, recognizer_of(config)).get("labels")
    if not isinstance(own, list):
        (gold,) = resolve_dot_names(config, [config["training"]["train_corpus"]])
        own = sorted(count_labels(example.reference for example in gold(blank)))
    require_equal_labels(own, labels)


def student_config(
    config: Config, folder: Path, labels: list[str], *, weight: float = 1.0, gold_share: float = 0.5
) -> Config:
    """Return the config with which the student is trained.

    The new training corpus is a `DistillCorpus`. Its setting `gold` is the training corpus of the old config. The
    recognizer gets the labels of the teacher, in the order of the teacher. The texts are streamed unless the old config
    limits the number of epochs.

    config (Config): The interpolated config of the student; it is not changed.
    folder (Path): Folder with the predictions of the teacher.
    labels (list[str]): Labels of the teacher.
    weight (float): Weight of the loss of a text that the teacher has predicted.
    gold_share (float): Share of annotated examples among all examples. If it is 0, the corpus of the config is not
        read.
    RETURNS (Config): The new config.
    RAISES (PipelineError): If the config has no recognizer that can be trained.
    """
    changed = config.copy()
    name, place = recognizer_of(config), changed["training"]["train_corpus"]
    *sections, last = place.split(".")
    block: Any = changed
    for section in sections:
        block = block[section]
    reader = {"@readers": READER, "path": str(folder), "weight": weight, "gold_share": gold_share, "shuffle": True}
    reader["gold"] = block[last] if gold_share else None
    block[last] = reader
    # Paths may differ in a resumed run, so that OUT can be moved.
    changed.setdefault("paths", {})["teacher"] = str(folder)
    initialization = _initialization(changed, name)
    initialization["labels"] = list(labels)
    initialization["corpus"] = {**reader, "gold_share": None if gold_share else 0.0, "shuffle": False}
    if changed["training"].get("max_epochs", 0) == 0:
        changed["training"]["max_epochs"] = -1
    return changed


def recognizer_of(config: Config) -> str:
    """Return the name of the first component of a config that `distill` can train.

    RAISES (PipelineError): If there is none.
    """
    components = config.get("components", {})
    for name in config["nlp"].get("pipeline", []):
        if components.get(name, {}).get("factory") == FACTORY:
            return str(name)
    raise PipelineError(Errors.ZT286.format(names=", ".join(components) or "none"))


def _initialization(config: Config, name: str) -> dict[str, Any]:
    """Return the block [initialize.components.NAME] of a config, itself and not a copy.

    If it is missing, an empty one is added to the config.

    config (Config): The config.
    name (str): NAME, the name of a component.
    """
    components = config.setdefault("initialize", {}).setdefault("components", {})
    block: dict[str, Any] = components.setdefault(name, {})
    return block
