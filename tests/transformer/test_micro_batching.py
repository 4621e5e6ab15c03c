"""Micro-batching: wherever in a training step memory runs out, the results are those of the whole batch."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
import spacy
import torch
from spacy.tokens import Doc
from torch.utils._python_dispatch import TorchDispatchMode

from spacy_zh_tw_ner.transformer import micro_batching, optimizers
from spacy_zh_tw_ner.transformer.memory import attempt, is_out_of_memory
from spacy_zh_tw_ner.transformer.micro_batching import MicroBatchRunner
from spacy_zh_tw_ner.transformer.model import build_token_encoder, shim_of
from spacy_zh_tw_ner.transformer.optimizers import OPTIMIZERS, EncoderOptimizer
from spacy_zh_tw_ner.transformer.settings import BackboneSettings, LoraSettings, MemorySettings
from spacy_zh_tw_ner.transformer.windows import ClauseWindows

Make = Callable[..., Any]
NLP = spacy.blank("zh_tw")
CHARACTERS = "".join(chr(0x4E00 + i) for i in range(50))
pytestmark = pytest.mark.filterwarnings(
    "ignore:Paged optimizers are not supported on CPU",
    "ignore:This overload of add_:UserWarning",
)


class Exhausted(TorchDispatchMode):
    """Raise one out-of-memory error, at operation number `at` of a backbone or an optimizer; None for no error."""

    def __init__(self, at: int | None = None) -> None:
        super().__init__()
        self.at, self.count = at, 0

    def attempt(self, run: Callable[[], Any]) -> Any:
        def run_in_it() -> Any:
            with self:
                return run()

        return attempt(run_in_it)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.count += not func._schema.is_mutable  # operations in place allocate no memory
        if self.count == self.at and not func._schema.is_mutable:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 192.00 MiB")
        return func(*args, **(kwargs or {}))


class Small(TorchDispatchMode):
    """Raise an out-of-memory error for each three-dimensional tensor with more than `rows` rows (windows)."""

    def __init__(self, rows: int) -> None:
        super().__init__()
        self.rows = rows

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        found = func(*args, **(kwargs or {}))
        if isinstance(found, torch.Tensor) and found.ndim == 3 and found.shape[0] > self.rows:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return found


@contextmanager
def during(mode: TorchDispatchMode) -> Iterator[TorchDispatchMode]:
    with pytest.MonkeyPatch.context() as patch:
        if isinstance(mode, Exhausted):
            patch.setattr(micro_batching, "attempt", mode.attempt)
            patch.setattr(optimizers, "attempt", mode.attempt)
            yield mode
        else:
            with mode:
                yield mode


def docs() -> list[Doc]:
    rng = np.random.default_rng(0)
    return [NLP.make_doc("".join(rng.choice(list(CHARACTERS), size=n))) for n in (11, 10, 9, 8, 3)]


def load(path: Any, memory: MemorySettings, lora: LoraSettings | None = None, dropout: float = 0.0) -> Any:
    settings = BackboneSettings(str(path), memory=memory, lora=lora, dropout=dropout)
    model = build_token_encoder(settings, ClauseWindows(40, 4))
    torch.manual_seed(0)
    model.initialize()
    for name, parameter in shim_of(model).backbone.named_parameters():
        if "lora_B" in name:  # with B = 0, the gradient of A would be 0
            torch.nn.init.normal_(parameter)
    return model


def step(model: Any, mode: TorchDispatchMode | None = None) -> tuple[list[Any], dict[str, torch.Tensor]]:
    """Run one forward and backward pass; return the vectors of each document, and the gradients by parameter."""
    rng = np.random.default_rng(1)
    with during(mode or Exhausted()):
        rows, backprop = model(docs(), is_train=True)
        backprop([rng.normal(size=array.shape).astype("f") for array in rows])
    backbone = shim_of(model).backbone
    return rows, {name: p.grad for name, p in backbone.named_parameters() if p.grad is not None}


def assert_same(one: tuple[list[Any], dict[str, Any]], two: tuple[list[Any], dict[str, Any]]) -> None:
    for a, b in zip(one[0], two[0], strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)
    assert one[1].keys() == two[1].keys()
    for name, gradient in one[1].items():
        torch.testing.assert_close(gradient, two[1][name], atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("lora", [None, LoraSettings(r=4)])
@pytest.mark.parametrize("checkpointing", [False, True])
@pytest.mark.parametrize("micro_batch", ["auto", 4])
def test_gradients_are_the_same_wherever_memory_runs_out(
    micro_batch: int | str, checkpointing: bool, lora: LoraSettings | None, make_checkpoint: Make
) -> None:
    path = make_checkpoint(hidden=32)
    whole = step(load(path, MemorySettings(micro_batch=None), lora))
    memory = MemorySettings(micro_batch=micro_batch, gradient_checkpointing=checkpointing)
    model, counter = load(path, memory, lora), Exhausted()
    assert_same(whole, step(model, counter))
    for at in np.linspace(2, counter.count - 1, 8).astype(int):
        model = load(path, memory, lora)
        rng = torch.get_rng_state()
        assert_same(whole, step(model, Exhausted(int(at))))
        assert torch.equal(rng, torch.get_rng_state())  # no dropout, so no random numbers were drawn


def test_a_batch_that_never_fits_runs_in_parts_with_one_warning(
    make_checkpoint: Make, caplog: pytest.LogCaptureFixture
) -> None:
    path = make_checkpoint(hidden=32)
    whole = step(load(path, MemorySettings(micro_batch=None)))
    model = load(path, MemorySettings())
    own = shim_of(model).runner
    with caplog.at_level(logging.WARNING, logger="spacy_zh_tw_ner"):
        assert_same(whole, step(model, Small(2)))
        limit = own.train_limit
        assert limit is not None
        for _ in range(2):
            step(model, Small(2))
    assert own.train_limit == limit
    assert [record.getMessage()[:6] for record in caplog.records] == ["[ZT930"]


def test_later_batches_start_with_the_size_that_fits(make_checkpoint: Make) -> None:
    model = load(make_checkpoint(hidden=32), MemorySettings())
    step(model, Small(2))
    own, sizes = shim_of(model).runner, []
    original = own._values
    own._values = lambda batch: sizes.append(len(batch.input_ids)) or original(batch)  # type: ignore[method-assign]
    step(model, Small(2))
    assert max(sizes) <= 2


def test_prediction_runs_in_smaller_batches_when_memory_runs_out(make_checkpoint: Make) -> None:
    model = load(make_checkpoint(hidden=32), MemorySettings())
    expected = model.predict(docs())
    for mode in (Small(2), Exhausted(20)):
        with during(mode):
            found = model.predict(docs())
        for a, b in zip(expected, found, strict=True):
            np.testing.assert_allclose(a, b, atol=1e-5)
    assert shim_of(model).runner.train_limit is None


def test_a_single_window_that_does_not_fit_is_an_error(make_checkpoint: Make) -> None:
    model = load(make_checkpoint(hidden=32), MemorySettings())
    with Small(0), pytest.raises(torch.OutOfMemoryError, match=r"ZT342.*single window of \d+ wordpieces"):
        model(docs(), is_train=True)
    with Small(0), pytest.raises(torch.OutOfMemoryError, match="ZT342"):
        model.predict(docs())


def test_without_micro_batches_the_message_names_the_setting(make_checkpoint: Make) -> None:
    model = load(make_checkpoint(hidden=32), MemorySettings(micro_batch=None))
    with Small(2), pytest.raises(torch.OutOfMemoryError, match=r"ZT341.*micro_batch"):
        model(docs(), is_train=True)


def test_other_runtime_errors_are_raised_unchanged(make_checkpoint: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: MicroBatchRunner, batch: Any) -> None:
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    monkeypatch.setattr(MicroBatchRunner, "_values", fail)
    model = load(make_checkpoint(hidden=32), MemorySettings())
    with pytest.raises(RuntimeError, match="mat1"):
        model(docs(), is_train=True)


def test_attempt_frees_the_tensors_of_a_failed_call() -> None:
    import weakref

    held: list[weakref.ref[torch.Tensor]] = []

    def run() -> None:
        tensor = torch.ones(3)
        held.append(weakref.ref(tensor))
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 4 bytes.")

    assert attempt(run) is None
    assert held[0]() is None
    assert attempt(lambda: None) == (None,)
    assert not is_out_of_memory(ValueError("out of memory"))


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_no_weight_is_updated_twice(name: str, make_checkpoint: Make) -> None:
    def trained(at: list[int | None]) -> tuple[dict[str, torch.Tensor], list[int]]:
        model = load(make_checkpoint(hidden=32), MemorySettings(), LoraSettings(r=4))
        shim, encoder, counts = shim_of(model), EncoderOptimizer(1e-2, name), []
        optimizer = encoder.build(shim.backbone.model)
        for place in at:
            step(model)
            mode = Exhausted(place)
            with during(mode):
                encoder.step(optimizer, shim.scaler)
            counts.append(mode.count)
        return {n: p.detach().clone() for n, p in shim.backbone.named_parameters()}, counts

    expected, counts = trained([None, None])
    # The first step allocates the states. After that, torch's fused kernel allocates nothing.
    for place in np.linspace(counts[0] // 4, counts[0] - 2, 6).astype(int):
        found, _ = trained([int(place), None])
        for key, weight in expected.items():
            torch.testing.assert_close(found[key], weight, atol=1e-6, rtol=1e-5)


def test_optimizer_states_that_never_fit_are_an_error(make_checkpoint: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    model = load(make_checkpoint(hidden=32), MemorySettings())
    shim, encoder = shim_of(model), EncoderOptimizer(1e-2)
    optimizer = encoder.build(shim.backbone.model)
    step(model)

    def fail(*args: Any, **kwargs: Any) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 MiB")

    monkeypatch.setattr(optimizer, "step", fail)
    with pytest.raises(torch.OutOfMemoryError, match=r"ZT343.*AdamW.*2\.00 MiB"):
        encoder.step(optimizer, shim.scaler)
