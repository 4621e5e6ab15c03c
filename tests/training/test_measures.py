"""Measured learning rates, speed, remaining time and memory agree with known values."""

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
import spacy
from spacy.language import Language
from spacy.util import registry

from spacy_zh_tw_ner.training.measures import Pace, Rates, losses_per_character, peak_memory
from tests.pipelines import add_head

WARMUP = {"@schedules": "warmup_linear.v1", "initial_rate": 0.1, "warmup_steps": 3, "total_steps": 9}
ADAM = {"@optimizers": "Adam.v1", "learn_rate": WARMUP}
GROUPED = {"@optimizers": "spacy-zh-tw-ner.GroupedOptimizer.v1", "encoder_rate": WARMUP, "head_rate": 0.5}


class Clock:
    """Clock that the test advances."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def with_optimizer(settings: dict[str, Any]) -> Language:
    nlp = spacy.blank("zh_tw")
    nlp.config["training"]["optimizer"] = settings
    return nlp


def test_logged_rates_are_those_of_the_training_optimizer() -> None:
    rates, trained = Rates(with_optimizer(ADAM)), registry.resolve({"o": ADAM})["o"]
    for step in range(12):
        assert rates.at(step) == {"all": trained.learn_rate}
        trained.step_schedules()


def test_rates_of_a_resumed_run_are_those_of_its_step() -> None:
    rates, trained = Rates(with_optimizer(ADAM)), registry.resolve({"o": ADAM})["o"]
    for _ in range(5):
        trained.step_schedules()
    assert rates.at(5) == rates.at(5) == {"all": trained.learn_rate}


def test_encoder_and_head_have_separate_rates() -> None:
    rates = Rates(with_optimizer(GROUPED))
    assert rates.at(0) == {"encoder": 0.0, "head": 0.5}
    assert rates.at(3) == {"encoder": 0.1, "head": 0.5}


def test_speed_excludes_evaluation_and_remaining_time_includes_it() -> None:
    clock = Clock()
    pace = Pace(max_steps=20, max_epochs=0, clock=clock)
    clock.now += 50  # the first step is slow, because it compiles, and is evaluated
    assert pace.characters_per_second(100) is None
    assert pace.seconds_left(0, pace.last_step(0, 0)) is None
    pace.resume(100)
    for _ in range(4):
        clock.now += 2
        pace.step()
    clock.now += 2 + 30
    assert pace.characters_per_second(100 + 5 * 60) == 30.0
    assert pace.seconds_left(5, pace.last_step(5, 0)) == 40 / 5 * 15
    assert pace.seconds == 90.0


@pytest.mark.parametrize("steps_of_an_epoch", [1, 7, 40, 1000])
def test_the_estimated_last_step_improves_with_each_epoch(steps_of_an_epoch: int) -> None:
    pace, errors = Pace(max_steps=0, max_epochs=10), []
    for step in range(0, 10 * steps_of_an_epoch, 7):
        end = pace.last_step(step, step // steps_of_an_epoch)
        if end is not None:
            errors.append(abs(end - 10 * steps_of_an_epoch) / (10 * steps_of_an_epoch))
    assert errors[-1] < 0.12
    assert max(errors, default=0.0) < 0.6


def test_the_last_step_is_the_first_limit_reached() -> None:
    assert Pace(max_steps=20, max_epochs=-1).last_step(10, 3) == 20
    assert Pace(max_steps=20, max_epochs=1000).last_step(10, 3) == 20
    assert Pace(max_steps=0, max_epochs=0).last_step(10, 3) is None
    assert Pace(max_steps=20000, max_epochs=2).last_step(10, 0) is None  # the length of an epoch is not known yet


def test_peak_memory_is_measured() -> None:
    """In a separate process: the peak of other tests in this one is higher than that of this test."""
    code = """
import numpy as np
from spacy_zh_tw_ner.training.measures import peak_memory
before = peak_memory()
block = np.ones(300 * 2**17)
del block
print(before.of, peak_memory().mib - before.mib)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    of, more = done.stdout.split()
    assert of == "RSS"
    assert float(more) == pytest.approx(300, abs=10)


def test_peak_memory_of_a_gpu_is_what_torch_allocated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.max_memory_allocated", lambda: 3 * 2**30)
    assert peak_memory() == (3072.0, "GPU")


def test_losses_are_per_character_without_components_with_listeners() -> None:
    nlp = spacy.blank("zh_tw")
    nlp.add_pipe("tok2vec")
    add_head(nlp, {"@architectures": "spacy.Tok2VecListener.v1", "width": 96, "upstream": "*"})
    assert losses_per_character(nlp, {"tok2vec": 8.0, "ner": np.float32(2.0)}, 4) == (0.5, {"tok2vec": 2.0, "ner": 0.5})
