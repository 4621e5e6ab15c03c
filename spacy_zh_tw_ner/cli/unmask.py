"""Define `unmask IN OUT --map MAP`, which restores the original texts of a masked file."""

from pathlib import Path

import typer

from .main import zh_tw_ner_cli
from .options import FORCE_FILE, TEXT_FIELD_HELP
from .terminal import msg


@zh_tw_ner_cli.command("unmask")
def unmask_cli(
    source: Path = typer.Argument(..., metavar="IN", help="A file that `mask` wrote, unchanged."),
    target: Path = typer.Argument(..., metavar="OUT", help="The output file, of the same format as IN."),
    map: Path = typer.Option(..., "--map", help="The map that `mask` wrote with IN."),
    text_field: str = typer.Option("text", "--text-field", help=TEXT_FIELD_HELP),
    entities_field: str = typer.Option(
        "entities", "--entities-field", help="Field or column of the entities, which is removed."
    ),
    force: bool = FORCE_FILE,
) -> None:
    """Restore the original texts of a masked file."""
    from ..annotation.unmask import unmask_file

    count = unmask_file(source, target, map, text_field=text_field, entities_field=entities_field, force=force)
    msg.good(f"Wrote {target}: {count:,} records")
