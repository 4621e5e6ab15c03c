"""Find and load a pipeline by its name: a folder, or an installed package."""

from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import Errors, PipelineError, ZhTwNerError
from ..runtime.folder import is_exported

if TYPE_CHECKING:
    from spacy.language import Language


def source_folder(name: str) -> Path:
    """Find the files of a spaCy pipeline or exported model.

    name (str): Folder, or name of an installed package.
    RETURNS (Path): The folder, or that of the package.
    RAISES (ZhTwNerError): If there is neither.
    """
    return Path(name) if is_exported(Path(name)) else pipeline_folder(name)


def pipeline_folder(name: str) -> Path:
    """Find the files that `spacy.load` would load.

    name (str): Folder, or name of an installed package, which takes precedence over a folder of the same name.
    RETURNS (Path): The folder, or that of the package.
    RAISES (ZhTwNerError): If there is neither, and for an exported model.
    """
    if is_exported(Path(name)):
        raise PipelineError(Errors.ZT683.format(name=name))
    spec = find_spec(name) if is_installed(name) else None
    if spec is not None and spec.submodule_search_locations:
        return Path(next(iter(spec.submodule_search_locations)))
    if not (Path(name) / "config.cfg").is_file():
        raise PipelineError(Errors.ZT531.format(name=name))
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
    RAISES (ZhTwNerError): If there is none, or if it cannot be loaded.
    """
    import spacy

    pipeline_folder(name)
    try:
        return spacy.load(name, **settings)
    except (MemoryError, ZhTwNerError):
        raise
    except Exception as error:  # a damaged folder may make spaCy raise anything
        reason = " ".join(str(error).split()).removesuffix(".")
        raise PipelineError(Errors.ZT682.format(name=name, kind=type(error).__name__, reason=reason)) from error


def is_installed(name: str) -> bool:
    """Return whether a package is installed. spaCy's `is_package` does the same, but exported models need no spaCy."""
    try:
        return name.isidentifier() and metadata.distribution(name) is not None
    except metadata.PackageNotFoundError:
        return False
