"""Find the largest batch that fits into GPU memory, for several window lengths."""

from dataclasses import replace

from .plan import GIB, make_plan, n_layers
from .recipe import Recipe

LENGTHS = (64, 128, 256, 512)
MOST = 1024
DEEP = 4
FEW, MANY = 16, 32  # so many that activations, and not gradients, are what counts


def largest_batches(recipe: Recipe, vram: float, *, device: str = "cuda") -> dict[int, int]:
    """Find about how many windows run at once.

    A window takes memory in proportion to its length, and, for masks and attention that is not fused, to its square:
    three plans tell both shares, and what does not depend on the batch.

    recipe (Recipe): Anything but batch and length.
    vram (float): Memory of the card in GiB.
    RETURNS (dict[int, int]): By length; 0 where not even one fits.
    """

    def total(n_windows: int, length: int) -> float:
        return total_by_depth(replace(recipe, n_windows=n_windows, length=length), device)

    short, long = LENGTHS[1], LENGTHS[-1]
    few = total(FEW, short)
    each_short = (total(MANY, short) - few) / (MANY - FEW)
    fixed = few - FEW * each_short
    each_long = (total(FEW, long) - fixed) / FEW
    squared = (each_long / long - each_short / short) / (long - short)
    linear = each_short / short - squared * short
    least = total(1, LENGTHS[0])
    room = vram * GIB - fixed
    return {
        length: min(MOST, max(0, int(room / (linear * length + squared * length**2)))) if least <= vram * GIB else 0
        for length in LENGTHS
    }


def total_by_depth(recipe: Recipe, device: str) -> float:
    """The total of a plan, for deep models from two shallow ones: layers that are alike take alike."""
    depth = n_layers(recipe)
    if depth <= 2 * DEEP or recipe.settings.memory.freeze_layers:
        return make_plan(recipe, device=device).total
    low, high = (make_plan(replace(recipe, n_layers=n), device=device).total for n in (DEEP // 2, DEEP))
    return low + (high - low) / (DEEP - DEEP // 2) * (depth - DEEP // 2)
