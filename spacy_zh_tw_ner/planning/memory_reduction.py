"""Change the settings of a config one by one until its training step fits into the memory of a GPU.

Level 1 costs nothing (trimmed vocabulary, batch size, precision, window length). Level 2 costs time (gradient
checkpointing, gradient accumulation, 8-bit optimizer states). Level 3 changes the model or its training (LoRA, smaller
base model, QLoRA, Adafactor).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from thinc.api import Config

from .base_models import SMALLER, is_trimmed_offline
from .plan import Plan, make_plan
from .presets import read_config, with_settings
from .recipe import Recipe, batch_settings, read_recipe

SettingsT: TypeAlias = dict[str, Any]  # path in the config → value
ChangeT: TypeAlias = Callable[[Config, Recipe], SettingsT]  # returns {} if the change is not possible
MIN_BATCH, MIN_LENGTH = 4, 128  # smallest batch (windows) and window (wordpieces) of level 1
MAX_REMAINING = 0.99  # a change is kept only if it reduces the memory to this share or less
NF4 = {"@misc": "spacy-zh-tw-ner.quantization.v1", "kind": "nf4", "double_quant": True}
MEMORY = {"@misc": "spacy-zh-tw-ner.memory.v1"}


@dataclass(frozen=True)
class Reduction:
    """A change of settings that saves memory, and its result.

    level: What the change costs, from 1 to 3, as in the docstring of the module.
    change: The changed settings as text, such as "memory.precision = fp16".
    config: The config with this change and all earlier ones.
    plan: Estimated memory of a training step with `config`.
    """

    level: int  # 1 to 3, see the module
    change: str  # the changed settings as text
    config: Config  # with this change and all earlier ones
    plan: Plan  # memory plan of `config`


def reduce_memory(config: Config, vram: float, *, device: str = "cuda") -> Iterator[Reduction]:
    """Apply changes to a config until its training step fits into memory. Call it only if the config does not fit.

    config (Config): Complete config, not interpolated. It is not changed.
    vram (float): Memory of the GPU in GiB.
    device (str): "cuda" or "cpu": the device whose kernels are assumed.
    YIELDS (Reduction): Each change that saves memory. The config of the last one fits, unless no change suffices.
    """
    total = make_plan(read_recipe(config), device=device).total
    # The changes are tried twice: one that saves less than 1 % of full fine-tuning may save more after LoRA.
    for level, change in [*CHANGES, *CHANGES]:
        while settings := change(config, read_recipe(config)):
            changed = with_settings(config, settings)
            plan = make_plan(read_recipe(changed), device=device)
            if plan.total > total * MAX_REMAINING:
                break
            config, total = changed, plan.total
            yield Reduction(level, _as_text(settings), config, plan)
            if plan.fits(vram):
                return
            if change not in (_smaller_batch, _shorter, _accumulate):
                break


def _smaller_batch(config: Config, recipe: Recipe) -> SettingsT:
    """Return settings that halve the batch size, {path in the config: value}; {} if it would be below MIN_BATCH.

    config (Config), recipe (Recipe): The training config, and the values in it that determine the memory.
    """
    return batch_settings(recipe, recipe.n_windows // 2, None) if recipe.n_windows // 2 >= MIN_BATCH else {}


def _trim(config: Config, recipe: Recipe) -> SettingsT:
    """Return the setting that trims the vocabulary of the base model to wordpieces of single characters.

    config (Config), recipe (Recipe): The training config, and the values in it that determine the memory.
    RETURNS (dict[str, Any]): Path in the config → value. {} if the vocabulary is trimmed already, or if a download is
        needed to compute its size after trimming.
    """
    if recipe.settings.trim or not is_trimmed_offline(recipe.settings.name):
        return {}
    return {f"{recipe.section}.trim": True}


def _half_precision(config: Config, recipe: Recipe) -> SettingsT:
    """Return the setting for half precision: fp16, or bf16 for Qwen.

    config (Config), recipe (Recipe): The training config, and the values in it that determine the memory.
    RETURNS (dict[str, Any]): Path in the config → value. {} if the precision is half precision already.
    """
    if recipe.settings.memory.precision != "fp32":
        return {}
    # Qwen models are published in bf16; their values would overflow in fp16.
    precision = "bf16" if "qwen" in recipe.settings.name.lower() else "fp16"
    return _memory_setting(config, recipe, "precision", precision)


def _shorter(config: Config, recipe: Recipe) -> SettingsT:
    """Return settings that halve the window length, {path in the config: value}; {} if it would be below MIN_LENGTH.

    config (Config), recipe (Recipe): The training config, and the values in it that determine the memory.
    """
    return batch_settings(recipe, None, recipe.length // 2) if recipe.length // 2 >= MIN_LENGTH else {}


def _checkpointing(config: Config, recipe: Recipe) -> SettingsT:
    """Return the setting that turns gradient checkpointing on, {path in the config: value}; {} if it is on.

    config (Config), recipe (Recipe): The training config, and the values in it that determine the memory.
    """
    if recipe.settings.memory.gradient_checkpointing:
        return {}
    return _memory_setting(config, recipe, "gradient_checkpointing", True)


def _accumulate(config: Config, recipe: Recipe) -> SettingsT:
    """Return settings that halve the batch size and double the number of batches per update.

    config (Config), recipe (Recipe): The training config, and the values in it that determine the memory.
    RETURNS (dict[str, Any]): Path in the config → value. {} if a batch has one window.
    """
    if recipe.n_windows == 1:
        return {}
    more = replace(recipe, n_windows=recipe.n_windows // 2, accumulate=2 * recipe.accumulate)
    return {"training.accumulate_gradient": more.accumulate, **batch_settings(more, None, None)}


def _8bit_states(config: Config, recipe: Recipe) -> SettingsT:
    """Return {dotted path: value} that replaces AdamW by AdamW with 8-bit states; {} if AdamW is not the optimizer.

    config (Config): The training config. recipe (Recipe): What the memory plan reads from it, such as the optimizer.
    """
    return _optimizer_setting(config, "adamw_bnb_8bit") if recipe.optimizer == "adamw" else {}


def _lora(config: Config, recipe: Recipe) -> SettingsT:
    """Return settings that train the adapters of `configs/lora.cfg` instead of all weights, at a higher rate.

    config (Config), recipe (Recipe): The training config, and the values in it that determine the memory.
    RETURNS (dict[str, Any]): Path in the config → value. {} if the config has adapters already.
    """
    if recipe.settings.lora is not None:
        return {}
    settings: SettingsT = {f"{recipe.section}.lora": read_config("lora")["components"]["transformer"]["model"]["lora"]}
    if isinstance(config["training"]["optimizer"].get("encoder_rate"), dict):
        settings["training.optimizer.encoder_rate.initial_rate"] = 0.0003
    if recipe.settings.memory.freeze_layers:
        settings[f"{recipe.section}.memory.freeze_layers"] = 0
    return settings


def _smaller_base(config: Config, recipe: Recipe) -> SettingsT:
    """Return the setting for the next smaller base model of the same family.

    config (Config), recipe (Recipe): The training config, and the values in it that determine the memory.
    RETURNS (dict[str, Any]): Path in the config → value. {} if no smaller model is known.
    """
    smaller = SMALLER.get(recipe.settings.name)
    return {f"{recipe.section}.name": smaller} if smaller else {}


def _qlora(config: Config, recipe: Recipe) -> SettingsT:
    """Return the setting that quantizes the frozen weights of the base model to NF4.

    config (Config), recipe (Recipe): The training config, and the values in it that determine the memory.
    RETURNS (dict[str, Any]): Path in the config → value. {} if the weights are quantized already.
    """
    return {f"{recipe.section}.quantization": NF4} if recipe.settings.quantization is None else {}


def _adafactor(config: Config, recipe: Recipe) -> SettingsT:
    """Return the setting for the optimizer Adafactor, whose states are smaller than those of 8-bit AdamW.

    config (Config), recipe (Recipe): The training config, and the values in it that determine the memory.
    RETURNS (dict[str, Any]): Path in the config → value. {} if Adafactor is in use, or the config has no
        GroupedOptimizer.
    """
    return _optimizer_setting(config, "adafactor") if recipe.optimizer != "adafactor" else {}


CHANGES: list[tuple[int, ChangeT]] = [
    (1, _trim),
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


def _memory_setting(config: Config, recipe: Recipe, setting: str, value: object) -> SettingsT:
    """Return the change of a config that gives `memory.{setting}` a value: {path: value}.

    If the config has no block `memory`, the change adds this block, with default values for its other settings.

    config (Config), recipe (Recipe): The config, and its model, whose path is `recipe.section`.
    setting (str), value (object): Name and value of the setting.
    """
    block = config.interpolate()
    for key in recipe.section.split("."):
        block = block[key]
    if block.get("memory"):
        return {f"{recipe.section}.memory.{setting}": value}
    return {f"{recipe.section}.memory": {**MEMORY, setting: value}}


def _optimizer_setting(config: Config, name: str) -> SettingsT:
    """Return the setting that gives the Transformer the optimizer `name`, {path in the config: value}.

    {} if the config has no GroupedOptimizer, because only that one has a separate optimizer for the Transformer.
    """
    grouped = "GroupedOptimizer" in config["training"]["optimizer"].get("@optimizers", "")
    return {"training.optimizer.optimizer": name} if grouped else {}


def _as_text(settings: SettingsT) -> str:
    """Describe changed settings (path in the config → value) on one line, such as "memory.precision = fp16"."""
    parts = []
    for path, value in settings.items():
        *_, section, key = path.split(".")
        if isinstance(value, dict):
            parts.append(f"{key}: " + ", ".join(f"{k} = {v}" for k, v in value.items() if not k.startswith("@")))
        else:
            parts.append(f"{section}.{key} = {value}")
    return "; ".join(parts)
