"""Run forward and backward passes of a backbone in micro-batches that fit into memory.

A batch runs as a whole if it fits. If it does not, or the setting `micro_batch` is a number, it runs in micro-batches:

    batch of 4 windows          w1 w2 w3 w4
    forward, no graph           [w1 w2] → hidden states     [w3 w4] → hidden states     random states are saved
    head and CRF                all hidden states → loss → gradients of all hidden states
    forward again with a graph  [w1 w2] ↺ same dropout, backward, graph freed
                                [w3 w4] ↺ same dropout, backward, graph freed           gradients add up

The result is the gradient of the whole batch. It takes one more forward pass, and the memory of one micro-batch (Chen
et al. 2016, https://arxiv.org/abs/1604.06174, applied to the batch instead of the layers).

An out-of-memory error halves the micro-batch, and only the unfinished part is repeated:

    [w1 w2] done    [w3 w4] out of memory in the backward pass, after some parameters have their gradients
                    [w3] [w4] again, for the other parameters alone

Gradients equal those of the whole batch up to rounding, except for dropout masks after an error in a backward pass.
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
from .dispatch import is_offloaded, require_trainable
from .memory import TorchOutOfMemoryError, attempt, is_out_of_memory
from .settings import AUTO

RandomT: TypeAlias = tuple[torch.Tensor, dict[torch.device, torch.Tensor]]  # of the CPU, and of each GPU
T = TypeVar("T")
CPU_NUMBERS = 200_000  # wordpieces × width of a batch on a CPU: 641 wordpieces of width 312, or 260 of width 768
logger = logging.getLogger("spacy_zh_tw_ner")


@dataclass
class ForwardPass:
    """Data of a micro-batch between its forward and its backward pass.

    batch: The micro-batch. state: State of the random number generators before the forward pass.
    values: (n, width) result of the forward pass with its graph; None if it ran without a graph.
    is_last_try: Whether the next out-of-memory error is raised, because this single window has failed once already.
    """

    batch: MicroBatch
    state: RandomT
    values: torch.Tensor | None = None
    is_last_try: bool = False


class MicroBatchRunner:
    """Runs a backbone in micro-batches: `run` predicts, `begin` trains. Stores how many wordpieces fit into memory.

    backbone (Backbone): The Transformer, with its setting `micro_batch`: ids and attention mask → hidden states.
    scale (Callable[[torch.Tensor], torch.Tensor]): Scales a gradient before a backward pass (loss scaling for fp16).
    """

    def __init__(self, backbone: Backbone, scale: Callable[[torch.Tensor], torch.Tensor]) -> None:
        self.backbone, self.scale = backbone, scale
        self._mode = ModeLock()
        self.micro_batch = backbone.settings.memory.micro_batch
        # Most wordpieces in a micro-batch, padding included; None until memory has run out.
        self.train_limit: int | None = None
        self.eval_limit: int | None = None

    @property
    def eval_size(self) -> int | None:
        """Number of wordpieces, padding included, to encode at once without a graph; None for no limit."""
        # On a CPU, larger batches are no faster: they take more memory, miss its caches and have more padding.
        limits = [self.eval_limit, CPU_NUMBERS // self.backbone.width if self.device.type == "cpu" else None]
        return min((limit for limit in limits if limit is not None), default=None)

    @property
    def device(self) -> torch.device:
        """The device of the weights."""
        return self.backbone.device

    def run(self, batches: Sequence[MicroBatch], n_tokens: int) -> torch.Tensor:
        """Encode windows without an autograd graph, in smaller batches if memory runs out.

        batches (Sequence[MicroBatch]), n_tokens (int): The windows of all documents, and the number of their tokens.
        RETURNS (torch.Tensor): (n_tokens, width) float32; zeros for tokens that are in no window.
        RAISES (torch.OutOfMemoryError): If not even one window fits.
        """
        hidden, waiting = self._zeros(n_tokens), list(reversed(batches))
        # Two predictions at a time would free offloaded weights that the other uses.
        alone = is_offloaded(self.backbone.model)
        with self._mode.predicting(self.backbone, alone=alone), torch.inference_mode():
            while waiting:
                batch = waiting.pop()
                values = self._encode(batch, attempt)
                if values is None:
                    self.eval_limit = self._smaller(batch.size, self.eval_limit)
                    waiting += reversed(batch.cut(self.eval_limit))
                else:
                    self._collect(batch, values[0], hidden)
        return hidden

    def begin(
        self, batches: Sequence[MicroBatch], n_tokens: int
    ) -> tuple[torch.Tensor, Callable[[torch.Tensor], None]]:
        """Encode windows for training.

        batches (Sequence[MicroBatch]), n_tokens (int): The windows of all documents, and the number of their tokens.
        RETURNS (tuple[torch.Tensor, Callable]): The hidden states, (n_tokens, width) float32, and a function for the
            backward pass: it takes their gradient, and adds the gradients of the parameters to the parameters' `grad`.
        RAISES (torch.OutOfMemoryError): If not even one window fits. If the setting `micro_batch` is null: whenever
            memory runs out.
        RAISES (SettingError): If trainable weights are offloaded.
        """
        require_trainable(self.backbone.model, self.backbone.settings.name)
        total = sum(batch.size for batch in batches)
        fits = self.train_limit is None or total <= self.train_limit
        hidden, passes = self._zeros(n_tokens), []
        with self._mode.training(self.backbone):
            if self.micro_batch is None or (self.micro_batch == AUTO and fits):
                passes = self._forward_with_graphs(batches, hidden)
            if len(passes) < len(batches):
                passes = self._forward_without_graphs(batches, hidden.zero_())
        return hidden, partial(self._backward, passes)

    def _forward_with_graphs(self, batches: Sequence[MicroBatch], hidden: torch.Tensor) -> list[ForwardPass]:
        """Write hidden states to `hidden`; return passes with graphs, one per batch. If memory runs out, return []."""
        passes: list[ForwardPass] = []
        for batch in batches:
            state = _random_state(self.backbone.gpus)
            values = self._attempt(partial(self._values, batch))
            if values is None:
                self._shrink(sum(batch.size for batch in batches))
                return []
            passes.append(ForwardPass(batch, state, values[0]))
            self._collect(batch, values[0], hidden)
        return passes

    def _forward_without_graphs(self, batches: Sequence[MicroBatch], hidden: torch.Tensor) -> list[ForwardPass]:
        """Write hidden states to `hidden`, in micro-batches that fit into memory; return passes without graphs."""
        passes: list[ForwardPass] = []
        waiting = [part for batch in reversed(batches) for part in reversed(batch.cut(self.train_limit))]
        while waiting:
            batch, state = waiting.pop(), _random_state(self.backbone.gpus)
            with torch.no_grad():
                values = self._encode(batch, self._attempt)
            if values is None:
                self._shrink(batch.size)
                waiting += reversed(batch.cut(self.train_limit))
            else:
                passes.append(ForwardPass(batch, state))
                self._collect(batch, values[0], hidden)
        return passes

    def _backward(self, passes: list[ForwardPass], gradient: torch.Tensor) -> None:
        """Run the backward pass of all micro-batches, from the gradient of the hidden states, (n_tokens, width)."""
        alone = len(passes) < 2 or passes[0].values is None  # no other graphs are in memory
        total = sum(each.batch.size for each in passes)
        # Micro-batches and checkpointed layers run again here, with dropout as in the forward pass: in training mode.
        with self._mode.training(self.backbone):
            for i, each in enumerate(passes):
                done = self._add_gradient(each, gradient, frozenset())
                if done is not None:
                    for other in passes[i:]:  # free the other graphs for this micro-batch
                        other.values = None
                    if not (alone and each.batch.n_windows == 1):
                        self._shrink(each.batch.size if alone else total)
                    self._repeat(each, gradient, done)

    def _repeat(self, failed: ForwardPass, gradient: torch.Tensor, done: frozenset[str]) -> None:
        """Repeat a backward pass that ran out of memory, in parts; raise if a part of one window runs out, too."""
        if failed.is_last_try:
            raise _too_large(failed.batch)
        for part in failed.batch.cut(self.train_limit):
            again = ForwardPass(part, failed.state, is_last_try=part.n_windows == 1)
            done_now = self._add_gradient(again, gradient, done)
            if done_now is not None:
                if not again.is_last_try:
                    self._shrink(part.size)
                self._repeat(again, gradient, done_now)

    def _add_gradient(
        self, forward: ForwardPass, gradient: torch.Tensor, done: frozenset[str]
    ) -> frozenset[str] | None:
        """Add the gradient of one micro-batch to all parameters that are not in `done`.

        gradient (torch.Tensor): (n_tokens, width) gradient of the hidden states of the whole batch.
        done (frozenset[str]): Names of parameters that already have this gradient.
        RETURNS (frozenset[str] | None): None if it succeeded. If memory ran out: the names of all parameters that have
            this gradient now, including those in `done`.
        """
        before = self._versions()

        def push() -> None:
            values, forward.values = forward.values, None
            own = gradient[forward.batch.tokens.to(gradient.device)].to(self.device)
            if values is None:
                with _replayed(forward.state):
                    values = self._values(forward.batch)
            if values.requires_grad:
                torch.autograd.backward(values, self.scale(own))

        with self._frozen(done):
            if self._attempt(push) is not None:
                return None
        return done | {name for name, version in self._versions().items() if version != before[name]}

    def _versions(self) -> dict[str, tuple[int, int] | None]:
        """Return, for each trainable parameter, a value that changes whenever something is added to its gradient.

        torch adds to gradients in place, and counts these changes in `_version`.
        """
        return {
            name: None if p.grad is None else (id(p.grad), p.grad._version)
            for name, p in self.backbone.named_parameters()
            if p.requires_grad
        }

    @contextmanager
    def _frozen(self, names: frozenset[str]) -> Iterator[None]:
        """Context manager: compute no gradients for the parameters with the given names."""
        parameters = [p for name, p in self.backbone.named_parameters() if name in names] if names else []
        for parameter in parameters:
            parameter.requires_grad_(False)
        try:
            yield
        finally:
            for parameter in parameters:
                parameter.requires_grad_(True)

    def _values(self, batch: MicroBatch) -> torch.Tensor:
        """Return the hidden state of each wordpiece, divided by the number of wordpieces of its token, (n, width)."""
        batch = MicroBatch(*(array.to(self.device, non_blocking=True) for array in batch))
        hidden = self.backbone(batch.input_ids, batch.attention_mask)  # (n_windows, length, width)
        return cast(torch.Tensor, hidden.flatten(0, 1)[batch.places] * batch.shares[:, None])

    def _collect(self, batch: MicroBatch, values: torch.Tensor, hidden: torch.Tensor) -> None:
        """Add `values`, (n, width), to the rows of their tokens in `hidden`, (n_tokens, width), in place."""
        hidden.index_add_(0, batch.tokens.to(hidden.device), values.detach())

    def _zeros(self, n_tokens: int) -> torch.Tensor:
        return torch.zeros(n_tokens, self.backbone.width, device=self.device)

    def _attempt(self, run: Callable[[], T]) -> tuple[T] | None:
        """Return `(run(),)`. If memory runs out, return None; but raise if the setting `micro_batch` is null."""
        if self.micro_batch is not None:
            return attempt(run)
        try:
            return (run(),)
        except RuntimeError as error:
            if is_out_of_memory(error):
                raise TorchOutOfMemoryError(Errors.ZT341.format(reason=str(error).partition("\n")[0])) from error
            raise

    def _encode(
        self, batch: MicroBatch, attempt: Callable[[Callable[[], torch.Tensor]], tuple[torch.Tensor] | None]
    ) -> tuple[torch.Tensor] | None:
        """Return `(self._values(batch),)`. If memory runs out, return None; but try a single window twice, then raise.

        attempt (Callable): Calls a function, and returns a tuple with its result, or None if memory runs out.
        """
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
        """Return a new limit after `size` wordpieces did not fit: half of `size`, at most `limit`. Log it."""
        smaller = min(size // 2, limit if limit is not None else size)
        logger.log(logging.WARNING if limit is None else logging.INFO, Warnings.ZT930.format(size=size, half=smaller))
        return smaller


def _too_large(batch: MicroBatch) -> TorchOutOfMemoryError:
    return TorchOutOfMemoryError(Errors.ZT342.format(length=batch.input_ids.shape[1]))


def _random_state(gpus: Sequence[torch.device]) -> RandomT:
    return torch.get_rng_state(), {gpu: torch.cuda.get_rng_state(gpu) for gpu in gpus}


@contextmanager
def _replayed(state: RandomT) -> Iterator[None]:
    """Context manager: set the random number generators to `state`, and restore their current states at the end."""
    with torch.random.fork_rng(list(state[1])):
        torch.set_rng_state(state[0])
        for gpu, numbers in state[1].items():
            torch.cuda.set_rng_state(numbers, gpu)
        yield
