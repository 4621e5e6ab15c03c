"""Turn the config of a recognizer into one that adapts its base model to texts in single characters.

config of a recognizer ──adaptation_config──▶ transformer and `zh_tw_wordpiece_matcher`
texts ──UnlabelledCorpus──▶ training loop ──▶ OUT/model-last ──export.base_folders──▶ OUT/base
"""

from pathlib import Path
from typing import Any

from thinc.api import Config

from ..errors import Errors, PipelineError, SettingError

BASE = "base"  # folder in OUT for the new base model
READER = "spacy-zh-tw-ner.UnlabelledCorpus.v1"
ARCHITECTURE = "spacy-zh-tw-ner.TransformerModel.v1"
TRANSFORMER, MATCHER = "transformer", "matcher"
LISTENER = {
    "@architectures": "spacy-transformers.TransformerListener.v1",
    "grad_factor": 1.0,
    "pooling": {"@layers": "reduce_mean.v1"},
}
ADDED = ("lora", "quantization")  # settings that add or replace weights


def adaptation_config(config: Config, texts: Path, *, text_field: str = "text", teacher: str | None = None) -> Config:
    """Return the config with which the base model of a recognizer is adapted.

    The Transformer, its memory settings, batches, number of steps and learning rates are those of the config. Dropout
    is 0, since there is no annotation to learn by heart.

    config (Config): The interpolated config of a recognizer; it is not changed.
    texts (Path): The unlabelled texts, see `UnlabelledCorpus`.
    text_field (str): Field of the text in .jsonl files.
    teacher (Optional[str]): Base model whose hidden states are learnt: an id on the Hugging Face Hub, or a folder. None
        for the base model of the config.
    RETURNS (Config): The new config.
    RAISES (PipelineError): If the config has no Transformer of this package.
    RAISES (SettingError): If the config has LoRA or quantization.
    """
    changed = config.copy()
    transformer = _transformer_of(changed)
    model = transformer["model"]
    for name in ADDED:
        if model.get(name) is not None:
            raise SettingError(Errors.ZT297.format(name=name))
    model["dropout"] = 0.0
    base, revision = (model["name"], model.get("revision")) if teacher is None else (teacher, None)
    matcher = {"factory": "zh_tw_wordpiece_matcher", "base": base, "revision": revision}
    changed["nlp"]["pipeline"] = [TRANSFORMER, MATCHER]
    changed["components"] = {TRANSFORMER: transformer, MATCHER: {**matcher, "model": LISTENER}}
    reader = {"@readers": READER, "path": str(texts), "text_field": text_field}
    changed["corpora"] = {"train": {**reader, "part": "train", "shuffle": True}, "dev": {**reader, "part": "dev"}}
    changed["training"] |= {
        "train_corpus": "corpora.train",
        "dev_corpus": "corpora.dev",
        "max_epochs": -1,
        "patience": 0,
        "frozen_components": [],
        "annotating_components": [],
        "score_weights": {"wordpiece_match": 1.0},
    }
    # Paths may differ in a resumed run, so that the texts can be moved.
    changed["paths"], changed["initialize"] = {"texts": str(texts)}, {}
    return changed


def _transformer_of(config: Config) -> dict[str, Any]:
    """Return the block of a config's component with a Transformer of this package; raise a PipelineError without it."""
    components = config.get("components", {})
    for name in config["nlp"].get("pipeline", []):
        block: dict[str, Any] = components.get(name, {})
        if block.get("factory") == "transformer" and block.get("model", {}).get("@architectures") == ARCHITECTURE:
            return block
    raise PipelineError(Errors.ZT296.format(names=", ".join(components) or "none"))
