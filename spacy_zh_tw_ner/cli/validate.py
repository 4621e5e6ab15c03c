"""Define `validate CORPUS`, which checks a corpus before training."""

import json
from pathlib import Path

import typer

from .agreement import report_agreement
from .main import zh_tw_ner_cli
from .options import TEXT_FIELD_HELP, offset_unit
from .terminal import msg, print_table


@zh_tw_ner_cli.command("validate")
def validate_cli(
    sources: list[Path] = typer.Argument(
        ...,
        metavar="CORPUS",
        help="Folder with train.spacy and dev.spacy; test.spacy is optional. With --agreement: exports of annotators.",
    ),
    agreement: bool = typer.Option(
        False, "--agreement", help="Measure the agreement of annotators in files of Label Studio, doccano or others."
    ),
    output: Path | None = typer.Option(None, "--output", "-o", help="JSON file for the report."),
    spans: str = typer.Option(
        "", "--spans", help="Check the entities of doc.spans[KEY], which may overlap, not doc.ents."
    ),
    page: Path | None = typer.Option(
        None, "--page", help="HTML page with the readings that differ side by side; only with --agreement."
    ),
    text_field: str | None = typer.Option(None, "--text-field", help=TEXT_FIELD_HELP),
    offsets: str = typer.Option("auto", "--offsets", parser=offset_unit, help="Unit of the offsets in the exports."),
    window: int = typer.Option(254, "--window", min=1, help="Sentences with more characters are reported as long."),
) -> None:
    """Check a converted corpus: labels, repeated sentences, edges of entities, lengths, script, consistency.

    A problem that makes training useless or scores wrong is an error, and the exit status is then 1. Other problems
    are warnings. With --agreement, the F between annotators is measured instead.
    """
    from ..atomic_writes import write_whole
    from ..corpora.validate import validate
    from ..outputs import require_report

    if agreement:
        report_agreement(sources, output=output, page=page, text_field=text_field, offsets=offsets)
        return
    if len(sources) > 1 or page is not None:
        raise typer.BadParameter("Several files, and --page, need --agreement. Give one folder to check a corpus.")
    folder = sources[0]
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
