"""Turn the config of a recognizer into one that adapts its base model to single-character tokens.

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
REFUSED = ("lora", "quantization")  # settings with which not all weights are trained


def adaptation_config(config: Config, texts: Path, *, text_field: str = "text", teacher: str | None = None) -> Config:
    """Return the config with which the base model of a recognizer is adapted.

    Windows, memory settings, batches, number of steps and learning rates are those of the config. Its components,
    corpora, scores and [initialize] are replaced, and so are `freeze_layers`, `save` and `save_dtype`: all weights are
    trained and saved. The Transformer has no dropout, because there are no labels to overfit.

    config (Config): The interpolated config of a recognizer; it is not changed.
    texts (Path): The unlabelled texts, see `UnlabelledCorpus`.
    text_field (str): Field of the text in .jsonl files.
    teacher (Optional[str]): Base model whose hidden states are the targets: an id on the Hugging Face Hub, or a folder.
        None for the base model of the config.
    RETURNS (Config): The new config.
    RAISES (PipelineError): If the config has no Transformer of this package.
    RAISES (SettingError): If the config has LoRA or quantization.
    """
    changed = config.copy()
    transformer = _transformer_of(changed)
    model = transformer["model"]
    for name in REFUSED:
        if model.get(name) is not None:
            raise SettingError(Errors.ZT297.format(name=name))
    model |= {"dropout": 0.0, "save": "full", "save_dtype": None}
    if model.get("memory") is not None:
        model["memory"]["freeze_layers"] = 0
    base, revision = (model["name"], model.get("revision")) if teacher is None else (teacher, None)
    listener = {
        "@architectures": "spacy-transformers.TransformerListener.v1",
        "grad_factor": 1.0,
        "pooling": {"@layers": "reduce_mean.v1"},
    }
    matcher: dict[str, Any] = {"factory": "zh_tw_wordpiece_matcher", "base": base, "revision": revision}
    matcher["model"] = listener
    if teacher is not None:
        matcher["min_share"] = 0.0  # a teacher that reads single characters is of use, too
    changed["nlp"]["pipeline"] = [TRANSFORMER, MATCHER]
    changed["components"] = {TRANSFORMER: transformer, MATCHER: matcher}
    reader = {"@readers": READER, "path": str(texts), "text_field": text_field}
    changed["corpora"] = {"train": {**reader, "split": "train", "shuffle": True}, "dev": {**reader, "split": "dev"}}
    training = changed["training"]
    training |= {
        "train_corpus": "corpora.train",
        "dev_corpus": "corpora.dev",
        "frozen_components": [],
        "annotating_components": [],
        "score_weights": {"wordpiece_match": 1.0},
    }
    if training.get("max_epochs", 0) == 0:
        training["max_epochs"] = -1  # the texts are streamed
    # `--resume` ignores settings that differ if their values stand in [paths]: texts and base models may have moved.
    changed["paths"] = {**changed.get("paths", {}), "texts": str(texts), "target_base": base}
    changed["initialize"] = {}
    return changed


def base_models_of(config: Config) -> list[Path]:
    """Return the base models that a run reads, as paths: that of the encoder, and the one that it matches.

    config (Config): From `adaptation_config`.
    """
    components = config["components"]
    return [Path(components[TRANSFORMER]["model"]["name"]), Path(components[MATCHER]["base"])]


def _transformer_of(config: Config) -> dict[str, Any]:
    """Return the block of a config's component with a Transformer of this package; raise a PipelineError without it."""
    components = config.get("components", {})
    for name in config["nlp"].get("pipeline", []):
        block: dict[str, Any] = components.get(name, {})
        if block.get("factory") == "transformer" and block.get("model", {}).get("@architectures") == ARCHITECTURE:
            return block
    raise PipelineError(Errors.ZT296.format(names=", ".join(components) or "none"))
