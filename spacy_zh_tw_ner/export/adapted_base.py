"""Save the encoder that `zh-tw-ner adapt` has trained as a base model, on which any config can train."""

from pathlib import Path

from spacy.language import Language

from ..transformer.backbone import DROPOUTS
from ..transformer.hub import read_config
from .quantize import backbone_shims
from .trim_base import copy_licences


def write_adapted(nlp: Language, folder: Path) -> None:
    """Write the encoder of a pipeline and its tokenizer as a base model.

    nlp (Language): A pipeline with one Transformer, without adapters or quantized weights.
    folder (Path): An empty folder.
    RAISES (BaseModelError): If the config of the first base model, whose settings are kept, cannot be read.
    """
    shim = next(backbone_shims(nlp))
    name, model = shim.settings.name, shim.backbone.model
    first = read_config(name, shim.settings.revision)
    for setting in (*DROPOUTS, "use_cache"):  # `prepare_config` has changed them for training
        if hasattr(first, setting):
            setattr(model.config, setting, getattr(first, setting))
    model.save_pretrained(folder)
    shim.table.tokenizer.save_pretrained(folder)
    copy_licences(Path(name), folder)
