"""Find and load a pipeline by its name."""

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import Errors

if TYPE_CHECKING:
    from spacy.language import Language


def pipeline_folder(name: str) -> Path:
    """Find what `spacy.load` would load.

    name (str): Folder, or name of an installed package.
    RETURNS (Path): The folder, or that of the package.
    RAISES (ValueError): If there is nothing.
    """
    from spacy.util import get_package_path, is_package

    if is_package(name):
        return get_package_path(name)
    if not (Path(name) / "config.cfg").is_file():
        raise ValueError(Errors.ZT531.format(name=name))
    return Path(name)


def pipeline_places(*names: str) -> list[Path]:
    """List the folders of pipelines, by path or package name, which outputs must not overwrite.

    names (str): Folders, or names of installed packages; what does not exist is left out.
    """
    places = [Path(name) for name in names if Path(name).exists()]
    packages = [find_spec(name) for name in names if name.isidentifier()]
    return places + [Path(folder) for spec in packages if spec for folder in spec.submodule_search_locations or ()]


def load_pipeline(name: str, **settings: Any) -> "Language":
    """Load a pipeline; errors get a message with a remedy.

    name (str): Folder, or name of an installed package.
    settings (Any): For `spacy.load`.
    RAISES (ValueError): If there is none, or if it cannot be loaded.
    """
    import spacy

    if all((Path(name) / file).is_file() for file in ("model.onnx", "pipeline.json")):
        raise ValueError(Errors.ZT683.format(name=name))
    pipeline_folder(name)
    try:
        return spacy.load(name, **settings)
    except MemoryError:
        raise
    except Exception as error:
        if str(error).startswith("[ZT"):
            raise
        reason = " ".join(str(error).split()).removesuffix(".")
        raise ValueError(Errors.ZT682.format(name=name, kind=type(error).__name__, reason=reason)) from error
