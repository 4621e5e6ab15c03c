"""Plan the memory of a training step in bytes, by part, and the largest batch that fits."""

from dataclasses import asdict, dataclass, replace
from functools import lru_cache

import torch
from torch import nn

from ..transformer.backbone import Backbone, configure, prepare_config
from ..transformer.hub import empty_model
from ..transformer.settings import BackboneSettings
from .base_models import config_of, trimmed_size
from .meta_device import PackedLinear, pack_linear, step_peak, trim_on_meta
from .recipe import Recipe

GIB = 2**30
# CUDA context with its kernels, as nvidia-smi shows it for an idle process on consumer cards with CUDA 12: 0.3 to 0.5
# GiB; with cuBLAS's workspace of 8 MiB (docs.pytorch.org, "CUDA semantics").
CONTEXT = round(0.45 * GIB)
# bitsandbytes keeps states of fewer elements in 32 bits (`min_8bit_size`), and one float32 scale for 256 of the others.
MIN_8BIT, BLOCK = 4096, 256
LENGTHS = (64, 128, 256, 512)
MAX_WINDOWS = 1024
DEEP = 4  # layers from which deeper models are extrapolated
FEW, MANY = 16, 32  # windows; with fewer, gradients dominate instead of activations


@dataclass(frozen=True)
class Plan:
    """Peak memory of a training step, in bytes.

    weights: On the GPU. gradients: Of the weights that train. optimizer: Its states.
    activations: Saved for the backward pass, and temporary; in addition to the gradients, which grow meanwhile.
    head: Hidden states, emissions, CRF, and the head's own weights and optimizer.
    context: Of CUDA itself; 0 on a CPU.
    trainable, parameters: Numbers of weights.
    n_windows: Windows in a graph at once. length: Wordpieces per window.
    vocabulary: Number of wordpieces, trimmed or not.
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
    vocabulary: int

    @property
    def total(self) -> int:
        """Return the sum of all parts."""
        return self.weights + self.gradients + self.optimizer + self.activations + self.head + self.context

    def fits(self, vram: float) -> bool:
        """Return whether it fits into so many GiB."""
        return self.total <= vram * GIB

    def to_dict(self) -> dict[str, int]:
        """RETURNS (dict): Plain values, for JSON."""
        return {**asdict(self), "total": self.total}


def make_plan(recipe: Recipe, *, device: str = "cuda") -> Plan:
    """Estimate the peak memory of a training step.

    recipe (Recipe): Model, batch and optimizer.
    device (str): "cuda" or "cpu": the device whose kernels are assumed.
    RETURNS (Plan): Memory by part.
    RAISES (ValueError): For a base model that does not exist, or settings that it does not support.
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
        vocabulary=backbone.model.get_input_embeddings().num_embeddings,
    )


@lru_cache(maxsize=4)
def backbone_on_meta(settings: BackboneSettings, n_layers: int | None = None) -> Backbone:
    """Build a backbone on torch's `meta` device, with all its layers or `n_layers`."""
    config = config_of(settings.name, settings.revision)
    config.num_hidden_layers = n_layers or config.num_hidden_layers
    prepare_config(config, settings.dropout)
    model = empty_model(settings.name, config, attn_implementation=settings.memory.attn_implementation)
    if settings.trim:
        trim_on_meta(model, trimmed_size(settings.name, settings.revision))
    if settings.quantization is not None:
        pack_linear(model, settings.quantization, settings.memory.precision)
    return configure(model, settings)


def state_bytes(optimizer: str, parameter: nn.Parameter) -> int:
    """Return the bytes of an optimizer's states of one parameter.

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
    """Return the bytes of the head: hidden states, twice, with their gradient; emissions and four arrays of their shape
    in the CRF; and its weights with gradient and two moments.
    """
    return 4 * (3 * n_tokens * width + 5 * n_tokens * n_tags + 4 * (width * n_tags + n_tags * n_tags))


def in_micro_batches(recipe: Recipe, vram: float, *, device: str = "cuda") -> Plan | None:
    """Plan a batch that does not fit as a whole in micro-batches, as large as fit.

    RETURNS (Plan | None): None if not even one window fits, or `micro_batch` is off.
    """
    if recipe.settings.memory.micro_batch is None:
        return None
    n, whole = recipe.n_windows, head_bytes(recipe.n_windows * recipe.length, 0, 4 * recipe.n_labels + 1)
    while n > 1:
        n //= 2
        plan = make_plan(replace(recipe, n_windows=n, accumulate=2), device=device)
        # The hidden states of all windows exist at once, for the head.
        plan = replace(plan, head=whole + plan.head * (recipe.n_windows // n))
        if plan.fits(vram):
            return plan
    return None


def largest_batches(recipe: Recipe, vram: float, *, device: str = "cuda") -> dict[int, int]:
    """Estimate the largest batch that fits, for several lengths of windows.

    The memory of a window is proportional to its length, and, for masks and attention that is not fused, to the square
    of its length. Both factors and the memory that does not depend on the batch follow from three plans.

    recipe (Recipe): Its batch and length are ignored.
    vram (float): Memory of the card in GiB.
    RETURNS (dict[int, int]): Number of windows by length; 0 if not even one fits.
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
    if least > vram * GIB:
        return dict.fromkeys(LENGTHS, 0)
    sizes = {length: int(room / (linear * length + squared * length**2)) for length in LENGTHS}
    return {length: min(MAX_WINDOWS, max(0, size)) for length, size in sizes.items()}


def total_by_depth(recipe: Recipe, device: str) -> float:
    """Return the total of a plan, extrapolated for deep models from two shallow ones, because layers are alike."""
    depth = int(backbone_on_meta(recipe.settings, recipe.n_layers).model.config.num_hidden_layers)
    if depth <= 2 * DEEP or recipe.settings.memory.freeze_layers:
        return make_plan(recipe, device=device).total
    low, high = (make_plan(replace(recipe, n_layers=n), device=device).total for n in (DEEP // 2, DEEP))
    return low + (high - low) / (DEEP - DEEP // 2) * (depth - DEEP // 2)


def _update_workspace(optimizer: str, trained: list[nn.Parameter], device: str) -> int:
    """Return the bytes of temporary copies in an update, of which the largest parameter's count.

    Adafactor computes the update and its square; on a CPU, bitsandbytes unpacks gradient and states (measured); all
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
