"""Run the training step of a recipe with random weights in full size, and measure its memory."""

from dataclasses import dataclass

import torch
from torch import nn
from transformers import AutoModel

from benchmarks.four_bits import SCALE, quantize_linear
from benchmarks.measure import peak_of
from spacy_zh_tw_ner.planning.base_models import config_of, trimmed_size
from spacy_zh_tw_ner.planning.recipe import Recipe
from spacy_zh_tw_ner.transformer.backbone import Backbone, configure, prepare_config
from spacy_zh_tw_ner.transformer.base_model import Base
from spacy_zh_tw_ner.transformer.hub import _model_class, _without_pooler, empty_model
from spacy_zh_tw_ner.transformer.optimizers import build_optimizer, parameter_groups


@dataclass(frozen=True)
class RandomStep:
    """A backbone with random weights, its optimizer, and a batch.

    recipe (Recipe): Model, batch and optimizer.
    input_ids, mask (torch.Tensor): (n_windows, length)
    """

    recipe: Recipe
    backbone: Backbone
    optimizer: torch.optim.Optimizer
    input_ids: torch.Tensor
    mask: torch.Tensor

    def __call__(self) -> None:
        """Update the weights once. With accumulation, two batches give the same peak of memory as more of them."""
        n, device = self.mask.numel(), self.mask.device
        for _ in range(min(2, self.recipe.accumulate)):
            places, shares = torch.arange(n, device=device), torch.ones(n, device=device)
            values = self.backbone(self.input_ids, self.mask).flatten(0, 1)[places] * shares[:, None]
            torch.autograd.backward(values, torch.ones_like(values))
            del values, places, shares
        self.optimizer.step()
        self.optimizer.zero_grad()

    def peak_bytes(self) -> int:
        """Return the bytes of weights, gradients, optimizer states and activations at the peak of a step.

        On a GPU it is `max_memory_allocated`, which leaves out the states of a paged optimizer.
        """
        self()  # creates the states of the optimizer
        if self.mask.is_cuda:
            torch.cuda.reset_peak_memory_stats()
            self()
            torch.cuda.synchronize()
            return torch.cuda.max_memory_allocated()
        states = [t for state in self.optimizer.state.values() for t in state.values() if isinstance(t, torch.Tensor)]
        held = [*self.backbone.parameters(), *states]
        resident = {t.untyped_storage()._cdata: t.untyped_storage().nbytes() for t in held}
        return sum(resident.values()) + peak_of(self)


def random_step(recipe: Recipe, device: str = "cpu") -> RandomStep:
    """Build a model with random weights, and everything that a training step needs.

    recipe (Recipe): Model, batch and optimizer. Nothing is downloaded for the base models that planning includes.
    device (str): The device, such as "cuda".
    """
    settings = recipe.settings
    config = config_of(settings.name)
    prepare_config(config, settings.dropout)
    if settings.trim:
        config.vocab_size = trimmed_size(settings.name)
    if settings.quantization is None:
        pooler = _without_pooler(_model_class(settings.name, config))
        with torch.device(device):
            model = AutoModel.from_config(config, attn_implementation=settings.memory.attn_implementation, **pooler)
    else:
        model = empty_model(settings.name, config, attn_implementation=settings.memory.attn_implementation)
        quantize_linear(model, settings.quantization, settings.memory.precision, device)
        fill_randomly(model, device)
    backbone = configure(model, settings).to(device).train()
    groups = parameter_groups(backbone.model, rate=1e-5, weight_decay=0.01)
    optimizer = build_optimizer(recipe.optimizer, groups)
    shape = (recipe.n_windows, recipe.length)
    input_ids = torch.randint(0, min(1000, config.vocab_size), shape, device=device)
    mask = torch.ones_like(input_ids)
    mask[0, -1] = 0
    return RandomStep(recipe, backbone, optimizer, input_ids, mask)


def fill_randomly(model: Base, device: str) -> None:
    """Create the parameters and buffers that are on the meta device: random weights, and buffers of zeros.

    Weights have values of the type in which the base model stores them: frozen ones are then held in that type.
    """
    stored = getattr(model.config, "torch_dtype", None) or torch.float32
    for module in model.modules():
        for name, parameter in list(module.named_parameters(recurse=False)):
            if parameter.is_meta:
                weight = (SCALE * torch.randn(parameter.shape, device=device)).to(stored).float()
                module.register_parameter(name, nn.Parameter(weight, requires_grad=parameter.requires_grad))
        for name, buffer in list(module.named_buffers(recurse=False)):
            if buffer.is_meta:  # such as the frequencies of rotary positions; with 0, all positions are alike
                module._buffers[name] = torch.zeros(buffer.shape, dtype=buffer.dtype, device=device)
