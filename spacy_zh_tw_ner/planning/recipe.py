"""Read from a training config the settings that determine its memory."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from spacy.util import registry
from thinc.api import Config

from ..errors import Errors, PlanError
from ..transformer.settings import BackboneSettings, MemorySettings

ARCHITECTURES = ("spacy-zh-tw-ner.TransformerModel.v1", "spacy-zh-tw-ner.Tok2VecTransformer.v1")
BLOCKS = ("lora", "quantization", "memory")
DEFAULT_LABELS = 18  # of OntoNotes, and of CKIP's models
BERT_SPECIAL = 2


@dataclass(frozen=True)
class Recipe:
    """Model, batch and optimizer of a training step.

    settings: Of the base model.
    section: Path of the model in the config.
    n_windows: Sentences in a batch, each of one window; with accumulation, those between two updates are more.
    length: Wordpieces per window, special ones included.
    accumulate: Number of batches before an update.
    optimizer: A name for `GroupedOptimizer.v1`.
    n_labels: Of the head.
    n_layers: Number of layers to use instead of all.
    """

    settings: BackboneSettings
    section: str
    n_windows: int
    length: int
    accumulate: int
    optimizer: str
    n_labels: int = DEFAULT_LABELS
    n_layers: int | None = None


def read_recipe(config: Config) -> Recipe:
    """Read a recipe from a config.

    config (Config): Complete; see `read_config`.
    RETURNS (Recipe): Its recipe.
    RAISES (PlanError): If it has no Transformer, or its batcher has no size.
    """
    config = config.interpolate()
    section, model = find_transformer(config)
    blocks = {name: registry.resolve({name: model[name]})[name] for name in BLOCKS if model.get(name)}
    settings = BackboneSettings(
        name=model["name"],
        revision=model.get("revision"),
        lora=blocks.get("lora"),
        quantization=blocks.get("quantization"),
        memory=blocks.get("memory", MemorySettings()),
        attention=model.get("attention"),
        dropout=model.get("dropout"),
        trim=bool(model.get("trim")),
    )
    spans = model["get_spans"]
    length = int(spans.get("size", spans.get("window", spans.get("max_length", 510)))) + BERT_SPECIAL
    training = config["training"]
    accumulate = int(training.get("accumulate_gradient", 1))
    labels = config.get("initialize", {}).get("components", {}).get("ner", {}).get("labels")
    optimizer = training["optimizer"]
    return Recipe(
        settings=settings,
        section=section,
        n_windows=max(1, sentences_at_once(training["batcher"], length) // accumulate),
        length=length,
        accumulate=accumulate,
        optimizer=optimizer.get("optimizer", "adamw"),
        n_labels=len(labels) if isinstance(labels, list) else DEFAULT_LABELS,
    )


def find_transformer(config: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Find the block of the Transformer.

    RETURNS (tuple[str, dict]): Its path in the config, and the block.
    RAISES (PlanError): If there is none.
    """

    def blocks(node: Mapping[str, Any], path: str) -> Iterator[tuple[str, dict[str, Any]]]:
        for key, value in node.items():
            if isinstance(value, dict):
                if value.get("@architectures") in ARCHITECTURES:
                    yield f"{path}.{key}", value
                yield from blocks(value, f"{path}.{key}")

    found = next(blocks(config.get("components", {}), "components"), None)
    if found is None:
        raise PlanError(Errors.ZT604)
    return found


def sentences_at_once(batcher: Mapping[str, Any], length: int) -> int:
    """Return the number of sentences of a length in a batch.

    RAISES (PlanError): For a batcher that has no size.
    """
    size = batcher.get("size")
    if isinstance(size, Mapping):  # a schedule, whose largest number is the worst case
        size = max((value for value in size.values() if isinstance(value, int | float)), default=None)
    if not isinstance(size, int | float):
        raise PlanError(Errors.ZT606.format(name=batcher.get("@batchers")))
    return int(size) if "sequence" in str(batcher.get("@batchers")) else max(1, int(size) // length)


def batch_settings(recipe: Recipe, n_windows: int | None, length: int | None) -> dict[str, Any]:
    """Return the settings of a batch size and length, for `with_settings`."""
    size = (n_windows or recipe.n_windows) * recipe.accumulate
    changes: dict[str, Any] = {"training.batcher": {"@batchers": "spacy.batch_by_sequence.v1", "size": size}}
    if length:
        size = length - BERT_SPECIAL
        changes[f"{recipe.section}.get_spans.size"] = size
        changes[f"{recipe.section}.get_spans.overlap"] = min(16, size // 8)  # at most a quarter
    return changes
