"""Define the options that several commands share, so that each has one name and one help text."""

from typing import Any

import typer

FORCE_FOLDER: Any = typer.Option(
    False, "--force", "-F", help="Replace the output folder if this package has written it. Others are never replaced."
)
FORCE_FILE: Any = typer.Option(False, "--force", "-F", help="Replace OUT if it exists.")
