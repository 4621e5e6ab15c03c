"""Define `propose TEXTS OUT`, which annotates texts with weak sources, such as word lists and rules."""

from pathlib import Path

import typer

from .main import zh_tw_ner_cli
from .options import FORCE_FILE, GPU_HELP, use_gpu
from .terminal import msg, print_table


@zh_tw_ner_cli.command("propose")
def propose_cli(
    source: Path = typer.Argument(
        ...,
        metavar="TEXTS",
        help="Plain text, one text per line, or a file that `convert` reads. Texts with annotations keep them.",
    ),
    target: Path = typer.Argument(..., metavar="OUT", help="The .spacy file, on which `train` trains."),
    sources: Path = typer.Option(
        ..., "--sources", help="TOML file that names the sources, their precision and labels."
    ),
    outside_weight: float | None = typer.Option(
        None,
        "--outside-weight",
        min=0.0,
        max=1.0,
        help="Weight of O where no source proposes anything, instead of that of the file: 0 is unknown, 1 is O.",
    ),
    report: Path | None = typer.Option(
        None, "--report", help="JSON file for the report; by default OUT with the ending .json."
    ),
    gpu_id: int = typer.Option(-1, "--gpu-id", "-g", min=-1, help=GPU_HELP),
    force: bool = FORCE_FILE,
) -> None:
    """Annotate texts with weak sources: word lists, patterns, rules, pipelines, GLiNER, answers of a language model.

    Proposals that are probably right become entities in OUT. Where proposals are uncertain or contradict each other,
    training allows several tags for a token. Elsewhere, training prefers the tag O (no entity) by a weight. Proposals
    that cannot be used are listed in a file with the name of OUT and the ending .rejects.jsonl.
    """
    from dataclasses import replace

    from ..proposals import propose, read_settings
    from .terminal import progress

    settings = read_settings(sources)
    if outside_weight is not None:
        settings = replace(settings, outside_weight=outside_weight)
    use_gpu(gpu_id)
    with progress(source) as (notify, advance):
        result = propose(source, target, settings, report=report, force=force, notify=notify, advance=advance)
    header = ("source", "texts", "entities", "agreed", "contradicted", "annotated", "O", "ignored", "rejected")
    rows = [
        (name, t.texts, t.proposals, t.agreed, t.contradicted, t.annotated, t.outside, t.ignored, t.rejected.total())
        for name, t in result.sources.items()
    ]
    print_table(rows, header=header, aligns="l" + "r" * 8)
    spoken = ", ".join(f"{100 * n / max(1, result.characters):.0f} % {kind}" for kind, n in result.kinds().items())
    msg.info(f"Characters: {spoken}. Conflicts: {result.conflicts:,}.")
    if result.already_annotated:
        msg.info(f"{result.already_annotated:,} texts have annotations, which were kept.")
    if result.rejects:
        msg.warn(f"{result.rejects:,} proposals cannot be used. They are in {target.with_suffix('.rejects.jsonl')}")
    msg.good(f"Wrote {result.texts:,} texts with {result.annotated.total():,} entities to {target}")
