"""Define `plan CONFIG --vram GIB`, which estimates the memory of a training step before training."""

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
    "gradients": "of the trained weights",
    "activations": "at the peak, in addition to the gradients",
    "head": "hidden states, emissions, CRF",
    "context": "used by CUDA itself",
}


@zh_tw_ner_cli.command("plan")
def plan_cli(
    config: str = typer.Argument(
        ..., metavar="CONFIG", help="A config file, or the name of a preset such as 12gb-large-lora."
    ),
    vram: float | None = typer.Option(None, "--vram", "-v", help="GPU memory in GiB; by default that of the preset."),
    batch: int | None = typer.Option(None, "--batch", min=1, help="Batch size; by default that of the config."),
    length: int | None = typer.Option(
        None, "--length", min=3, help="Wordpieces per window; by default that of the config."
    ),
    write: Path | None = typer.Option(None, "--write", help="File for a config that is changed until it fits."),
    force: bool = typer.Option(False, "--force", "-F", help="Replace the --write file if it exists."),
    as_json: bool = typer.Option(False, "--json", help="Print the plan as JSON."),
) -> None:
    """Estimate the memory of a training step, and list changes that make it fit.

    Neither a GPU nor weights are needed: the model is built on torch's meta device, and every allocation of one step is
    counted. The exit status is 2 if the config does not fit unchanged.
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
    """Print a memory plan, its changes and its largest batches to standard output, as text and tables."""
    plan, recipe = report.plan, report.recipe
    share = f"{plan.trainable:,} of {plan.parameters:,} weights train ({plan.trainable / plan.parameters:.2%})"
    print(f"{recipe.settings.name}: {share}")
    if recipe.settings.trim:
        print(f"The vocabulary is trimmed to {plan.vocabulary:,} wordpieces.")
    print(
        f"batch size {recipe.n_windows} × {recipe.length} wordpieces, {recipe.accumulate} gradient accumulation steps, "
        f"{recipe.settings.memory.precision}, {recipe.optimizer}"
    )
    rows = [(part, _gib(getattr(plan, part)), NOTES.get(part, "")) for part in PARTS]
    print_table([*rows, ("total", _gib(plan.total), "")], header=("", "GiB", ""), aligns="lrl")
    if plan.offloadable:
        print(
            f"memory.device_map can keep {_gib(plan.offloadable)} GiB of the weights outside the GPU. Steps are slower."
        )
    if report.fits:
        msg.good(f"It fits in {report.vram:g} GiB.")
    else:
        msg.warn(f"The batch does not fit in {report.vram:g} GiB as a whole.")
    if report.parts is not None:
        msg.info(
            f"The config still trains unchanged: memory.micro_batch runs {report.parts.n_windows} windows at a time in "
            f"{_gib(report.parts.total)} GiB, with the same gradients, about a third slower."
        )
    largest = ", ".join(f"{n} × {length}" for length, n in report.largest.items() if n)
    print(f"The largest batches that fit (windows × wordpieces): {largest}" if largest else "Not even one window fits.")
    if report.reductions:
        print("Changes that reduce the memory, in this order:")
        ladder = [(str(r.level), r.change, _gib(r.plan.total)) for r in report.reductions]
        print_table(ladder, header=("level", "change", "total"), aligns="llr")
        if not report.reductions[-1].plan.fits(report.vram):
            msg.fail("Even with all changes it does not fit: choose a smaller base model.")


def _gib(size: int) -> str:
    return f"{size / 2**30:.2f}"
