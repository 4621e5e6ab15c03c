"""`convert IN OUT`: annotated files → `.spacy`."""

from pathlib import Path

import typer

from .main import zh_tw_ner_cli
from .options import corpus_format, offset_unit
from .terminal import msg, print_table


@zh_tw_ner_cli.command("convert")
def convert_cli(
    source: Path = typer.Argument(
        ...,
        metavar="IN",
        help="A file, or a folder whose files or folders have train, dev and test in their names. "
        "A folder that is not there is looked for in $ZH_TW_NER_CORPORA.",
    ),
    target: Path = typer.Argument(
        ...,
        metavar="OUT",
        help="A folder for train.spacy, dev.spacy and test.spacy; or a .spacy file, into which goes all of IN.",
    ),
    format: str = typer.Option(
        "auto",
        "--format",
        "-f",
        parser=corpus_format,
        metavar="FORMAT",
        help="markup, columns (IOB, BIOES, BMES, BILOU), cluener, doccano, label-studio, brat, jsonl (spaCy, Prodigy), "
        "hf (tokens and ner_tags, JSON lines or Parquet), or spacy; recognised by content when not given.",
    ),
    script: str = typer.Option(
        "auto",
        "--script",
        "-s",
        help="s2tw, s2twp (with Taiwanese words), t2tw, or another OpenCC configuration; "
        "'none' leaves the text as it is, 'auto' converts Simplified text by s2tw.",
    ),
    offsets: str = typer.Option(
        "auto",
        "--offsets",
        parser=offset_unit,
        metavar="UNIT",
        help="Unit of offsets: codepoint, utf16 or grapheme, with -inclusive when they name the last character; "
        "recognised by comparing with the annotated texts, where the file repeats them, when not given.",
    ),
    max_rejects: int = typer.Option(
        0, "--max-rejects", min=0, help="Fail when more annotations than this cannot be used."
    ),
    force: bool = typer.Option(False, "--force", "-F", help="Replace .spacy files that exist."),
    text_field: str | None = typer.Option(None, "--text-field", help="Field of JSON or Parquet that holds the text."),
    tokens_field: str | None = typer.Option(None, "--tokens-field", help="Field that holds a list of tokens."),
    tags_field: str | None = typer.Option(
        None, "--tags-field", help="Field that holds the tags of the tokens, such as B-PERSON."
    ),
    split: str = typer.Option(
        "",
        "--split",
        help="Split one export at random, such as 8:1:1 into train, dev and test, or 9:1 into train and dev: "
        "whole documents, and equal texts together.",
    ),
    seed: int = typer.Option(0, "--seed", help="Seed of --split."),
) -> None:
    """Convert annotated files to spaCy's format.

    Prints what was read, repaired and rejected. Rejected annotations are written to rejects.jsonl next to the output,
    with file, line and reason. Nothing is written unless everything could be read.
    """
    from ..corpora.annotation_checks import describe, rejects_path
    from ..corpora.convert import ConvertSettings, convert
    from ..corpora.records import FieldNames
    from .terminal import progress

    settings = ConvertSettings(
        format=format,
        script=script,
        offsets=offsets,
        max_rejects=max_rejects,
        fields=FieldNames(text_field, tokens_field, tags_field),
        split=split,
        seed=seed,
    )
    with progress(source) as (notify, advance):
        tallies = convert(source, target, settings, force=force, notify=notify, advance=advance)
    rows = [(path.stem, t.sentences, t.entities, t.repaired, t.rejected) for path, t in tallies.items()]
    print_table(rows, header=("split", "sentences", "entities", "repaired", "rejected"), aligns="lrrrr")
    for note in describe(tallies.values(), rejects_path(target, tallies)):
        msg.info(note)
    msg.good(f"Wrote {', '.join(str(path) for path in tallies)}")
