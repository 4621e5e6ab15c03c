"""Measure the memory of a training step with torch's profiler, and compare it with the guide and the plan of a preset.

Each preset is planned for a GPU with its own batch. Then one window runs on the CPU with the model in full size and
random weights (forward, backward, update), and is compared with the plan for just that. Models that are too large for a
CPU are only planned. The second table compares a whole batch with eight micro-batches.

With `--steps N`, it prints the memory of a process over N training steps on the CPU instead; see `training_memory`.
"""

import argparse
import time
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from thinc.api import fix_random_seed

from benchmarks.measure import interleaved, machine, peak_of, table
from benchmarks.random_steps import random_step
from benchmarks.synthetic import make_checkpoint
from benchmarks.training_memory import MODELS, print_curves
from benchmarks.training_step import OURS, pipeline, update
from spacy_zh_tw_ner.planning.plan import GIB, make_plan
from spacy_zh_tw_ner.planning.presets import preset_names, preset_notes, read_config
from spacy_zh_tw_ner.planning.recipe import Recipe, read_recipe
from spacy_zh_tw_ner.training.optimizers import create_grouped_optimizer_v1

LARGEST = 1_000_000_000  # most weights of a model that is run on the CPU
PARTS = ("weights", "gradients", "optimizer", "activations")
GOAL_TIME, GOAL_MEMORY = 1.4, 1 / 8


def on_cpu(recipe: Recipe, windows: int) -> Recipe:
    """Return the recipe for one step with a few windows on the CPU. fp16 becomes bf16: as large, and supported."""
    memory = recipe.settings.memory
    precision = "bf16" if memory.precision == "fp16" else memory.precision
    settings = replace(recipe.settings, memory=replace(memory, precision=precision))
    return replace(recipe, settings=settings, n_windows=windows, accumulate=1)


def preset_row(name: str, windows: int) -> tuple[object, ...]:
    """Return a row of the first table."""
    recipe = read_recipe(read_config(name))
    whole = make_plan(recipe)
    row = (name, preset_notes(name)["guide"], f"{whole.total / GIB:.2f}")
    if whole.parameters > LARGEST:
        return (*row, "planned only", "", "")
    small = on_cpu(recipe, windows)
    plan = make_plan(small, device="cpu")
    planned, found = sum(getattr(plan, part) for part in PARTS), random_step(small).peak_bytes()
    return (*row, f"{planned / GIB:.3f}", f"{found / GIB:.3f}", f"{planned / found:.3f}")


def micro_batch_rows(rounds: int) -> list[tuple[object, ...]]:
    """Return the rows of the second table: 16 windows of 128 wordpieces at once, and two at a time."""
    with TemporaryDirectory() as folder:
        base = make_checkpoint(Path(folder), layers=4, hidden=768, heads=12)
        steps, memory = {}, {}
        for name, size in {"whole": None, "in eighths": 2}.items():
            fix_random_seed(0)
            block = {"@misc": "spacy-zh-tw-ner.memory.v1", "micro_batch": size}
            nlp, examples = pipeline(OURS | {"name": str(base), "memory": block})
            optimizer = create_grouped_optimizer_v1(3e-5, 1e-3)
            steps[name] = lambda nlp=nlp, examples=examples, optimizer=optimizer: update(nlp, examples, optimizer)
            steps[name]()
            shim = nlp.get_pipe("transformer").model.layers[0].shims[0]  # type: ignore[attr-defined]
            gradients = sum(p.nbytes for p in shim.backbone.parameters())
            memory[name] = (peak_of(steps[name]) - gradients) / 2**20
        seconds = interleaved(steps, rounds=rounds, clock=time.process_time)
    return [
        (name, f"{1000 * seconds[name]:.0f}", f"{seconds[name] / seconds['whole']:.2f}", f"{memory[name]:.0f}")
        for name in steps
    ]


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--windows", type=int, default=1, help="number of windows that run on the CPU")
    parser.add_argument(
        "--steps", type=int, default=0, help="number of training steps; prints the curve of memory instead"
    )
    parser.add_argument("--only", choices=MODELS, help="train only this model")
    parser.add_argument("--layers", type=int, default=12, help="layers of the BERT that is trained")
    parser.add_argument("--hidden", type=int, default=384, help="its width")
    options = parser.parse_args()
    torch.set_num_threads(1)
    print(machine())
    if options.steps:
        print_curves(options.steps, only=options.only, layers=options.layers, hidden=options.hidden)
        return
    header = ("preset", "guide", "plan, GPU, GiB", "plan, CPU, GiB", "profiler, CPU, GiB", "ratio")
    names = [name for name in preset_names() if preset_notes(name)["vram"]]
    print(table([preset_row(name, options.windows) for name in names], header=header))
    header = ("16 × 128 pieces, 4 × 768", "processor ms", f"of the whole (goal ≤ {GOAL_TIME})", "activations, MiB")
    print(table(micro_batch_rows(options.rounds), header=header))


if __name__ == "__main__":
    main()
