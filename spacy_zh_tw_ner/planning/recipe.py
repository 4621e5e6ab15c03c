"""Read the settings of a training config that determine its memory: model, batch and optimizer."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from spacy.util import registry
from thinc.api import Config

from ..errors import Errors, PlanError
from ..transformer.settings import BackboneSettings, MemorySettings

ARCHITECTURES = ("spacy-zh-tw-ner.TransformerModel.v1", "spacy-zh-tw-ner.Tok2VecTransformer.v1")
BLOCKS = ("lora", "quantization", "memory")
DEFAULT_LABELS = 18  # number of labels of OntoNotes and of the CKIP models
BERT_SPECIAL = 2  # special wordpieces of a window: [CLS] and [SEP]


@dataclass(frozen=True)
class Recipe:
    """Settings that determine the memory of a training step: base model, batch, window length, optimizer and labels.

    settings: Settings of the base model, such as its name, LoRA and quantization.
    section: Path of the Transformer's block in the config, such as "components.ner.model".
    n_windows: Sentences in a batch, each of one window. length: Wordpieces per window, including special ones.
    accumulate: Number of batches per update. optimizer: Name of the optimizer, such as "adamw".
    n_labels: Number of labels of the head. n_layers: Number of layers; None for all layers of the base model.
    """

    settings: BackboneSettings  # of the base model
    section: str  # path of the model in the config
    n_windows: int  # sentences in a batch, each of one window; with accumulation, an update has several batches
    length: int  # wordpieces per window, including special ones
    accumulate: int  # number of batches per update
    optimizer: str  # `optimizer` of `GroupedOptimizer.v1`
    n_labels: int = DEFAULT_LABELS  # labels of the head
    n_layers: int | None = None  # number of layers instead of that of the base model


def read_recipe(config: Config) -> Recipe:
    """Read model, batch and optimizer from a config.

    config (Config): Complete config, in which presets are already merged with the configs that they extend.
    RETURNS (Recipe): The settings that determine the memory.
    RAISES (PlanError): If the config has no Transformer, or its batcher has no `size`.
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
    """Find the block of the Transformer in a config.

    config (Mapping[str, Any]): The interpolated config.
    RETURNS (tuple[str, dict]): Path of the block in the config, and the block.
    RAISES (PlanError): If the config has no Transformer.
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
    """Return the largest number of sentences in a batch.

    The `size` of a batcher whose name contains "sequence" is a number of sentences. For all other batchers, it is a
    number of tokens, which is divided by `length`, and the result is at least 1. If `size` is a schedule, the largest
    number in its settings is used.

    batcher (Mapping[str, Any]): The block [training.batcher].
    length (int): Wordpieces per sentence, for batchers whose size counts tokens.
    RETURNS (int): Number of sentences.
    RAISES (PlanError): If the batcher has no `size`.
    """
    size = batcher.get("size")
    if isinstance(size, Mapping):  # a schedule: its largest number is assumed
        size = max((value for value in size.values() if isinstance(value, int | float)), default=None)
    if not isinstance(size, int | float):
        raise PlanError(Errors.ZT606.format(name=batcher.get("@batchers")))
    return int(size) if "sequence" in str(batcher.get("@batchers")) else max(1, int(size) // length)


def batch_settings(recipe: Recipe, n_windows: int | None, length: int | None) -> dict[str, Any]:
    """Return the settings that change the batch size and window length of a config.

    The new batcher is `spacy.batch_by_sequence.v1`, whose size is the number of windows × accumulated batches.

    recipe (Recipe): The current settings, and the path of the model in the config.
    n_windows (Optional[int]): New number of windows in a batch; None: unchanged.
    length (Optional[int]): New number of wordpieces per window, including special ones; None: unchanged.
    RETURNS (dict[str, Any]): Path of a setting or block in the config → new value.
    """
    size = (n_windows or recipe.n_windows) * recipe.accumulate
    changes: dict[str, Any] = {"training.batcher": {"@batchers": "spacy.batch_by_sequence.v1", "size": size}}
    if length:
        size = length - BERT_SPECIAL
        changes[f"{recipe.section}.get_spans.size"] = size
        changes[f"{recipe.section}.get_spans.overlap"] = min(16, size // 8)  # a quarter is the largest overlap allowed
    return changes
