"""Define `validate CORPUS`, which checks a corpus before training."""

import json
from pathlib import Path

import typer

from .main import zh_tw_ner_cli
from .terminal import msg, print_table


@zh_tw_ner_cli.command("validate")
def validate_cli(
    folder: Path = typer.Argument(
        ..., metavar="CORPUS", help="Folder with train.spacy and dev.spacy; test.spacy is optional."
    ),
    output: Path | None = typer.Option(None, "--output", "-o", help="JSON file for the report."),
    spans: str = typer.Option(
        "", "--spans", metavar="KEY", help="Check the entities of doc.spans[KEY], which may overlap, not doc.ents."
    ),
    window: int = typer.Option(254, "--window", min=1, help="Sentences with more characters are reported as long."),
) -> None:
    """Check a converted corpus: labels, repeated sentences, edges of entities, lengths, script, consistency.

    A problem that makes training useless or scores wrong is an error, and the exit status is then 1. Other problems
    are warnings.
    """
    from ..atomic_writes import write_whole
    from ..corpora.validate import validate
    from ..outputs import require_report

    if output is not None:
        require_report(output, "JSON")
    report = validate(folder, window=window, spans_key=spans)
    labels = sorted({label for counts in report.splits.values() for label in counts.labels})
    names = ["sentences", "characters", "without_entities", "over_window", *(["overlapping"] if spans else [])]
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
    msg.good(f"{folder} can be used for training.")
