"""Find and load pipelines by folder or by the name of an installed package."""

from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import Errors, PipelineError, ZhTwNerError
from ..runtime.folder import is_exported

if TYPE_CHECKING:
    from spacy.language import Language


def source_folder(name: str) -> Path:
    """Return the folder of a spaCy pipeline or exported model.

    If a folder and an installed package have this name, an exported model in the folder takes precedence over the
    package, and the package takes precedence over a pipeline in the folder.

    name (str): A folder, or the name of an installed package.
    RETURNS (Path): The folder itself, or the folder of the package.
    RAISES (ZhTwNerError): If the folder or package does not exist.
    """
    return Path(name) if is_exported(Path(name)) else pipeline_folder(name)


def pipeline_folder(name: str) -> Path:
    """Return the folder that `spacy.load` would load.

    name (str): Name of an installed package, which takes precedence, or a folder.
    RETURNS (Path): The folder itself, or the folder of the package.
    RAISES (ZhTwNerError): If the folder or package does not exist, or is an exported model.
    """
    if is_exported(Path(name)):
        raise PipelineError(Errors.ZT683.format(name=name))
    spec = find_spec(name) if is_installed(name) else None
    if spec is not None and spec.submodule_search_locations:
        return Path(next(iter(spec.submodule_search_locations)))
    if not (Path(name) / "config.cfg").is_file():
        raise PipelineError(Errors.ZT531.format(name=name))
    return Path(name)


def data_folder(name: str) -> Path:
    """Return the folder that holds `config.cfg` and `meta.json` of a pipeline. In a package, it is a subfolder.

    name (str): Name of an installed package, which takes precedence, or a folder.
    RAISES (ZhTwNerError): If the folder or package does not exist, or holds no pipeline.
    """
    folder = pipeline_folder(name)
    found = [folder, *sorted(path.parent for path in folder.glob("*/config.cfg"))]
    data = next((place for place in found if (place / "config.cfg").is_file()), None)
    if data is None:
        raise PipelineError(Errors.ZT531.format(name=name))
    return data


def pipeline_places(*names: str) -> list[Path]:
    """Return the folders of pipelines, so that callers can check that no output overwrites them.

    names (str): Folders, or names of installed packages.
    RETURNS (list[Path]): Folders that exist. If a name is both a folder and an installed package, both folders.
    """
    places = [Path(name) for name in names if Path(name).exists()]
    packages = [find_spec(name) for name in names if name.isidentifier()]
    return places + [Path(folder) for spec in packages if spec for folder in spec.submodule_search_locations or ()]


def load_pipeline(name: str, **settings: Any) -> "Language":
    """Load a spaCy pipeline; any error of spaCy becomes a PipelineError with a remedy.

    name (str): Folder, or name of an installed package.
    settings (Any): Arguments of `spacy.load`.
    RETURNS (Language): The pipeline.
    RAISES (ZhTwNerError): If the folder or package does not exist, or cannot be loaded.
    """
    import spacy

    pipeline_folder(name)
    try:
        return spacy.load(name, **settings)
    except (MemoryError, ZhTwNerError):
        raise
    except Exception as error:  # spaCy may raise any exception for a damaged folder
        reason = " ".join(str(error).split()).removesuffix(".")
        raise PipelineError(Errors.ZT682.format(name=name, kind=type(error).__name__, reason=reason)) from error


def is_installed(name: str) -> bool:
    """Return whether a package is installed. Unlike spaCy's `is_package`, it does not import spaCy."""
    try:
        return name.isidentifier() and metadata.distribution(name) is not None
    except metadata.PackageNotFoundError:
        return False
