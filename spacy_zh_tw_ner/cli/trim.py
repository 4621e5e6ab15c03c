"""Define `trim BASE OUT`, which writes a copy of a base model with the wordpieces of single characters only."""

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
    """Cut the vocabulary of a base model to the wordpieces of single characters.

    The hidden states of kept characters stay the same, bit for bit. All characters are kept, or, with --texts or
    --scripts, only the characters that these name; all others become the unknown wordpiece.

    If only one config uses the base model, set `trim = true` in [components.transformer.model] instead: the base model
    is then trimmed when it is loaded.
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
        msg.info(f"{characters.sum():,} characters were kept; all others become the unknown wordpiece.")
    msg.good(f"Wrote {output}")
