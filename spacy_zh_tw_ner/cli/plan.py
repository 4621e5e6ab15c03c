"""`plan CONFIG --vram 12`: the memory of a training step, before it runs."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from .main import zh_tw_ner_cli
from .terminal import msg, print_table

if TYPE_CHECKING:
    from ..planning.report import PlanReport

PARTS = ("weights", "gradients", "optimizer", "activations", "head", "context")
NOTES = {
    "gradients": "of what trains",
    "activations": "at the peak, in addition to the gradients",
    "head": "hidden states, emissions, CRF",
    "context": "what CUDA takes for itself",
}


@zh_tw_ner_cli.command("plan")
def plan_cli(
    config: str = typer.Argument(..., metavar="CONFIG", help="A config, or the name of a preset, as 12gb-large-lora."),
    vram: float | None = typer.Option(None, "--vram", "-v", help="GPU memory in GiB; default: that of the preset."),
    batch: int | None = typer.Option(None, "--batch", min=1, help="Batch size; default: that of the config."),
    length: int | None = typer.Option(
        None, "--length", min=3, help="Wordpieces per window; default: that of the config."
    ),
    write: Path | None = typer.Option(None, "--write", help="Save the config, reduced in memory until it fits."),
    force: bool = typer.Option(False, "--force", "-F", help="Replace the file of --write if it exists."),
    as_json: bool = typer.Option(False, "--json", help="Print JSON, for programs."),
) -> None:
    """Estimate the memory of a training step, and what to change if it does not fit.

    Needs neither a GPU nor weights: the model is built on the meta device, and every allocation of a step is counted.
    Exits with 2 if the config does not fit as it is.
    """
    from ..atomic_writes import write_whole
    from ..outputs import require_new
    from ..planning.presets import read_config, with_settings
    from ..planning.recipe import batch_settings, read_recipe
    from ..planning.report import make_report

    if write is not None:
        require_new(write, force=force)
    whole = read_config(config)
    if batch or length:
        whole = with_settings(whole, batch_settings(read_recipe(whole), batch, length))
    report = make_report(config, whole, vram)
    if as_json:
        print(json.dumps(report.to_dict(), ensure_ascii=False, indent=2))
    else:
        _show(report)
    if write is not None:
        write_whole(write, report.fitting.to_str(interpolate=False).encode())
        print(f"Wrote {write}", file=sys.stderr)
    if not report.fits:
        raise typer.Exit(2)


def _show(report: "PlanReport") -> None:
    """Print a report as tables."""
    plan, recipe = report.plan, report.recipe
    share = f"{plan.trainable:,} of {plan.parameters:,} weights train ({plan.trainable / plan.parameters:.2%})"
    print(f"{recipe.settings.name}: {share}")
    if recipe.settings.trim:
        print(f"The vocabulary is trimmed to {plan.vocabulary:,} wordpieces.")
    print(
        f"{recipe.n_windows} × {recipe.length} wordpieces at once, {recipe.accumulate} × before an update, "
        f"{recipe.settings.memory.precision}, {recipe.optimizer}"
    )
    rows = [(part, _gib(getattr(plan, part)), NOTES.get(part, "")) for part in PARTS]
    print_table([*rows, ("total", _gib(plan.total), "")], header=("", "GiB", ""), aligns="lrl")
    if report.fits:
        msg.good(f"It fits in {report.vram:g} GiB.")
    else:
        msg.warn(f"It does not fit in {report.vram:g} GiB as a whole.")
    if report.parts is not None:
        msg.info(
            f"It still trains as it is: memory.micro_batch lets it run {report.parts.n_windows} windows at a time in "
            f"{_gib(report.parts.total)} GiB, with the same gradients, and about a third slower."
        )
    largest = ", ".join(f"{n} × {length}" for length, n in report.largest.items() if n)
    print(f"The largest batches that fit: {largest}" if largest else "Not even one window fits.")
    if report.reductions:
        print("What to change, in this order:")
        ladder = [(str(r.level), r.change, _gib(r.plan.total)) for r in report.reductions]
        print_table(ladder, header=("level", "change", "total"), aligns="llr")
        if not report.reductions[-1].plan.fits(report.vram):
            msg.fail("Even so it does not fit: take a smaller base.")


def _gib(size: int) -> str:
    return f"{size / 2**30:.2f}"
