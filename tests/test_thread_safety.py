"""Predictions run concurrently, training passes run alone, and forked processes do not wait for missing threads."""

import copy
import os
import pickle
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event

import pytest
import torch
from thinc.api import ArgsKwargs, PyTorchShim

import spacy_zh_tw_ner.language  # noqa: F401  (registers hooks for forks)
from spacy_zh_tw_ner.thread_safety import ModeLock, guard_shim


@pytest.fixture
def module() -> torch.nn.Module:
    return torch.nn.Dropout(0.5).eval()


def prepared(module: torch.nn.Module) -> ModeLock:
    lock = ModeLock()
    with lock.predicting(module):
        pass
    return lock


def test_predictions_run_together(module: torch.nn.Module) -> None:
    lock, together = prepared(module), Barrier(4)

    def predict(_: int) -> bool:
        with lock.predicting(module):
            together.wait(60)
            return module.training

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(predict, range(4))) == [False] * 4


def test_the_first_successful_prediction_runs_alone(module: torch.nn.Module) -> None:
    lock, first, others = ModeLock(), Event(), Event()

    def predict_first() -> None:
        with lock.predicting(module):
            first.set()
            assert not others.wait(0.2)
            raise KeyError

    def predict() -> None:
        first.wait(60)
        with lock.predicting(module):
            others.set()

    with ThreadPoolExecutor(2) as pool:
        failed, later = pool.submit(predict_first), pool.submit(predict)
        with pytest.raises(KeyError):
            failed.result(10)
        later.result(10)


def test_training_and_predictions_wait_for_each_other(module: torch.nn.Module) -> None:
    lock, predicting, trained, done = prepared(module), Event(), Event(), []

    def predict() -> None:
        with lock.predicting(module):
            predicting.set()
            assert not trained.wait(0.2)
            assert not module.training

    def train() -> None:
        predicting.wait(60)
        with lock.training(module), lock.training(module):
            trained.set()
            assert module.training
            done.append("trained")
        assert not module.training

    def predict_later() -> None:
        trained.wait(60)
        with lock.predicting(module):
            assert done == ["trained"]
            assert not module.training

    with ThreadPoolExecutor(3) as pool:
        for future in [pool.submit(f) for f in (predict, train, predict_later)]:
            future.result(10)


def test_a_failed_training_pass_restores_evaluation_mode(module: torch.nn.Module) -> None:
    lock = ModeLock()
    with pytest.raises(KeyError), lock.training(module):
        raise KeyError
    assert not module.training
    with lock.predicting(module):
        pass


def test_predictions_always_use_evaluation_mode(module: torch.nn.Module) -> None:
    module.train()
    with ModeLock().predicting(module):
        assert not module.training


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda lock: pickle.loads(pickle.dumps(lock))])
def test_a_copied_lock_is_free(copied, module: torch.nn.Module) -> None:  # type: ignore[no-untyped-def]
    lock = ModeLock()
    with lock.training(module), ThreadPoolExecutor(1) as pool:
        other = copied(lock)

        def predict() -> bool:
            with other.predicting(torch.nn.Identity()):
                return True

        assert pool.submit(predict).result(10)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on Windows")
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_a_forked_process_has_one_torch_thread_and_free_locks(module: torch.nn.Module) -> None:
    lock, inside, end = prepared(module), Event(), Event()
    n_threads, variable = torch.get_num_threads(), os.environ.get("TOKENIZERS_PARALLELISM")

    def predict() -> None:
        with lock.training(module):
            inside.set()
            end.wait(60)

    torch.set_num_threads(2)
    try:
        with ThreadPoolExecutor(1) as pool:
            pool.submit(predict)
            inside.wait(60)
            child = os.fork()
            if not child:
                try:
                    with lock.predicting(module):
                        fine = torch.get_num_threads() == 1 and not module.training
                        fine = fine and "TOKENIZERS_PARALLELISM" in os.environ
                    os._exit(0 if fine else 1)
                finally:
                    os._exit(2)
            end.set()
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert torch.get_num_threads() == 2
        assert os.environ.get("TOKENIZERS_PARALLELISM") == variable
    finally:
        torch.set_num_threads(n_threads)


def test_loading_weights_waits_for_predictions() -> None:
    shim = PyTorchShim(torch.nn.Linear(2, 2))
    guard_shim(shim)
    data = shim.to_bytes()
    inside, loaded = Event(), Event()

    def forward(*_: object) -> None:
        inside.set()
        assert not loaded.wait(0.2)

    shim._model.register_forward_pre_hook(forward)

    def load() -> None:
        inside.wait(60)
        shim.from_bytes(data)
        loaded.set()

    with ThreadPoolExecutor(2) as pool:
        prediction = pool.submit(shim.predict, ArgsKwargs((torch.zeros(1, 2),), {}))
        pool.submit(load).result(10)
        prediction.result(10)
    assert loaded.is_set()
    assert not shim._model.training


def test_a_module_created_by_from_bytes_is_in_evaluation_mode() -> None:
    class Late(PyTorchShim):
        def from_bytes(self, bytes_data: bytes) -> "Late":
            self._model = torch.nn.Dropout(0.5)
            return self

    shim = Late(None)
    guard_shim(shim)
    assert not shim.from_bytes(b"")._model.training
