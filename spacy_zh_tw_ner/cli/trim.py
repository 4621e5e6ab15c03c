"""`trim BASE OUT`: a base model with the wordpieces of some characters, or of all, and no others."""

from pathlib import Path

import typer

from .main import zh_tw_ner_cli
from .options import FORCE_FOLDER
from .terminal import msg, print_table


@zh_tw_ner_cli.command("trim")
def trim_cli(
    base: str = typer.Argument(..., metavar="BASE", help="Id on the Hugging Face Hub, or a folder."),
    output: Path = typer.Argument(..., metavar="OUT", help="Folder for the trimmed base model."),
    revision: str | None = typer.Option(None, "--revision", "-r", help="Branch, tag or commit on the Hub."),
    texts: list[Path] = typer.Option([], "--texts", help="A UTF-8 file: keep its characters only. May be repeated."),
    scripts: str = typer.Option(
        "", "--scripts", help="Keep characters of these Unicode scripts only, such as Han,Latin,Bopomofo."
    ),
    force: bool = FORCE_FOLDER,
) -> None:
    """Cut the vocabulary of a base model to the wordpieces that single characters can have.

    Hidden states stay the same, bit by bit. With --texts or --scripts, all other characters read as unknown.

    For a single config, `trim = true` in [components.transformer.model] does the same when the base is loaded.
    """
    from ..export.trim_base import characters_of, write_trimmed
    from ..outputs import output_folder

    inputs = [*filter(Path.exists, [Path(base)]), *texts]
    with output_folder(output, force=force, inputs=inputs) as folder:
        characters = characters_of([name.strip() for name in scripts.split(",") if name.strip()], texts)
        sizes = write_trimmed(base, folder, revision=revision, characters=characters)
        rows = [(name, *(f"{n:,}" for n in pair)) for name, pair in sizes._asdict().items()]
        print_table(rows, header=("", "before", "after"), aligns="lrr")
    if characters is not None:
        msg.info(f"{characters.sum():,} characters were kept; all others read as unknown.")
    msg.good(f"Wrote {output}")
