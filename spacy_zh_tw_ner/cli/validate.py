"""`validate FOLDER`: check a corpus before training on it."""

import json
from pathlib import Path

import typer

from .main import zh_tw_ner_cli
from .terminal import msg, print_table


@zh_tw_ner_cli.command("validate")
def validate_cli(
    folder: Path = typer.Argument(..., help="Folder with train.spacy, dev.spacy and perhaps test.spacy."),
    output: Path | None = typer.Option(None, "--output", "-o", help="Write the report as JSON, too."),
    window: int = typer.Option(254, "--window", min=1, help="Characters above which a sentence is reported as long."),
) -> None:
    """Check a converted corpus: labels, repeated sentences, spans with odd edges, lengths, script, uneven annotation.

    Exits with 1 when something is found that makes training useless or its scores wrong.
    """
    from ..atomic_writes import write_whole
    from ..corpora.validate import validate
    from ..outputs import require_report

    if output is not None:
        require_report(output, "JSON")
    report = validate(folder, window=window)
    labels = sorted({label for counts in report.splits.values() for label in counts.labels})
    names = ("sentences", "characters", "without_entities", "over_window")
    rows: list[tuple[str, ...]] = [
        (name.replace("_", " "), *(f"{getattr(counts, name):,}" for counts in report.splits.values())) for name in names
    ]
    lengths = next(iter(report.splits.values())).lengths
    rows += [
        (f"length, {share}", *(f"{counts.lengths[share]:,}" for counts in report.splits.values())) for share in lengths
    ]
    shares = {
        "Simplified, %": [counts.simplified for counts in report.splits.values()],
        "names of train left out, %": [report.left_out[split].share for split in report.splits],
        "names that train leaves out, %": [report.only_here[split].share for split in report.splits],
    }
    rows += [(name, *(f"{100 * share:.1f}" for share in values)) for name, values in shares.items()]
    rows += [(label, *(f"{counts.labels.get(label, 0):,}" for counts in report.splits.values())) for label in labels]
    print_table(rows, header=("", *report.splits), aligns="l" + "r" * len(report.splits))
    for warning in report.warnings:
        msg.warn(warning)
    for error in report.errors:
        msg.fail(error)
    if output is not None:
        write_whole(output, json.dumps(report.to_json(), ensure_ascii=False, indent=2).encode())
    if report.errors:
        raise typer.Exit(1)
    msg.good(f"{folder} is fit to train on.")
