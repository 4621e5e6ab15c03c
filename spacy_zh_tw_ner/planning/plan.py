"""recipe → plan: what each part of a training step takes, in bytes."""

from dataclasses import asdict, dataclass, replace
from functools import lru_cache

import torch
from torch import nn

from ..transformer.backbone import Backbone, configure, set_up
from ..transformer.hub import empty_model
from ..transformer.settings import BackboneSettings
from .base_models import config_of
from .meta_device import PackedLinear, pack_linear, step_peak
from .recipe import Recipe

GIB = 2**30
# A CUDA context and the kernels loaded into it, as nvidia-smi shows them for a process that has done nothing yet, on
# consumer cards with CUDA 12: 0.3 to 0.5 GiB; with cuBLAS's workspace of 8 MiB (docs.pytorch.org, "CUDA semantics").
CONTEXT = round(0.45 * GIB)
# bitsandbytes keeps states of fewer elements in 32 bits (`min_8bit_size`), and one float32 scale for 256 of the others.
MIN_8BIT, BLOCK = 4096, 256


@dataclass(frozen=True)
class Plan:
    """Memory of a training step at its highest, in bytes.

    weights: As they lie on the GPU. gradients: Of what trains. optimizer: Its states.
    activations: What is kept for the way back, and worked with; above the gradients, which come as it goes.
    head: Hidden states, emissions, CRF, and the head's own weights and optimizer.
    context: What CUDA takes for itself; 0 on a CPU.
    trainable, parameters: Weights by number.
    n_windows: Windows that run with a graph at once. length: Pieces a window.
    """

    weights: int
    gradients: int
    optimizer: int
    activations: int
    head: int
    context: int
    trainable: int
    parameters: int
    n_windows: int
    length: int

    @property
    def total(self) -> int:
        """All of it together."""
        return self.weights + self.gradients + self.optimizer + self.activations + self.head + self.context

    def fits(self, vram: float) -> bool:
        """Whether a card of so many GiB holds it."""
        return self.total <= vram * GIB

    def to_dict(self) -> dict[str, int]:
        """RETURNS (dict): Plain values, for JSON."""
        return {**asdict(self), "total": self.total}


def make_plan(recipe: Recipe, *, device: str = "cuda") -> Plan:
    """Say what a training step takes.

    recipe (Recipe): What is trained.
    device (str): "cuda" or "cpu", whose kernels are assumed.
    RETURNS (Plan): For the highest point of the step.
    RAISES (ValueError): For a base that there is not, or settings that it cannot have.
    """
    backbone = backbone_on_meta(recipe.settings, recipe.n_layers)
    trained = [p for p in backbone.parameters() if p.requires_grad]
    gradients = sum(_bytes(p) for p in trained)
    accumulates = recipe.accumulate > 1
    peak = step_peak(backbone, recipe.n_windows, recipe.length, device=device, accumulates=accumulates)
    update = gradients + _update_workspace(recipe.optimizer, trained, device)
    tokens, width = recipe.n_windows * recipe.length, backbone.width
    return Plan(
        weights=sum(map(_bytes, [*backbone.parameters(), *backbone.buffers()])),
        gradients=gradients,
        optimizer=sum(state_bytes(recipe.optimizer, p) for p in trained),
        activations=max(peak, update) - gradients,
        head=head_bytes(tokens, width, 4 * recipe.n_labels + 1),
        context=CONTEXT if device == "cuda" else 0,
        trainable=sum(p.numel() for p in trained),
        parameters=_count(backbone),
        n_windows=recipe.n_windows,
        length=recipe.length,
    )


def n_layers(recipe: Recipe) -> int:
    """How many layers run, one behind the other."""
    return int(backbone_on_meta(recipe.settings, recipe.n_layers).model.config.num_hidden_layers)


@lru_cache(maxsize=4)
def backbone_on_meta(settings: BackboneSettings, n_layers: int | None = None) -> Backbone:
    """Make the backbone of some settings without any numbers in it, with all its layers or so many."""
    config = config_of(settings.name, settings.revision)
    config.num_hidden_layers = n_layers or config.num_hidden_layers
    set_up(config, settings.dropout)
    model = empty_model(settings.name, config, attn_implementation=settings.memory.attn_implementation)
    if settings.quantization is not None:
        pack_linear(model, settings.quantization, settings.memory.precision)
    return configure(model, settings)


def state_bytes(optimizer: str, parameter: nn.Parameter) -> int:
    """What an optimizer remembers of one parameter.

    AdamW: two float32 for each weight; in 8 bits (Dettmers et al. 2022, "8-bit Optimizers via Block-wise
    Quantization"), two bytes, and two scales a block; Adafactor (Shazeer and Stern 2018), row and column sums.
    """
    n = parameter.numel()
    if optimizer == "adafactor":
        rows_and_columns = sum(n // parameter.shape[axis] for axis in (-1, -2)) if parameter.ndim > 1 else n
        return 4 * rows_and_columns
    if optimizer.endswith("8bit") and n >= MIN_8BIT:
        return 2 * n + 8 * -(-n // BLOCK)
    return 8 * n


def head_bytes(n_tokens: int, width: int, n_tags: int) -> int:
    """What the head takes: hidden states, twice, with their gradient; emissions and four arrays like them in the CRF;
    and its weights with gradient and two moments.
    """
    return 4 * (3 * n_tokens * width + 5 * n_tokens * n_tags + 4 * (width * n_tags + n_tags * n_tags))


def in_micro_batches(recipe: Recipe, vram: float, *, device: str = "cuda") -> Plan | None:
    """Say how a batch runs that does not fit as a whole: the most windows at once that do.

    RETURNS (Plan | None): None if not even one window fits, or `micro_batch` does not allow it.
    """
    if recipe.settings.memory.micro_batch is None:
        return None
    n, whole = recipe.n_windows, head_bytes(recipe.n_windows * recipe.length, 0, 4 * recipe.n_labels + 1)
    while n > 1:
        n //= 2
        plan = make_plan(replace(recipe, n_windows=n, accumulate=2), device=device)
        # The hidden states of all windows are there, and the head sees all of them at once.
        plan = replace(plan, head=whole + plan.head * (recipe.n_windows // n))
        if plan.fits(vram):
            return plan
    return None


def _update_workspace(optimizer: str, trained: list[nn.Parameter], device: str) -> int:
    """What an update works with: copies of one parameter at a time, of which the largest counts.

    Adafactor makes the update and a square of it; on a CPU, bitsandbytes unpacks gradient and states (measured); all
    others update in place.
    """
    copies = 2 if optimizer == "adafactor" else 5 if optimizer.endswith("8bit") and device == "cpu" else 0
    return copies * max((_bytes(p) for p in trained), default=0)


def _bytes(tensor: torch.Tensor) -> int:
    return tensor.numel() * tensor.element_size()


def _count(backbone: Backbone) -> int:
    packed = [layer for layer in backbone.modules() if isinstance(layer, PackedLinear)]
    hidden = sum(layer.in_features * layer.out_features - layer.weight.numel() for layer in packed)
    return sum(p.numel() for p in backbone.parameters()) + hidden


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
