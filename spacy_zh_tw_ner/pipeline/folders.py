"""The name of a pipeline → where it lies."""

from pathlib import Path

from ..errors import Errors


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
