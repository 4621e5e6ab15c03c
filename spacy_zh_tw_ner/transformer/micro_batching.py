"""Run forward and backward passes of a backbone in micro-batches that fit into memory.

A batch runs as a whole while it fits. Where it does not, or `micro_batch` says so, it runs in micro-batches: the first
pass keeps no graph; once the head has said which way the hidden states should move, each micro-batch runs again, with
a graph and with the same dropout, and is forgotten. The gradients are those of the whole batch, for one more pass and
the memory of one micro-batch (Chen et al. 2016, https://arxiv.org/abs/1604.06174, over the batch and not the layers).

Memory that runs out halves the micro-batch, and only what is not done yet is done again. A micro-batch that is halved
on its way back draws other dropout for that one time: it is the only case in which the gradients are not to the last
digit those of the whole.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias, TypeVar, cast

import torch

from ..errors import Errors, Warnings
from ..thread_safety import ModeLock
from .backbone import Backbone
from .batches import MicroBatch
from .memory import TorchOutOfMemoryError, attempt, is_out_of_memory
from .settings import AUTO

RandomT: TypeAlias = tuple[torch.Tensor, torch.Tensor | None]
T = TypeVar("T")
CPU_NUMBERS = 200_000  # of hidden states: 641 pieces of 312, 260 of 768
logger = logging.getLogger("spacy_zh_tw_ner")


@dataclass
class Run:
    """A micro-batch on its way.

    batch: What runs. state: Of the random numbers before it ran.
    values: (n, width) what came out, where its graph is kept.
    last: Whether it cannot be cut any more, and has failed once.
    """

    batch: MicroBatch
    state: RandomT
    values: torch.Tensor | None = None
    last: bool = False


class Passes:
    """Runs a backbone, and remembers how much of a batch fits.

    backbone (Backbone): What runs.
    scale (Callable[[torch.Tensor], torch.Tensor]): Of a gradient before it goes back, as fp16 needs it.
    """

    def __init__(self, backbone: Backbone, scale: Callable[[torch.Tensor], torch.Tensor]) -> None:
        self.backbone, self.scale = backbone, scale
        self._mode = ModeLock()
        self.micro_batch = backbone.settings.memory.micro_batch
        self.train_limit: int | None = None  # padded pieces that run at once; None while everything has fitted
        self.eval_limit: int | None = None

    @property
    def eval_size(self) -> int | None:
        """Pieces, padding included, that are best encoded at once without a graph; None for no limit but memory's."""
        # A CPU gains nothing from more, and loses memory, what it had in its caches, and what is padded to one length.
        limits = [self.eval_limit, CPU_NUMBERS // self.backbone.width if self.device.type == "cpu" else None]
        return min((limit for limit in limits if limit is not None), default=None)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.backbone.parameters()).device

    def run(self, batches: Sequence[MicroBatch], n_tokens: int) -> torch.Tensor:
        """Encode without a graph.

        batches (Sequence[MicroBatch]): All windows.
        n_tokens (int): Of all documents.
        RETURNS (torch.Tensor): (n_tokens, width) float32; zeros where no window asks about a token.
        RAISES (TorchOutOfMemoryError): If not even one window fits.
        """
        hidden, waiting = self._zeros(n_tokens), list(reversed(batches))
        with self._mode.predicting(self.backbone), torch.inference_mode():
            while waiting:
                batch = waiting.pop()
                values = self._tried(batch, attempt)
                if values is None:
                    self.eval_limit = self._smaller(batch.size, self.eval_limit)
                    waiting += reversed(batch.cut(self.eval_limit))
                else:
                    hidden.index_add_(0, batch.tokens.to(hidden.device), values[0])
        return hidden

    def begin(
        self, batches: Sequence[MicroBatch], n_tokens: int
    ) -> tuple[torch.Tensor, Callable[[torch.Tensor], None]]:
        """Encode for training.

        RETURNS (tuple[torch.Tensor, Callable]): As `run`, and what takes the gradient of that, once.
        RAISES (TorchOutOfMemoryError): As `run`; where `micro_batch` is null, whenever memory runs out.
        """
        total = sum(batch.size for batch in batches)
        fits = self.train_limit is None or total <= self.train_limit
        hidden, runs = self._zeros(n_tokens), []
        with self._mode.training(self.backbone):
            if self.micro_batch is None or (self.micro_batch == AUTO and fits):
                runs = self._kept(batches, hidden)
            if len(runs) < len(batches):
                runs = self._forgotten(batches, hidden.zero_())
        return hidden, partial(self._push_back, runs)

    def _push_back(self, runs: list[Run], gradient: torch.Tensor) -> None:
        # Micro-batches run again, and so do layers of gradient checkpointing: with dropout, as in the forward pass.
        with self._mode.training(self.backbone):
            self._backward(runs, gradient)

    def _kept(self, batches: Sequence[MicroBatch], hidden: torch.Tensor) -> list[Run]:
        """Encode all with their graphs. Where they do not fit, all are let go."""
        runs: list[Run] = []
        for batch in batches:
            state = _random_state(self.device)
            values = self._attempt(partial(self._values, batch))
            if values is None:
                self._shrink(sum(batch.size for batch in batches))
                return []
            runs.append(Run(batch, state, values[0]))
            self._collect(batch, values[0], hidden)
        return runs

    def _forgotten(self, batches: Sequence[MicroBatch], hidden: torch.Tensor) -> list[Run]:
        """Encode all without a graph, in parts that will fit with one."""
        runs: list[Run] = []
        waiting = [part for batch in reversed(batches) for part in reversed(batch.cut(self.train_limit))]
        while waiting:
            batch, state = waiting.pop(), _random_state(self.device)
            with torch.no_grad():
                values = self._tried(batch, self._attempt)
            if values is None:
                self._shrink(batch.size)
                waiting += reversed(batch.cut(self.train_limit))
            else:
                runs.append(Run(batch, state))
                self._collect(batch, values[0], hidden)
        return runs

    def _backward(self, runs: list[Run], gradient: torch.Tensor) -> None:
        alone = len(runs) < 2 or runs[0].values is None
        total = sum(run.batch.size for run in runs)
        for i, run in enumerate(runs):
            done = self._push(run, gradient, frozenset())
            if done is not None:
                for other in runs[i:]:  # what is kept of them takes the room that this one needs
                    other.values = None
                if not (alone and run.batch.n_windows == 1):
                    self._shrink(run.batch.size if alone else total)
                self._repeat(run, gradient, done)

    def _repeat(self, run: Run, gradient: torch.Tensor, done: frozenset[str]) -> None:
        """Run a micro-batch again in parts, for the parameters that do not have its gradient yet."""
        parts = run.batch.cut(self.train_limit)
        if run.last:
            raise _too_large(run.batch)
        for part in parts:
            again = Run(part, run.state, last=part.n_windows == 1)
            done_now = self._push(again, gradient, done)
            if done_now is not None:
                if not again.last:
                    self._shrink(part.size)
                self._repeat(again, gradient, done_now)

    def _push(self, run: Run, gradient: torch.Tensor, done: frozenset[str]) -> frozenset[str] | None:
        """Add the gradient of one micro-batch to all parameters but those that have it.

        RETURNS (frozenset[str] | None): If memory ran out, the parameters that have it now.
        """
        before = self._marks()

        def push() -> None:
            values, run.values = run.values, None
            own = gradient[run.batch.tokens.to(gradient.device)].to(self.device)
            if values is None:
                with _replayed(run.state, self.device):
                    values = self._values(run.batch)
            if values.requires_grad:
                torch.autograd.backward(values, self.scale(own))

        with self._without(done):
            if self._attempt(push) is not None:
                return None
        # torch adds a gradient in place, and so counts up the version of what it is added to; it does so once.
        return done | {name for name, mark in self._marks().items() if mark != before[name]}

    def _marks(self) -> dict[str, tuple[int, int] | None]:
        return {
            name: None if p.grad is None else (id(p.grad), p.grad._version)
            for name, p in self.backbone.named_parameters()
            if p.requires_grad
        }

    @contextmanager
    def _without(self, names: frozenset[str]) -> Iterator[None]:
        parameters = [p for name, p in self.backbone.named_parameters() if name in names] if names else []
        for parameter in parameters:
            parameter.requires_grad_(False)
        try:
            yield
        finally:
            for parameter in parameters:
                parameter.requires_grad_(True)

    def _values(self, batch: MicroBatch) -> torch.Tensor:
        """(n, width): the part that each piece has in the vector of its token."""
        batch = MicroBatch(*(array.to(self.device, non_blocking=True) for array in batch))
        hidden = self.backbone(batch.input_ids, batch.attention_mask)
        return cast(torch.Tensor, hidden.flatten(0, 1)[batch.places] * batch.shares[:, None])

    def _collect(self, batch: MicroBatch, values: torch.Tensor, hidden: torch.Tensor) -> None:
        hidden.index_add_(0, batch.tokens.to(hidden.device), values.detach())

    def _zeros(self, n_tokens: int) -> torch.Tensor:
        return torch.zeros(n_tokens, self.backbone.width, device=self.device)

    def _attempt(self, run: Callable[[], T]) -> tuple[T] | None:
        if self.micro_batch is not None:
            return attempt(run)
        try:
            return (run(),)
        except RuntimeError as error:
            if is_out_of_memory(error):
                raise TorchOutOfMemoryError(Errors.ZT341.format(reason=str(error).partition("\n")[0])) from error
            raise

    def _tried(
        self, batch: MicroBatch, attempt: Callable[[Callable[[], torch.Tensor]], tuple[torch.Tensor] | None]
    ) -> tuple[torch.Tensor] | None:
        """The values of a micro-batch. One window cannot be cut, and is tried again with what was freed."""
        run = partial(self._values, batch)
        if batch.n_windows > 1:
            return attempt(run)
        values = attempt(run) or attempt(run)
        if values is None:
            raise _too_large(batch)
        return values

    def _shrink(self, size: int) -> None:
        self.train_limit = self._smaller(size, self.train_limit)

    def _smaller(self, size: int, limit: int | None) -> int:
        """Half of what did not fit; said once, and from then on for those who listen."""
        smaller = min(size // 2, limit if limit is not None else size)
        logger.log(logging.WARNING if limit is None else logging.INFO, Warnings.ZT930.format(size=size, half=smaller))
        return smaller


def _too_large(batch: MicroBatch) -> TorchOutOfMemoryError:
    return TorchOutOfMemoryError(Errors.ZT342.format(length=batch.input_ids.shape[1]))


def _random_state(device: torch.device) -> RandomT:
    return torch.get_rng_state(), torch.cuda.get_rng_state(device) if device.type == "cuda" else None


@contextmanager
def _replayed(state: RandomT, device: torch.device) -> Iterator[None]:
    """Draw the same random numbers again, and go on afterwards as if nothing had been drawn."""
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.set_rng_state(state[0])
        if state[1] is not None:
            torch.cuda.set_rng_state(state[1], device)
        yield
