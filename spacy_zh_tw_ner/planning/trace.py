"""One training step without numbers: the real model on torch's `meta` device, every allocation counted."""

from contextlib import nullcontext

import torch

from ..transformer.backbone import Backbone
from ..transformer.memory import checkpoint_layers
from .allocations import Allocations
from .emulation import Emulation, autocast_on_meta


def step_peak(backbone: Backbone, n_windows: int, length: int, *, device: str = "cuda", accumulates: bool) -> int:
    """Run a backbone forward and back, and say how much memory that takes at once beside its weights.

    backbone (Backbone): On the `meta` device.
    n_windows (int), length (int): Of a batch.
    device (str): "cuda" or "cpu", whose kernels are assumed.
    accumulates (bool): Whether there are gradients of an earlier batch already.
    RETURNS (int): Bytes; gradients included.
    """
    backbone.train()
    backbone.zero_grad()
    emulation = Emulation(device, backbone.settings.memory.precision)
    if backbone.settings.memory.gradient_checkpointing:
        # torch leaves its modes out of a backward pass; what is computed again there enters this one anew.
        checkpoint_layers(backbone.model, lambda: (nullcontext(), emulation))
    for parameter in backbone.parameters():
        if accumulates and parameter.requires_grad:
            parameter.grad = torch.empty_like(parameter)
    with autocast_on_meta(emulation), Allocations([*backbone.parameters(), *backbone.buffers()]) as allocations:
        input_ids = torch.empty(n_windows, length, dtype=torch.long, device="meta")
        mask, places = torch.empty_like(input_ids), torch.empty(n_windows * length, dtype=torch.long, device="meta")
        shares = torch.empty(n_windows * length, device="meta")
        gradient = torch.empty(n_windows * length, backbone.width, device="meta")
        with emulation:
            values = backbone(input_ids, mask).flatten(0, 1)[places] * shares[:, None]
        emulation.end_forward()
        if values.requires_grad:
            torch.autograd.backward(values, gradient)
    peak: int = allocations.peak
    if accumulates:
        peak += sum(p.numel() * p.element_size() for p in backbone.parameters() if p.requires_grad)
    backbone.zero_grad()
    return peak
