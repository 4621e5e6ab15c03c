"""Weight decay that leaves some parameters alone."""

from collections.abc import Iterable
from typing import Any

from thinc.api import Model, Optimizer
from thinc.types import FloatsXd


class WithoutDecay:
    """Stands for an optimizer, and turns its weight decay off for the parameters of some layers.

    thinc's optimizers decay whatever they are given. Transitions are scores that the corpus fixes and no weights of
    inputs: decay pulls them to 0, where every tag follows on every other, and the more so the smaller the learning
    rate of the encoder beside them.

    optimizer (Optimizer): The one that is meant; all else is asked of it.
    layers (Iterable[Model]): Layers whose own parameters must not decay.
    """

    def __init__(self, optimizer: Optimizer, layers: Iterable[Model[Any, Any]]) -> None:
        self._optimizer = optimizer
        self._spared = {(layer.id, name) for layer in layers for name in layer.param_names}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._optimizer, name)

    def __call__(
        self, key: tuple[int, str], weights: FloatsXd, gradient: FloatsXd, *, lr_scale: float = 1.0
    ) -> tuple[FloatsXd, FloatsXd]:
        """Update one parameter; see `thinc.api.Optimizer`."""
        decay = self._optimizer.L2
        if key in self._spared:
            self._optimizer.L2 = 0.0
        try:
            updated: tuple[FloatsXd, FloatsXd] = self._optimizer(key, weights, gradient, lr_scale=lr_scale)
            return updated
        finally:
            self._optimizer.L2 = decay
