"""Define `convert IN OUT`, which converts annotated files to `.spacy`."""

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
        help="A file, or a folder whose files or subfolders have train, dev and test in their names. "
        "A folder that does not exist is searched in $ZH_TW_NER_CORPORA.",
    ),
    target: Path = typer.Argument(
        ...,
        metavar="OUT",
        help="A folder for train.spacy, dev.spacy and test.spacy, or a .spacy file for all of IN.",
    ),
    format: str = typer.Option(
        "auto",
        "--format",
        "-f",
        parser=corpus_format,
        metavar="FORMAT",
        help="Format of IN: markup, columns (IOB, BIOES, BMES, BILOU), cluener, doccano, label-studio, "
        "label-studio-webhook (of `serve --annotations`), brat, jsonl (spaCy, Prodigy), hf (tokens and ner_tags, in "
        "JSON lines or Parquet), or spacy. By default it is detected.",
    ),
    script: str = typer.Option(
        "auto",
        "--script",
        "-s",
        help="Conversion of characters: s2tw, s2twp (with Taiwanese words), t2tw, or another OpenCC configuration; "
        "'none' converts nothing, 'auto' converts Simplified texts by s2tw.",
    ),
    offsets: str = typer.Option(
        "auto",
        "--offsets",
        parser=offset_unit,
        metavar="UNIT",
        help="Unit of offsets: codepoint, utf16 or grapheme; add -inclusive if the end of an entity is "
        "its last character. By default detected from the annotated texts, if the file repeats them.",
    ),
    max_rejects: int = typer.Option(
        0,
        "--max-rejects",
        min=0,
        help="Number of annotations and records that may be rejected. If there are more, no .spacy file is written.",
    ),
    force: bool = typer.Option(False, "--force", "-F", help="Replace existing .spacy files."),
    text_field: str | None = typer.Option(None, "--text-field", help="JSON field or Parquet column of the text."),
    tokens_field: str | None = typer.Option(None, "--tokens-field", help="JSON field or Parquet column of the tokens."),
    tags_field: str | None = typer.Option(
        None, "--tags-field", help="JSON field or Parquet column of the tags of the tokens, such as B-PERSON."
    ),
    split: str = typer.Option(
        "",
        "--split",
        help="Split IN at random by a ratio: 8:1:1 into train, dev and test, or 9:1 into train and dev. "
        "Documents, and equal texts, are never divided.",
    ),
    seed: int = typer.Option(0, "--seed", help="Seed of the random --split."),
    spans: str = typer.Option(
        "",
        "--spans",
        help="Keep entities of different labels that overlap: write all entities to doc.spans[KEY], such as sc, for "
        "zh_tw_crf_spans, and the longest ones to doc.ents. By default, overlapping entities are rejected.",
    ),
) -> None:
    """Convert annotated files to .spacy files, and print how many annotations were kept, repaired and rejected.

    Rejected annotations and records are listed in rejects.jsonl, in the output folder, with file, line and reason. If
    there are more than --max-rejects, only this list is written. If a file cannot be read at all, nothing is written.
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
        spans=spans,
    )
    with progress(source) as (notify, advance):
        tallies = convert(source, target, settings, force=force, notify=notify, advance=advance)
    rows = [(path.stem, t.sentences, t.entities, t.repaired, t.rejected) for path, t in tallies.items()]
    print_table(rows, header=("split", "sentences", "entities", "repaired", "rejected"), aligns="lrrrr")
    for note in describe(tallies.values(), rejects_path(target, tallies)):
        msg.info(note)
    msg.good(f"Wrote {', '.join(str(path) for path in tallies)}")
