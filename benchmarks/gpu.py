"""Measure training and prediction on a GPU: memory compared with the plans, the CRF's share, and precisions.

    python -m benchmarks.gpu [--minutes 8] [--device cpu]

All weights are random, so nothing is downloaded. The first tables take a minute; then the presets run from the smallest
to Qwen2-7B, each as a training step of its full size: the plan of weights, gradients, optimizer states and activations
is compared with `max_memory_allocated`. What does not begin within `--minutes` is left out, and what does not fit is
"out of memory". `--device cpu` runs the same code with tiny models, as a test; its figures mean nothing.
"""

import argparse
import gc
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from benchmarks.crf import Batch, make_batch
from benchmarks.measure import interleaved, machine, table
from benchmarks.memory import PARTS, on_cpu
from benchmarks.random_steps import RandomStep, random_step
from benchmarks.synthetic import make_checkpoint
from spacy_zh_tw_ner.crf import log_likelihood
from spacy_zh_tw_ner.planning.base_models import config_of
from spacy_zh_tw_ner.planning.plan import GIB, Plan, make_plan
from spacy_zh_tw_ner.planning.presets import preset_names, preset_notes, read_config
from spacy_zh_tw_ner.planning.recipe import Recipe, read_recipe
from spacy_zh_tw_ner.transformer.backbone import load_backbone
from spacy_zh_tw_ner.transformer.settings import MemorySettings, QuantizationSettings

STEPS = 3  # timed steps of each preset
CRF_SHAPE = (32, 128, 73)  # sentences, characters, tags of 18 labels
BASE, TINY = {"layers": 12, "hidden": 768, "heads": 12}, {"layers": 2, "hidden": 64, "heads": 4}
# Sizes of models with `--device cpu`; presets freeze up to ten layers.
TINY_CONFIG = {
    "hidden_size": 64,
    "num_hidden_layers": 12,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "intermediate_size": 128,
    "vocab_size": 500,
}
Contestants = dict[str, Callable[[], object]]


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--minutes", type=float, default=8.0, help="time after which no other preset begins")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    deadline = time.monotonic() + 60 * options.minutes
    device: str = options.device
    if device == "cuda" and not torch.cuda.is_available():
        raise SystemExit("torch finds no GPU. Give --device cpu to test this script with tiny models.")
    name = torch.cuda.get_device_name() if device == "cuda" else "the CPU, with tiny models"
    print(f"{machine()}, on {name}", flush=True)
    with TemporaryDirectory() as folder:
        checkpoint = make_checkpoint(Path(folder) / "base", **(BASE if device == "cuda" else TINY))
        print(table(inference_rows(checkpoint, device, options.rounds), INFERENCE), flush=True)
        print(table(crf_rows(checkpoint, device, options.rounds), CRF), flush=True)
        print_presets(Path(folder), device, deadline)


INFERENCE = ("weights", "characters/s", "relative to float32", "peak GiB")
CRF = ("CRF in a training step of 32 × 128 characters, 73 tags", "ms", "share of the step with the encoder")
PRESETS = (
    "preset",
    "plan with head and context, GiB",
    "plan, GiB",
    "allocated, GiB",
    "ratio",
    "updates/s",
    "characters/s",
)


def inference_rows(checkpoint: Path, device: str, rounds: int) -> list[tuple[object, ...]]:
    """Return characters per second of BERT-base in float32, bfloat16 and 8 bits, in batches of 32 × 128."""
    int8 = QuantizationSettings("int8" if device == "cuda" else "int8_cpu")
    kinds: dict[str, dict[str, Any]] = {
        "float32": {},
        "bf16": {"memory": MemorySettings(precision="bf16", freeze_layers=2)},
        "int8": {"quantization": int8, "memory": MemorySettings(precision="bf16" if device == "cuda" else "fp32")},
    }
    n_windows, length = (32, 128) if device == "cuda" else (2, 16)
    speeds: dict[str, float] = {}
    rows: list[tuple[object, ...]] = []
    for name, settings in kinds.items():
        backbone = load_backbone(str(checkpoint), device=device, **settings)
        ids = torch.randint(10, 1000, (n_windows, length), device=device)
        mask = torch.ones_like(ids)

        @torch.inference_mode()
        def run(backbone: Any = backbone, ids: torch.Tensor = ids, mask: torch.Tensor = mask) -> None:
            backbone(ids, mask)

        reset(device)
        speeds[name] = n_windows * (length - 2) / timed({name: run}, device, rounds)[name]
        peak = f"{torch.cuda.max_memory_allocated() / GIB:.2f}" if device == "cuda" else ""
        rows.append((name, f"{speeds[name]:,.0f}", f"{speeds[name] / speeds['float32']:.2f}", peak))
        del backbone, run
    return rows


def crf_rows(checkpoint: Path, device: str, rounds: int) -> list[tuple[object, ...]]:
    """Return the time of the CRF by three paths, and its share of a step with BERT-base in bfloat16."""
    batch = make_batch(*(CRF_SHAPE if device == "cuda" else (4, 16, 13)))
    n_sentences, longest, _ = batch.emissions.shape
    backbone = load_backbone(str(checkpoint), device=device, memory=MemorySettings(precision="bf16")).train()
    ids = torch.randint(10, 1000, (n_sentences, longest), device=device)
    mask = batch.mask.long().to(device)

    def encoder() -> None:
        backbone(ids, mask).sum().backward()
        backbone.zero_grad()

    seconds = timed({"encoder": encoder, **crf_paths(batch, device)}, device, rounds)
    whole = seconds.pop("encoder")
    rows: list[tuple[object, ...]] = [("encoder without CRF", f"{1000 * whole:.1f}", "")]
    return rows + [(name, f"{1000 * s:.1f}", f"{s / (whole + s):.1%}") for name, s in seconds.items()]


def crf_paths(batch: Batch, device: str) -> Contestants:
    """Return three ways from emissions on the device to their gradients there."""
    from torchcrf import CRF as PytorchCRF

    emissions, tags, mask = (tensor.to(device) for tensor in (batch.emissions, batch.tags, batch.mask))
    leaf = emissions.clone().requires_grad_()
    scores = [torch.from_numpy(part.copy()).to(device).requires_grad_() for part in batch.transitions]
    peer = PytorchCRF(emissions.shape[2], batch_first=True).to(device)
    rows = emissions[mask]

    def loop() -> None:
        for tensor in (leaf, *scores):
            tensor.grad = None
        torch_loss(leaf, tags, mask, *scores).backward()

    def copied() -> None:
        found = log_likelihood(rows.cpu().numpy(), batch.lengths, batch.transitions, batch.gold)
        for gradient in (found.emissions, *found.transitions):
            torch.from_numpy(gradient).to(device)

    def pytorch_crf() -> None:
        leaf.grad = None
        peer.zero_grad()
        (-peer(leaf, tags, mask, reduction="sum")).backward()

    return {"loop in torch": loop, "emissions to the CPU, compiled kernels": copied, "pytorch-crf": pytorch_crf}


def torch_loss(
    emissions: torch.Tensor,
    tags: torch.Tensor,
    mask: torch.Tensor,
    matrix: torch.Tensor,
    start: torch.Tensor,
    end: torch.Tensor,
) -> torch.Tensor:
    """Return the negative log-likelihood of gold tags, by the forward algorithm as a loop over the tokens.

    emissions: (batch, n_tokens, n_tags). tags, mask: (batch, n_tokens). matrix: (n_tags from, n_tags to).
    start, end: (n_tags,)
    """
    alpha = start + emissions[:, 0]  # (batch, n_tags)
    for t in range(1, emissions.shape[1]):
        # (batch, n_tags from, n_tags to) summed over the first tag
        after = torch.logsumexp(alpha[:, :, None] + matrix, dim=1) + emissions[:, t]
        alpha = torch.where(mask[:, t, None], after, alpha)
    partition = torch.logsumexp(alpha + end, dim=1)  # (batch,)
    last = tags.gather(1, mask.sum(1, keepdim=True) - 1)[:, 0]
    gold = (emissions.gather(2, tags[:, :, None])[:, :, 0] * mask).sum(1) + start[tags[:, 0]] + end[last]
    gold = gold + (matrix[tags[:, :-1], tags[:, 1:]] * mask[:, 1:]).sum(1)
    return (partition - gold).sum()


def print_presets(folder: Path, device: str, deadline: float) -> None:
    """Print the plan, the memory and the speed of each preset, the smallest first."""
    rows: list[tuple[object, ...]] = []
    for name, recipe, plan in recipes(folder, device):
        cells = ("out of time", "", "", "") if time.monotonic() > deadline else preset_cells(recipe, plan, device)
        rows.append((name, f"{plan.total / GIB:.2f}", f"{comparable(recipe, plan) / GIB:.3f}", *cells))
        print(rows[-1], flush=True)
    print(table(rows, PRESETS), flush=True)


def recipes(folder: Path, device: str) -> Iterator[tuple[str, Recipe, Plan]]:
    """Yield the presets by their number of weights, each with its plan."""
    found = []
    for name in preset_names():
        if preset_notes(name)["vram"]:
            recipe = read_recipe(read_config(name))
            if device == "cpu":
                recipe = tiny(recipe, folder / name)
            found.append((name, recipe, make_plan(recipe, device=device)))
    yield from sorted(found, key=lambda preset: preset[2].parameters)


def tiny(recipe: Recipe, folder: Path) -> Recipe:
    """Return the recipe with a tiny model of the same family, and two short windows on the CPU."""
    config = config_of(recipe.settings.name)
    for key, value in TINY_CONFIG.items():
        if hasattr(config, key):
            setattr(config, key, value)
    config.save_pretrained(folder)
    settings = replace(recipe.settings, name=str(folder), trim=False)
    return replace(on_cpu(replace(recipe, settings=settings), 2), length=16)


def preset_cells(recipe: Recipe, plan: Plan, device: str) -> tuple[str, str, str, str]:
    """Return the memory, its ratio to the plan, updates per second, and characters per second."""
    reset(device)
    try:
        step = random_step(recipe, device)
        found = step.peak_bytes()
        seconds = timed_steps(step, device)
    except torch.OutOfMemoryError:
        return "out of memory", "", "", ""
    n_batches = min(2, recipe.accumulate)
    characters = n_batches * recipe.n_windows * (recipe.length - 2) / seconds
    ratio = comparable(recipe, plan) / found
    # An update of the preset has more batches than a timed step.
    updates = n_batches / (seconds * recipe.accumulate)
    return f"{found / GIB:.3f}", f"{ratio:.3f}", f"{updates:.2f}", f"{characters:,.0f}"


def comparable(recipe: Recipe, plan: Plan) -> int:
    """Return the bytes of a plan that torch allocates without a head.

    A paged optimizer has its states in memory that CUDA moves between GPU and main memory, outside of torch.
    """
    is_paged = recipe.optimizer.startswith("paged")
    return sum(getattr(plan, part) for part in PARTS if not (is_paged and part == "optimizer"))


def timed_steps(step: RandomStep, device: str) -> float:
    """Return the mean seconds of a training step."""
    synchronize(device)
    start = time.perf_counter()
    for _ in range(STEPS):
        step()
    synchronize(device)
    return (time.perf_counter() - start) / STEPS


def timed(contestants: Contestants, device: str, rounds: int) -> dict[str, float]:
    """Return the median seconds of each function, until the device has finished."""

    def finish(run: Callable[[], object]) -> Callable[[], object]:
        def whole() -> None:
            run()
            synchronize(device)

        return whole

    return interleaved({name: finish(run) for name, run in contestants.items()}, rounds=rounds)


def synchronize(device: str) -> None:
    """Wait until the device has finished."""
    if device == "cuda":
        torch.cuda.synchronize()


def reset(device: str) -> None:
    """Free what earlier measurements have left, and reset the peak of memory."""
    gc.collect()
    if device == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()


if __name__ == "__main__":
    main()
