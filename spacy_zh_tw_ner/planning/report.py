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
    """A plan and its consequences.

    vram: GiB of the card. plan: Of the config as it is. largest: Number of windows in a batch, by length.
    parts: Plan in micro-batches, if the batch does not fit as a whole. reductions: Changes to make it fit.
    fitting: The config, changed until it fits, or as far as possible.
    """

    name: str
    recipe: Recipe
    vram: float
    plan: Plan
    largest: dict[int, int]
    parts: Plan | None
    reductions: list[Reduction]
    fitting: Config

    @property
    def fits(self) -> bool:
        """Return whether a batch fits as a whole."""
        return self.plan.fits(self.vram)

    def to_dict(self) -> dict[str, Any]:
        """RETURNS (dict): Plain values, for JSON, in bytes except for `vram`."""
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
    """Estimate the GPU memory of training with a config, and what to change if it does not fit.

    name (str): Name of the config, for the report.
    config (Config): Complete config, not interpolated.
    vram (Optional[float]): GPU memory in GiB; by default the memory that the preset is designed for.
    RAISES (PlanError): If the GPU has less memory than the CUDA context alone needs; see also `read_recipe`.
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
    try:
        return float(preset_notes(name)["vram"]) or DEFAULT_VRAM
    except (KeyError, PlanError):
        return DEFAULT_VRAM
