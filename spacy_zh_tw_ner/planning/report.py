"""PlanReport of `plan`: memory by part, whether it fits, the largest batches, and ways to reduce memory."""

from dataclasses import dataclass
from typing import Any

from thinc.api import Config

from ..errors import Errors, PlanError
from .memory_reduction import Rung, climb_down
from .plan import CONTEXT, GIB, Plan, in_micro_batches, largest_batches, make_plan
from .presets import preset_notes
from .recipe import Recipe, read_recipe

DEFAULT_VRAM = 12.0


@dataclass(frozen=True)
class PlanReport:
    """A plan and what follows from it.

    vram: GiB of the card. plan: Of the config as it is. largest: Windows at once, by length.
    parts: How the batch runs where it does not fit as a whole. rungs: What to change, where it does not fit.
    fitting: The config, changed until it fits, or as far as there is something to change.
    """

    name: str
    recipe: Recipe
    vram: float
    plan: Plan
    largest: dict[int, int]
    parts: Plan | None
    rungs: list[Rung]
    fitting: Config

    @property
    def fits(self) -> bool:
        """Return whether a batch fits as a whole."""
        return self.plan.fits(self.vram)

    def to_dict(self) -> dict[str, Any]:
        """RETURNS (dict): Plain values, for JSON. Bytes, but for `vram`."""
        return {
            "config": self.name,
            "base": self.recipe.settings.name,
            "vram": self.vram,
            "fits": self.fits,
            "plan": self.plan.to_dict(),
            "micro_batch": self.parts.n_windows if self.parts else None,
            "largest": {str(length): n for length, n in self.largest.items()},
            "ladder": [{"level": r.level, "change": r.what, "total": r.plan.total} for r in self.rungs],
        }


def make_report(name: str, config: Config, vram: float | None) -> PlanReport:
    """Plan a config for a card.

    name (str): Of the config; a preset knows for which card it is.
    config (Config): Whole, and not interpolated.
    vram (Optional[float]): GiB of the card.
    RAISES (PlanError): For a card smaller than what CUDA takes for itself, beside what `read_recipe` raises.
    """
    vram = vram if vram is not None else _own_vram(name)
    if vram * GIB <= CONTEXT:
        raise PlanError(Errors.ZT605.format(value=vram, context=CONTEXT / GIB))
    recipe = read_recipe(config)
    plan = make_plan(recipe)
    fits = plan.fits(vram)
    rungs = [] if fits else list(climb_down(config, vram))
    return PlanReport(
        name=name,
        recipe=recipe,
        vram=vram,
        plan=plan,
        largest=largest_batches(recipe, vram),
        parts=None if fits else in_micro_batches(recipe, vram),
        rungs=rungs,
        fitting=rungs[-1].config if rungs else config,
    )


def _own_vram(name: str) -> float:
    try:
        return float(preset_notes(name)["vram"]) or DEFAULT_VRAM
    except (KeyError, PlanError):
        return DEFAULT_VRAM
