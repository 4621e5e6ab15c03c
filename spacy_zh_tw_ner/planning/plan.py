"""Estimate the memory of a training step by part (weights, gradients, …), and the largest batch that fits."""

from dataclasses import asdict, dataclass, replace
from functools import lru_cache

import numpy as np
import torch
from torch import nn

from ..transformer.backbone import Backbone, configure, prepare_config
from ..transformer.base_model import layers_of
from ..transformer.hub import empty_model
from ..transformer.settings import BackboneSettings
from ..transformer.trimming import trim_embeddings
from .base_models import config_of, trimmed_size
from .meta_device import PackedLinear, pack_linear, step_peak
from .recipe import Recipe

GIB = 2**30
# CUDA context with its kernels, as nvidia-smi shows it for an idle process on consumer cards with CUDA 12: 0.3 to 0.5
# GiB; with cuBLAS's workspace of 8 MiB (docs.pytorch.org, "CUDA semantics").
CONTEXT = round(0.45 * GIB)
# bitsandbytes keeps the states of parameters with fewer than 4096 elements in 32 bits (`min_8bit_size`). The states of
# larger ones have 8 bits, and one float32 scale per block of 256.
MIN_8BIT, BLOCK = 4096, 256
LENGTHS = (64, 128, 256, 512)  # window lengths for which the largest batch is estimated
MAX_WINDOWS = 1024  # upper limit of an estimated batch
DEEP = 4  # layers of the larger of two shallow models, from which deep models are extrapolated
FEW, MANY = 16, 32  # windows of two plans for extrapolation; in smaller batches gradients dominate the memory


@dataclass(frozen=True)
class Plan:
    """Estimate of the peak memory of a training step.

    weights, gradients, optimizer, activations, head, context: Bytes of each part; `total` is their sum. `optimizer` has
    the states of the optimizer; `head` hidden states, emissions and CRF; `context` the CUDA context (0 on a CPU).
    trainable, parameters: Numbers of trainable weights and of all weights.
    n_windows, length: Number of windows in one autograd graph, and wordpieces per window.
    vocabulary: Number of wordpieces that the base model has, after trimming if it is trimmed.
    offloadable: Bytes of `weights` that `memory.device_map` moves off the GPU if they do not fit.
    """

    weights: int
    gradients: int  # of the trainable weights
    optimizer: int  # states of the optimizer
    activations: int  # saved for the backward pass, and temporary tensors
    head: int  # hidden states, emissions and CRF; weights, gradients and optimizer states of the head
    context: int  # CUDA context; 0 on a CPU
    trainable: int  # number of trainable weights
    parameters: int  # number of all weights
    n_windows: int  # windows in one autograd graph
    length: int  # wordpieces per window
    vocabulary: int  # number of wordpieces, trimmed or not
    offloadable: int = 0  # part of `weights` that `memory.device_map` offloads if they do not fit

    @property
    def total(self) -> int:
        """Return the sum of all parts in bytes."""
        return self.weights + self.gradients + self.optimizer + self.activations + self.head + self.context

    def fits(self, vram: float) -> bool:
        """Return whether a GPU with `vram` GiB of memory is large enough.

        Weights that `memory.device_map` can keep in main memory (`offloadable`) need not fit.
        """
        return self.total - self.offloadable <= vram * GIB

    def to_dict(self) -> dict[str, int]:
        """Return the fields and "total" by name, as a dictionary for JSON."""
        return {**asdict(self), "total": self.total}


def make_plan(recipe: Recipe, *, device: str = "cuda") -> Plan:
    """Estimate the peak memory of a training step.

    recipe (Recipe): Model, batch and optimizer.
    device (str): "cuda" or "cpu": the device whose kernels are assumed.
    RETURNS (Plan): Memory by part.
    RAISES (ValueError): If the base model does not exist, or does not support the settings.
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
        offloadable=offloadable_bytes(backbone),
    )


@lru_cache(maxsize=4)
def backbone_on_meta(settings: BackboneSettings, n_layers: int | None = None) -> Backbone:
    """Build a backbone, a Transformer with its adapters, on torch's `meta` device.

    settings (BackboneSettings): Base model, adapters, quantization and memory settings.
    n_layers (Optional[int]): Number of layers to build; None for as many as the base model has.
    RETURNS (Backbone): The backbone. It is cached: a caller that changes it must undo the change.
    """
    config = config_of(settings.name, settings.revision)
    config.num_hidden_layers = n_layers or config.num_hidden_layers
    prepare_config(config, settings.dropout)
    model = empty_model(settings.name, config, attn_implementation=settings.memory.attn_implementation)
    if settings.trim:
        trim_embeddings(model, np.arange(trimmed_size(settings.name, settings.revision), dtype=np.int32))
    if settings.quantization is not None:
        pack_linear(model, settings.quantization, settings.memory.precision)
    return configure(model, settings)


def state_bytes(optimizer: str, parameter: nn.Parameter) -> int:
    """Return the bytes of the optimizer states of one parameter.

    AdamW has two float32 per weight. 8-bit AdamW (Dettmers et al. 2022, "8-bit Optimizers via Block-wise
    Quantization") has two bytes per weight, and two float32 scales per block of weights; for small parameters it equals
    AdamW. Adafactor (Shazeer and Stern 2018) has a float32 per row and per column.

    optimizer (str): Name of the optimizer, as in `GroupedOptimizer.v1`.
    parameter (nn.Parameter): The parameter.
    """
    n = parameter.numel()
    if optimizer == "adafactor":
        rows_and_columns = sum(n // parameter.shape[axis] for axis in (-1, -2)) if parameter.ndim > 1 else n
        return 4 * rows_and_columns
    if optimizer.endswith("8bit") and n >= MIN_8BIT:
        return 2 * n + 8 * -(-n // BLOCK)
    return 8 * n


def offloadable_bytes(backbone: Backbone) -> int:
    """Return how many bytes of frozen layers `memory.device_map` can keep off the GPU during training.

    These are the frozen weights of all layers except the largest one: one layer has to fit into the GPU while it runs.
    The result is 0 if the backbone has no `device_map`, has no adapters, or is quantized. It is also 0 without gradient
    checkpointing, because then the autograd graph keeps the weights of all layers on the GPU.
    """
    settings = backbone.settings
    is_usable = settings.lora is not None and settings.quantization is None
    if settings.memory.device_map is None or not settings.memory.gradient_checkpointing or not is_usable:
        return 0
    layers = [sum(_bytes(p) for p in layer.parameters() if not p.requires_grad) for layer in layers_of(backbone.model)]
    return sum(layers) - max(layers)


def head_bytes(n_tokens: int, width: int, n_tags: int) -> int:
    """Return the bytes of the head in a training step, in float32.

    The head holds the hidden states twice and their gradient, (n_tokens, width); emissions and four arrays of the CRF,
    (n_tokens, n_tags); and weights and transitions with gradients and two moments.

    n_tokens (int): Tokens of the batch.
    width (int): Width of the hidden states.
    n_tags (int): Number of tags.
    """
    return 4 * (3 * n_tokens * width + 5 * n_tokens * n_tags + 4 * (width * n_tags + n_tags * n_tags))


def in_micro_batches(recipe: Recipe, vram: float, *, device: str = "cuda") -> Plan | None:
    """Estimate the memory of a batch that is split into the largest micro-batches that fit.

    recipe (Recipe): Model, batch and optimizer. Call this function only if the whole batch does not fit.
    vram (float): Memory of the GPU in GiB.
    device (str): "cuda" or "cpu": the device whose kernels are assumed.
    RETURNS (Optional[Plan]): Plan of one micro-batch; None if not even one window fits, or if the setting
        `memory.micro_batch` of the recipe is None, so that batches are not split.
    """
    if recipe.settings.memory.micro_batch is None:
        return None
    n, whole = recipe.n_windows, head_bytes(recipe.n_windows * recipe.length, 0, 4 * recipe.n_labels + 1)
    while n > 1:
        n //= 2
        plan = make_plan(replace(recipe, n_windows=n, accumulate=2), device=device)
        # The hidden states of all windows of the batch are in memory, for the head.
        plan = replace(plan, head=whole + plan.head * (recipe.n_windows // n))
        if plan.fits(vram):
            return plan
    return None


def largest_batches(recipe: Recipe, vram: float, *, device: str = "cuda") -> dict[int, int]:
    """Estimate the largest batch that fits, for each window length in LENGTHS (64 to 512 wordpieces).

        memory(n_windows, length) = fixed + n_windows · (linear · length + squared · length²)

    The squared term comes from masks and from attention that is not fused. The three coefficients are computed from
    three plans.

    recipe (Recipe): Model and optimizer; its batch size and length are ignored.
    vram (float): Memory of the GPU in GiB.
    device (str): "cuda" or "cpu": the device whose kernels are assumed.
    RETURNS (dict[int, int]): Window length → number of windows, at most MAX_WINDOWS; 0 if not even one fits.
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
    """Return the total memory of a training step in bytes.

    For a deep model, the total is extrapolated from two models with fewer layers, which is faster. The extrapolation is
    linear in the number of layers, because all layers have the same sizes.

    recipe (Recipe): Model, batch and optimizer.
    device (str): "cuda" or "cpu": the device whose kernels are assumed.
    """
    depth = int(backbone_on_meta(recipe.settings, recipe.n_layers).model.config.num_hidden_layers)
    if depth <= 2 * DEEP or recipe.settings.memory.freeze_layers:
        return make_plan(recipe, device=device).total
    low, high = (make_plan(replace(recipe, n_layers=n), device=device).total for n in (DEEP // 2, DEEP))
    return low + (high - low) / (DEEP - DEEP // 2) * (depth - DEEP // 2)


def _update_workspace(optimizer: str, trained: list[nn.Parameter], device: str) -> int:
    """Return the bytes of the temporary tensors that an optimizer allocates to update the largest parameter.

    Adafactor allocates the update and its square. On a CPU, bitsandbytes allocates five float32 tensors of the size of
    the parameter, to unpack its gradient and states (measured). All other optimizers update in place.

    optimizer (str): Name of the optimizer, as in `GroupedOptimizer.v1`.
    trained (list[nn.Parameter]): The parameters that are trained.
    device (str): "cuda" or "cpu": the device whose kernels are assumed.
    """
    copies = 2 if optimizer == "adafactor" else 5 if optimizer.endswith("8bit") and device == "cpu" else 0
    return copies * max((_bytes(p) for p in trained), default=0)


def _bytes(tensor: torch.Tensor) -> int:
    return tensor.numel() * tensor.element_size()


def _count(backbone: Backbone) -> int:
    """Return the number of weights of a backbone. Quantized weights count one each, however they are packed."""
    packed = [layer for layer in backbone.modules() if isinstance(layer, PackedLinear)]
    hidden = sum(layer.in_features * layer.out_features - layer.weight.numel() for layer in packed)
    return sum(p.numel() for p in backbone.parameters()) + hidden
