"""Test that optimizers of `initialize`, `resume_training` and `create_optimizer` train without stepping schedules."""

from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import spacy
from spacy.language import Language
from spacy.training import Example
from thinc.api import Adam, constant, constant_then, decaying, fix_random_seed, warmup_linear

from spacy_zh_tw_ner.language.optimizer import start_at_peak
from spacy_zh_tw_ner.planning.presets import read_config
from tests.pipelines import make_pipeline

TEXT, ENTITIES = "阿明去了鹿港。", [(0, 2, "PERSON"), (4, 6, "GPE")]
WARM_UP = {"@schedules": "warmup_linear.v1", "initial_rate": 0.005, "warmup_steps": 200, "total_steps": 4000}
GROUPED = {"@optimizers": "spacy-zh-tw-ner.GroupedOptimizer.v1", "encoder_rate": WARM_UP, "head_rate": WARM_UP}


@pytest.mark.parametrize(
    ("schedule", "peak"),
    [
        (lambda: warmup_linear(0.1, 5, 20), 0.1),
        (lambda: warmup_linear(0.1, 0, 20), 0.1),
        (lambda: decaying(0.1, 0.5), 0.1),
        (lambda: constant(0.1), 0.1),
        (lambda: constant_then(0.0, 7, constant(0.1)), 0.1),
        (lambda: iter([0.0, 0.1]), 0.1),
        (lambda: constant_then(0.0, 200_000, constant(0.1)), 0.0),
    ],
)
def test_rate_is_the_peak_and_the_schedule_is_kept(schedule: Callable[[], Any], peak: float) -> None:
    optimizer = start_at_peak(Adam(schedule()))
    assert optimizer.learn_rate == pytest.approx(peak)
    rates = []
    for _ in range(30):
        optimizer.step_schedules()
        rates.append(optimizer.learn_rate)
    expected = list(islice(schedule(), 1, 31))
    assert rates[: len(expected)] == expected


def test_schedules_of_other_settings_do_not_change() -> None:
    optimizer = start_at_peak(Adam(0.1, L2=warmup_linear(0.1, 5, 20)))  # type: ignore[arg-type]
    assert (optimizer.learn_rate, optimizer.L2) == (0.1, 0.0)


@pytest.mark.parametrize("name", ["bilstm", "transformer", "lora", "qlora", "curated"])
def test_optimizer_of_every_config_starts_at_its_peak(name: str) -> None:
    optimizer_block = read_config(name).interpolate()["training"]["optimizer"]
    nlp = spacy.blank("zh_tw", config={"training": {"optimizer": optimizer_block}})
    optimizer = nlp.create_optimizer()
    rates = {name: getattr(optimizer, name) for name in optimizer.schedules}
    wanted = [block["initial_rate"] for block in optimizer_block.values() if isinstance(block, dict)]
    assert sorted(rates.values()) == sorted(wanted)


def check_learns(nlp: Language, optimizer: Any) -> None:
    example = Example.from_dict(nlp.make_doc(TEXT), {"entities": ENTITIES})
    for _ in range(50):
        nlp.update([example], sgd=optimizer, losses={})
    assert [(ent.start_char, ent.end_char, ent.label_) for ent in nlp(TEXT).ents] == ENTITIES


def test_loaded_pipeline_can_be_trained(tiny_pipeline: Path) -> None:
    nlp = spacy.load(tiny_pipeline)
    check_learns(nlp, nlp.resume_training())


def test_resume_training_creates_a_new_optimizer_after_a_run(tiny_pipeline: Path) -> None:
    nlp = spacy.load(tiny_pipeline)
    optimizer = nlp.resume_training()
    for _ in range(1000):
        optimizer.step_schedules()
    assert optimizer.learn_rate == 0.0
    check_learns(nlp, nlp.resume_training())
    assert nlp.resume_training(sgd=optimizer) is optimizer


def test_loaded_pipeline_can_be_trained_without_an_optimizer(tiny_pipeline: Path) -> None:
    check_learns(spacy.load(tiny_pipeline), None)


@pytest.mark.parametrize("in_head", [False, True])
def test_loaded_transformer_can_be_trained(
    tiny_checkpoint: Callable[[str], Path], tmp_path: Path, in_head: bool
) -> None:
    make_pipeline(tiny_checkpoint("bert"), tmp_path, inside_head=in_head)
    nlp = spacy.load(tmp_path, config={"training": {"optimizer": GROUPED}})
    before = nlp.resume_training()
    assert (before.learn_rate, before.encoder_rate) == (0.005, 0.005)
    check_learns(nlp, before)


def test_initialized_pipeline_can_be_trained(tiny_pipeline: Path) -> None:
    fix_random_seed(0)
    nlp = spacy.load(tiny_pipeline)
    example = Example.from_dict(nlp.make_doc(TEXT), {"entities": ENTITIES})
    fresh = spacy.util.load_model_from_config(nlp.config)
    fresh.config["initialize"]["components"] = {}
    fresh.config["initialize"]["after_init"] = None
    check_learns(fresh, fresh.initialize(lambda: [example]))
