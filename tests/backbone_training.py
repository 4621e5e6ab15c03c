"""Training loop for backbones, with random hidden states as targets."""

import torch


def train_backbone(
    backbone: torch.nn.Module, optimizer: torch.optim.Optimizer, batch: tuple[torch.Tensor, torch.Tensor], steps: int
) -> list[float]:
    real = batch[1].bool()
    target = torch.randn(int(real.sum()), 32, generator=torch.Generator().manual_seed(2))
    losses = []
    for _ in range(steps):
        optimizer.zero_grad()
        loss = ((backbone(*batch)[real] - target) ** 2).mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses
