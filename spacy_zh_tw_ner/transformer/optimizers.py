"""Create the torch optimizer of the encoder, with parameter groups, and run its update steps."""

from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import nn

from ..errors import Errors, MissingExtraError
from ..extras import has_bitsandbytes
from .base_model import Base, depths, layers_of
from .lora import is_adapter
from .memory import TorchOutOfMemoryError, attempt
from .settings import require_choice

OPTIMIZERS = ("adamw", "adamw_bnb_8bit", "paged_adamw_bnb_8bit", "adafactor")


@dataclass
class EncoderOptimizer:
    """Settings of the encoder's torch optimizer. The optimizer itself is in `BackboneShim`.

    rate: Current learning rate of the last layer; a schedule sets it between steps.
    name: Kind of optimizer: "adamw", "adamw_bnb_8bit", "paged_adamw_bnb_8bit" or "adafactor".
    weight_decay: Weight decay of weight matrices. Biases, norms and the matrices B of LoRA have none.
    layer_decay: Learning rate of a layer, divided by that of the next layer.
    lora_rate: Learning rate of an adapter, divided by that of its layer.
    betas, eps: Settings of AdamW.
    grad_clip: Upper bound of the norm of all gradients together; 0 for none.
    """

    rate: float
    name: str = "adamw"
    weight_decay: float = 0.01
    layer_decay: float = 1.0
    lora_rate: float = 1.0
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8
    grad_clip: float = 1.0

    def __post_init__(self) -> None:
        require_choice("optimizer", self.name, OPTIMIZERS)

    def build(self, model: Base) -> torch.optim.Optimizer:
        """Create the optimizer for the trainable parameters of a model."""
        groups = parameter_groups(
            model,
            rate=self.rate,
            weight_decay=self.weight_decay,
            layer_decay=self.layer_decay,
            lora_rate=self.lora_rate,
        )
        return build_optimizer(self.name, groups, betas=self.betas, eps=self.eps)

    def step(self, optimizer: torch.optim.Optimizer, scaler: torch.amp.GradScaler) -> None:
        """Set the learning rates of all groups, clip the gradients, update the parameters, and clear the gradients.

        If fp16 gradients overflow, the scaler skips the update and lowers its scale.

        optimizer (torch.optim.Optimizer): From `build`.
        scaler (torch.amp.GradScaler): The scaler of the gradients; disabled unless the precision is fp16.
        """
        for group in optimizer.param_groups:
            group["lr"] = self.rate * group["scale"]
        scaler.unscale_(optimizer)
        if self.grad_clip:
            parameters = [p for group in optimizer.param_groups for p in group["params"]]
            torch.nn.utils.clip_grad_norm_(parameters, self.grad_clip)
        _step_at_most_once(optimizer, scaler)
        scaler.update()
        optimizer.zero_grad()


def _step_at_most_once(optimizer: torch.optim.Optimizer, scaler: torch.amp.GradScaler) -> None:
    """Update each parameter once. If memory runs out, free memory, and continue with the remaining parameters.

    optimizer (torch.optim.Optimizer), scaler (torch.amp.GradScaler): The optimizer, and the scaler of its gradients.
    RAISES (TorchOutOfMemoryError): If memory runs out a second time.
    """
    known = set(optimizer.state)
    before = {p: _changes(p, optimizer) for group in optimizer.param_groups for p in group["params"]}
    reason = ""

    def step() -> None:
        nonlocal reason
        try:
            scaler.step(optimizer)
        except RuntimeError as error:
            reason = str(error).partition("\n")[0]
            raise

    if attempt(step) is not None:
        return
    for parameter, changes in before.items():
        if _changes(parameter, optimizer) > changes:
            parameter.grad = None
        elif parameter not in known:
            optimizer.state.pop(parameter, None)  # its state was only created in part
    if attempt(step) is None:
        raise TorchOutOfMemoryError(Errors.ZT343.format(name=type(optimizer).__name__, reason=reason))


def _changes(parameter: torch.Tensor, optimizer: torch.optim.Optimizer) -> Any:
    """Return a number that grows with each update of a parameter.

    For Adafactor, the number is the version of the tensor (`_version`): Adafactor counts a step before it has allocated
    the memory for it. For AdamW, it is the count of steps, because the fused AdamW of torch and bitsandbytes do not
    change the version. Fused AdamW stores this count in a tensor and increases it in place, so two results of this
    function may be the same tensor. This does no harm: after the first step, AdamW allocates nothing and cannot run out
    of memory.
    """
    if type(optimizer).__name__ == "Adafactor":
        return parameter._version
    return optimizer.state.get(parameter, {}).get("step", 0)


def build_optimizer(
    name: str, groups: list[dict[str, Any]], *, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8
) -> torch.optim.Optimizer:
    """Create a torch optimizer.

    name (str): "adamw" (Loshchilov and Hutter 2019), with a fused kernel on CPUs and CUDA GPUs; "adamw_bnb_8bit", with
        states in 8 bits (Dettmers et al. 2022), and "paged_adamw_bnb_8bit", which also moves them from a full GPU to
        main memory; "adafactor" (Shazeer and Stern 2018), which keeps row and column sums only.
    groups (list[dict]): From `parameter_groups`.
    betas (tuple[float, float]), eps (float): Settings of AdamW, which Adafactor ignores.
    RETURNS (torch.optim.Optimizer): The optimizer.
    RAISES (ValueError): For another name, or if bitsandbytes is missing.
    """
    require_choice("optimizer", name, OPTIMIZERS)
    if name == "adamw":
        fused = all(p.device.type in ("cpu", "cuda") for group in groups for p in group["params"])
        return torch.optim.AdamW(groups, betas=betas, eps=eps, fused=fused)
    if name == "adafactor":
        from transformers.optimization import Adafactor

        return cast(
            torch.optim.Optimizer, Adafactor(groups, scale_parameter=False, relative_step=False, warmup_init=False)
        )
    if not has_bitsandbytes():
        raise MissingExtraError(Errors.ZT337.format(name=name))
    from bitsandbytes.optim import AdamW8bit, PagedAdamW8bit

    on_gpu = any(p.is_cuda for group in groups for p in group["params"])
    kind = PagedAdamW8bit if name.startswith("paged") and on_gpu else AdamW8bit
    return cast(torch.optim.Optimizer, kind(groups, betas=betas, eps=eps))


def parameter_groups(
    model: Base, *, rate: float, weight_decay: float, layer_decay: float = 1.0, lora_rate: float = 1.0
) -> list[dict[str, Any]]:
    """Divide the trainable parameters of a model into parameter groups for a torch optimizer.

    model (Base): The model.
    rate (float): Learning rate of the last layer.
    weight_decay (float): Weight decay of weight matrices. Biases, norms, and the matrices B of LoRA, which start at
        zero, have no weight decay.
    layer_decay (float): Learning rate of a layer, divided by that of the next layer. The embeddings are the layer
        before the first (Howard and Ruder 2018, https://arxiv.org/abs/1801.06146, section 3.2).
    lora_rate (float): Learning rate of an adapter, divided by that of its layer.
    RETURNS (list[dict]): Groups with `params`, `lr`, `weight_decay`, a `name`, and `scale`: a learning rate schedule
        sets `lr` to the scheduled rate times `scale`. Groups are in the order of depth, so that the same model and
        settings always give the same order.
    """
    n = len(layers_of(model))
    groups: dict[tuple[int, bool, bool], dict[str, Any]] = {}
    parameters = dict(model.named_parameters())
    for name, depth in depths(model).items():
        parameter = parameters[name]
        if parameter.requires_grad:
            key = (depth, is_adapter(name), _decays(name, parameter))
            groups.setdefault(key, _group(key, n, rate, weight_decay, layer_decay, lora_rate))["params"].append(
                parameter
            )
    return [groups[key] for key in sorted(groups)]


def _group(
    key: tuple[int, bool, bool], n: int, rate: float, weight_decay: float, layer_decay: float, lora_rate: float
) -> dict[str, Any]:
    """Return the settings of a parameter group, with an empty list of parameters.

    key (tuple): Depth of the parameters (0 for embeddings, i + 1 for layer i), whether they belong to adapters, and
        whether they have weight decay.
    n (int): Number of layers of the model.
    rate (float): Learning rate of the last layer.
    weight_decay (float): Weight decay of the group, if its parameters have weight decay.
    layer_decay (float): Learning rate of a layer, divided by that of the next layer.
    lora_rate (float): Learning rate of an adapter, divided by that of its layer.
    """
    depth, adapter, decays = key
    place = "embeddings" if depth == 0 else f"layer {depth}" if depth <= n else "top"
    scale = layer_decay ** max(n - depth, 0) * (lora_rate if adapter else 1.0)
    return {
        "params": [],
        "lr": rate * scale,
        "weight_decay": weight_decay if decays else 0.0,
        "scale": scale,
        "name": f"{place}{', adapters' if adapter else ''}{'' if decays else ', no decay'}",
    }


def _decays(name: str, parameter: nn.Parameter) -> bool:
    """Return whether a parameter has weight decay: all have, except vectors (biases, norms) and the B of adapters."""
    return parameter.ndim > 1 and ".lora_B." not in name
