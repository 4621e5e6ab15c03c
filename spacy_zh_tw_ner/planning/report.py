"""Report of `plan`: memory by part, whether it fits, the largest batches, and ways to reduce memory."""

from dataclasses import dataclass
from typing import Any

from thinc.api import Config

from ..errors import Errors, PlanError
from .memory_reduction import Reduction, reduce_memory
from .plan import CONTEXT, GIB, Plan, in_micro_batches, largest_batches, make_plan
from .presets import preset_notes
from .recipe import Recipe, read_recipe

DEFAULT_VRAM = 12.0


@dataclass(frozen=True)
class PlanReport:
    """Result of `make_report`: how much memory training with a config takes, and changes that reduce it.

    name: Name of the config. recipe: The settings of the config on which the memory depends.
    vram: Memory of the GPU in GiB.
    plan: Memory of a training step with the unchanged config.
    largest: Window length in wordpieces → largest number of windows in a batch that fits.
    parts: Memory of one micro-batch, if the batch does not fit as a whole, but fits in micro-batches; else None.
    reductions: Changes to apply one after the other, with the memory after each. Empty if the unchanged config fits.
    fitting: The config with all changes. It fits, unless no change saves enough memory.
    """

    name: str  # name of the config
    recipe: Recipe
    vram: float  # memory of the GPU in GiB
    plan: Plan  # of the unchanged config
    largest: dict[int, int]  # window length → largest number of windows in a batch
    parts: Plan | None  # plan of a micro-batch, if the batch does not fit as a whole
    reductions: list[Reduction]  # changes that save memory, in order
    fitting: Config  # the config with all changes; it fits, unless no change suffices

    @property
    def fits(self) -> bool:
        """Return whether training with the unchanged config fits into the memory, without micro-batches."""
        return self.plan.fits(self.vram)

    def to_dict(self) -> dict[str, Any]:
        """Return the report as a dictionary, which `plan --json` prints; memory is in bytes, except "vram" in GiB.

        The keys are "config" (its name), "base" (name of the base model), "vram", "fits", "plan", "micro_batch" (number
        of windows, or None), "largest", and "ladder" (a list of the reductions).
        """
        return {
            "config": self.name,
            "base": self.recipe.settings.name,
            "vram": self.vram,
            "fits": self.fits,
            "plan": self.plan.to_dict(),
            "micro_batch": self.parts.n_windows if self.parts else None,
            "largest": {str(length): n for length, n in self.largest.items()},
            "ladder": [{"level": r.level, "change": r.change, "total": r.plan.total} for r in self.reductions],
        }


def make_report(name: str, config: Config, vram: float | None) -> PlanReport:
    """Estimate the GPU memory of training with a config, and find changes if it does not fit.

    name (str): Name of the config, for the report.
    config (Config): Complete config, not interpolated.
    vram (Optional[float]): Memory of the GPU in GiB. None: the memory that the preset is made for; 12 GiB for other
        configs.
    RETURNS (PlanReport): The report.
    RAISES (PlanError): If the GPU has less memory than the CUDA context needs, the config has no Transformer, or its
        batcher has no `size`.
    """
    vram = vram if vram is not None else _preset_vram(name)
    if vram * GIB <= CONTEXT:
        raise PlanError(Errors.ZT605.format(value=vram, context=CONTEXT / GIB))
    recipe = read_recipe(config)
    plan = make_plan(recipe)
    fits = plan.fits(vram)
    reductions = [] if fits else list(reduce_memory(config, vram))
    return PlanReport(
        name=name,
        recipe=recipe,
        vram=vram,
        plan=plan,
        largest=largest_batches(recipe, vram),
        parts=None if fits else in_micro_batches(recipe, vram),
        reductions=reductions,
        fitting=reductions[-1].config if reductions else config,
    )


def _preset_vram(name: str) -> float:
    """Return the GPU memory in GiB that the preset of this name is made for; 12 (DEFAULT_VRAM) for other names."""
    try:
        return float(preset_notes(name)["vram"]) or DEFAULT_VRAM
    except (KeyError, PlanError):
        return DEFAULT_VRAM
