"""Let several threads and forked processes predict with the same torch modules.

The mode of a module (`module.training`) is shared by all threads. thinc's shim switches a module to evaluation mode for
a prediction and back to training mode afterwards. A second thread that is predicting at that moment would continue with
dropout. Here, a module is always in evaluation mode, except in the forward and backward passes of training, which hold
an exclusive lock.

    predict ──────────┐   predict ──────┐                        ┌── predict        evaluation mode
    predict ────┐     │                 │                        │
                                        └── forward ── backward ─┘                  training mode, one thread

Hooks prepare forked processes (`nlp.pipe(n_process=2)` on Linux, `gunicorn --preload`). A child process has none of the
parent's other threads, but libraries and locks in the child may wait for them:

* OpenMP, torch's thread pool, hangs in the child if the parent has used it
  (https://github.com/pytorch/pytorch/issues/17199). A child therefore computes with one thread.
* tokenizers switches its threads off in the child, and warns unless TOKENIZERS_PARALLELISM is set. A hook sets it.
* Threads of the parent may hold locks of this module. A hook releases these locks in the child.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import partial, wraps
from threading import Condition, RLock, get_ident
from typing import Any, ParamSpec, TypeVar
from weakref import WeakSet

import torch
from thinc.api import ArgsKwargs, Model, PyTorchShim

PARALLELISM = "TOKENIZERS_PARALLELISM"
_P = ParamSpec("_P")
_T = TypeVar("_T")
_loading = RLock()
_has_set_parallelism = False


def one_at_a_time(load: Callable[_P, _T]) -> Callable[_P, _T]:
    """Decorator: only one thread at a time runs the decorated functions, which build or load torch modules.

    transformers patches torch while it builds a model. If another thread built a module at this time, such as a BiLSTM,
    the parameters of that module would be uninitialized.
    """

    @wraps(load)
    def locked(*args: _P.args, **kwargs: _P.kwargs) -> _T:
        with _loading:
            return load(*args, **kwargs)

    return locked


class ModeLock:
    """Readers-writer lock of a module: predictions share it, training passes hold it exclusively.

    Copying or unpickling a lock creates a new, free lock. In a forked process, all locks are released.
    """

    def __init__(self) -> None:
        self.release()
        _locks.add(self)

    def release(self) -> None:
        """Reset the lock to its initial state. It is called in forked processes, where no thread can release it."""
        self._changed = Condition()
        self._predictions = 0
        self._is_prepared = False  # the first prediction has finished
        self._trainer: int | None = None  # id of the thread that trains
        self._depth = 0  # depth of nested training passes

    @contextmanager
    def predicting(self, module: torch.nn.Module, *, alone: bool = False) -> Iterator[None]:
        """Context manager for a prediction: keep the module in evaluation mode.

        Several threads may predict at the same time. There is one exception: during the first prediction of a module,
        no other one runs. Some layers finish their initialization in it. For example, bitsandbytes moves 8-bit weights
        from one attribute to another, and another thread could find both attributes empty.

        module (torch.nn.Module): The module that predicts.
        alone (bool): Whether only one thread may predict at a time. It must be the same for all predictions of a
            module.
        """
        with self._changed:
            self._changed.wait_for(partial(self._may_predict, alone))
            self._predictions += 1
            if module.training and self._trainer is None:
                module.eval()
        try:
            yield
            self._is_prepared = True
        finally:
            with self._changed:
                self._predictions -= 1
                self._changed.notify_all()

    def _may_predict(self, alone: bool) -> bool:
        """Return whether this thread may start a prediction now. If `alone` is True, no other one may be running."""
        if self._trainer is not None:
            return self._trainer == get_ident()
        return (self._is_prepared and not alone) or not self._predictions

    @contextmanager
    def training(self, module: torch.nn.Module) -> Iterator[None]:
        """Context manager: hold the lock exclusively, with the module in training mode.

        At the end, the module returns to evaluation mode. One thread may enter the context several times.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._trainer in (None, get_ident()))
            self._trainer = get_ident()  # from here on, no prediction begins
            self._depth += 1
        try:
            with self._changed:
                self._changed.wait_for(lambda: not self._predictions)
            module.train()
            yield
        finally:
            if self._depth == 1:
                module.eval()
            with self._changed:
                self._depth -= 1
                if not self._depth:
                    self._trainer, self._is_prepared = None, False
                self._changed.notify_all()

    def __reduce__(self) -> tuple[type["ModeLock"], tuple[()]]:
        return ModeLock, ()


_locks: WeakSet[ModeLock] = WeakSet()


def release_all_locks() -> None:
    """Release all locks of this module. It is called in a forked process, where no thread can release them."""
    global _loading  # noqa: PLW0603
    _loading = RLock()
    for lock in _locks:
        lock.release()


def guard_modules(model: Model[Any, Any]) -> None:
    """Let several threads predict with the torch modules in a thinc model.

    Calls `guard_shim` for each of their shims, which are changed in place.
    """
    for layer in model.walk():
        for shim in layer.shims:
            if isinstance(shim, PyTorchShim):
                guard_shim(shim)


def guard_shim(shim: PyTorchShim) -> None:
    """Make a shim predict without changing its module's mode, and train and load weights with an exclusive lock.

    The methods are replaced on the instance, so that this works for shims of other packages, such as
    spacy-curated-transformers. A shim class that overrides `predict` is not changed.
    """
    if type(shim).predict is PyTorchShim.predict and "predict" not in vars(shim):
        lock = ModeLock()
        vars(shim).update(
            predict=partial(_predict, shim, lock),
            begin_update=partial(_begin_update, shim, lock),
            from_bytes=partial(_from_bytes, shim, lock),
        )
        if shim._model is not None:
            shim._model.eval()


def _from_bytes(shim: PyTorchShim, lock: ModeLock, data: bytes) -> PyTorchShim:
    # Predictions must wait: while an LSTM is loaded or moved, its weights are not in one contiguous block.
    before: Any = shim._model
    with nullcontext() if before is None else lock.training(before):
        type(shim).from_bytes(shim, data)  # type: ignore[no-untyped-call]
        if shim._model is not None and shim._model is not before:
            shim._model.eval()
    return shim


def _predict(shim: PyTorchShim, lock: ModeLock, inputs: ArgsKwargs) -> Any:
    module = shim._model
    mixed = bool(getattr(shim, "_mixed_precision", False))
    with lock.predicting(module), torch.no_grad(), torch.autocast("cuda", enabled=mixed):
        return module(*inputs.args, **inputs.kwargs)


def _begin_update(
    shim: PyTorchShim, lock: ModeLock, inputs: ArgsKwargs
) -> tuple[Any, Callable[[ArgsKwargs], ArgsKwargs]]:
    with lock.training(shim._model):
        outputs, backprop = type(shim).begin_update(shim, inputs)
    return outputs, partial(_backprop, shim, lock, backprop)


def _backprop(
    shim: PyTorchShim, lock: ModeLock, backprop: Callable[[ArgsKwargs], ArgsKwargs], gradients: ArgsKwargs
) -> ArgsKwargs:
    # Gradient checkpointing runs layers again here, in training mode, so that dropout is that of the forward pass.
    with lock.training(shim._model):
        return backprop(gradients)


def register_hooks() -> None:
    """Register the functions that Python calls before and after each `os.fork`.

    Before a fork, TOKENIZERS_PARALLELISM is set to "false" if it is not set. In the parent, it is removed again. In the
    child, torch gets one thread, and all locks are released.
    """
    if hasattr(os, "register_at_fork"):  # not on Windows
        os.register_at_fork(before=_before, after_in_parent=_after_in_parent, after_in_child=_after_in_child)


def _before() -> None:
    global _has_set_parallelism  # noqa: PLW0603
    if PARALLELISM not in os.environ:
        os.environ[PARALLELISM] = "false"
        _has_set_parallelism = True


def _after_in_parent() -> None:
    global _has_set_parallelism  # noqa: PLW0603
    if _has_set_parallelism:
        os.environ.pop(PARALLELISM, None)
        _has_set_parallelism = False


def _after_in_child() -> None:
    torch.set_num_threads(1)
    release_all_locks()


register_hooks()
