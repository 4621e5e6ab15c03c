"""Levels of memory reduction, in the order in which they are tried when a training step does not fit.

First what costs nothing (batch, precision, length), then what costs time (checkpointing, accumulation, 8-bit states),
then what changes how the model learns (LoRA, a smaller base, QLoRA, Adafactor).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from thinc.api import Config

from .base_models import SMALLER
from .plan import Plan, make_plan
from .presets import with_settings
from .recipe import Recipe, batch_settings, read_recipe

ChangesT: TypeAlias = dict[str, Any]
LEAST_BATCH, LEAST_LENGTH = 4, 128
WORTH = 0.99  # what a rung leaves of the total, at most
LORA = {"@misc": "spacy-zh-tw-ner.lora.v1", "r": 16, "alpha": 32, "dropout": 0.1}
NF4 = {"@misc": "spacy-zh-tw-ner.quantization.v1", "kind": "nf4", "double_quant": True}
MEMORY = {"@misc": "spacy-zh-tw-ner.memory.v1"}


@dataclass(frozen=True)
class Rung:
    """One step down, with all that went before it.

    level: 1 to 3. what: The change, in words. config: With the change. plan: What it then takes.
    """

    level: int
    what: str
    config: Config
    plan: Plan


def climb_down(config: Config, vram: float, *, device: str = "cuda") -> Iterator[Rung]:
    """Change a config rung by rung until its step fits.

    config (Config): Whole, and not interpolated.
    vram (float): Memory of the card in GiB.
    YIELDS (Rung): Each that saves something; the last one fits, or nothing does.
    """
    total = make_plan(read_recipe(config), device=device).total
    for level, change in [*RUNGS, *RUNGS]:  # what saves nothing beside all weights' gradients may do so beside LoRA
        while True:
            changes = change(config, read_recipe(config))
            if not changes:
                break
            lower = with_settings(config, changes)
            plan = make_plan(read_recipe(lower), device=device)
            repeats = change in (_smaller_batch, _shorter, _accumulate)
            if plan.total > total * WORTH:  # where nothing is saved, nothing is given up
                break
            config, total = lower, plan.total
            yield Rung(level, _words(changes), config, plan)
            if plan.fits(vram):
                return
            if not repeats:
                break


def _smaller_batch(config: Config, recipe: Recipe) -> ChangesT:
    if recipe.n_windows // 2 < LEAST_BATCH:
        return {}
    return batch_settings(recipe, recipe.n_windows // 2, None)


def _half_precision(config: Config, recipe: Recipe) -> ChangesT:
    if recipe.settings.memory.precision != "fp32":
        return {}
    # Decoders come in bf16, whose range fp16 does not have.
    precision = "bf16" if "qwen" in recipe.settings.name.lower() else "fp16"
    return _memory(config, recipe, "precision", precision)


def _shorter(config: Config, recipe: Recipe) -> ChangesT:
    if recipe.length // 2 < LEAST_LENGTH:
        return {}
    return batch_settings(recipe, None, recipe.length // 2)


def _checkpointing(config: Config, recipe: Recipe) -> ChangesT:
    if recipe.settings.memory.gradient_checkpointing:
        return {}
    return _memory(config, recipe, "gradient_checkpointing", True)


def _accumulate(config: Config, recipe: Recipe) -> ChangesT:
    if recipe.n_windows == 1:
        return {}
    more = replace(recipe, n_windows=recipe.n_windows // 2, accumulate=2 * recipe.accumulate)
    return {"training.accumulate_gradient": more.accumulate, **batch_settings(more, None, None)}


def _8bit_states(config: Config, recipe: Recipe) -> ChangesT:
    return _optimizer(config, recipe, "adamw_bnb_8bit") if recipe.optimizer == "adamw" else {}


def _lora(config: Config, recipe: Recipe) -> ChangesT:
    if recipe.settings.lora is not None:
        return {}
    rate = {"training.optimizer.encoder_rate.initial_rate": 0.0003} if _has_rate(config) else {}
    frozen = {f"{recipe.section}.memory.freeze_layers": 0} if recipe.settings.memory.freeze_layers else {}
    return {f"{recipe.section}.lora": LORA, **rate, **frozen}


def _smaller_base(config: Config, recipe: Recipe) -> ChangesT:
    smaller = SMALLER.get(recipe.settings.name)
    return {f"{recipe.section}.name": smaller} if smaller else {}


def _qlora(config: Config, recipe: Recipe) -> ChangesT:
    return {f"{recipe.section}.quantization": NF4} if recipe.settings.quantization is None else {}


def _adafactor(config: Config, recipe: Recipe) -> ChangesT:
    return _optimizer(config, recipe, "adafactor") if recipe.optimizer != "adafactor" else {}


RUNGS: list[tuple[int, Callable[[Config, Recipe], ChangesT]]] = [
    (1, _smaller_batch),
    (1, _half_precision),
    (1, _shorter),
    (2, _checkpointing),
    (2, _accumulate),
    (2, _8bit_states),
    (3, _lora),
    (3, _smaller_base),
    (3, _qlora),
    (3, _adafactor),
]


def _memory(config: Config, recipe: Recipe, setting: str, value: object) -> ChangesT:
    block = config.interpolate()
    for key in recipe.section.split("."):
        block = block[key]
    if block.get("memory"):
        return {f"{recipe.section}.memory.{setting}": value}
    return {f"{recipe.section}.memory": {**MEMORY, setting: value}}


def _optimizer(config: Config, recipe: Recipe, name: str) -> ChangesT:
    grouped = "GroupedOptimizer" in config["training"]["optimizer"].get("@optimizers", "")
    return {"training.optimizer.optimizer": name} if grouped else {}


def _has_rate(config: Config) -> bool:
    return isinstance(config["training"]["optimizer"].get("encoder_rate"), dict)


def _words(changes: ChangesT) -> str:
    def last(path: str, value: Any) -> str:
        *_, section, key = path.split(".")
        if isinstance(value, dict):
            inside = ", ".join(f"{k} = {v}" for k, v in value.items() if not k.startswith("@"))
            return f"{key}: {inside}"
        return f"{section}.{key} = {value}"

    return "; ".join(last(path, value) for path, value in changes.items())
