"""Write the folder of a base model: weights, config, tokenizer, and the licences of the model it was made from."""

import shutil
from pathlib import Path

from spacy.language import Language

from ..transformer.backbone import DROPOUTS
from ..transformer.hub import read_config
from .quantize import backbone_shims

LICENCES = ("LICEN[CS]E*", "NOTICE*", "COPYING*")
MAX_LICENCE = 2**20  # bytes
CHANGED_IN_TRAINING = (*DROPOUTS, "use_cache")  # settings of a model's config that `prepare_config` changes


def write_base_model(nlp: Language, folder: Path) -> None:
    """Write the encoder of a pipeline and its tokenizer as a base model. A trimmed vocabulary stays trimmed.

    nlp (Language): A pipeline with one Transformer, without adapters or quantized weights.
    folder (Path): An empty folder.
    RAISES (BaseModelError): If the base model from which the encoder was trained cannot be read. Some settings, such as
        its dropout rates, are taken from its config.
    """
    shim = next(backbone_shims(nlp))
    name, model = shim.settings.name, shim.backbone.model
    original = read_config(name, shim.settings.revision)
    for setting in CHANGED_IN_TRAINING:
        if hasattr(original, setting):
            setattr(model.config, setting, getattr(original, setting))
    model.save_pretrained(folder)
    shim.table.tokenizer.save_pretrained(folder)
    copy_licences(Path(name), folder)


def copy_licences(source: Path, folder: Path) -> None:
    """Copy the licence files of a base model to a folder. A model on the Hub has no folder, so nothing is copied.

    source (Path): Folder of the base model. Links to files elsewhere are left out.
    folder (Path): The folder to copy to.
    """
    place = source.resolve()
    roots = [place]
    if place.parent.name == "snapshots":
        roots.append(place.parents[1] / "blobs")  # in the Hub's cache, files in snapshots/COMMIT link to it
    for pattern in LICENCES if source.is_dir() else ():
        for path in source.glob(pattern):
            is_inside = any(path.resolve().is_relative_to(root) for root in roots)
            if is_inside and path.is_file() and path.stat().st_size <= MAX_LICENCE:  # not a folder LICENSES, nor a pipe
                shutil.copyfile(path, folder / path.name)
