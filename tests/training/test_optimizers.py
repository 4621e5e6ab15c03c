from itertools import islice
from typing import Any

import pytest
from thinc.schedules import warmup_linear

from spacy_zh_tw_ner.errors import TrainingError
from spacy_zh_tw_ner.planning.presets import preset_names, read_config, with_settings
from spacy_zh_tw_ner.training.optimizers import create_linear_v1
from spacy_zh_tw_ner.training.run_checks import long_warm_ups

WHOLE = ["bilstm", "transformer", "lora", "qlora", "curated"]


@pytest.mark.parametrize(("rate", "warmup", "total"), [(0.003, 150, 1500), (0.00003, 200, 4000), (1.0, 0, 10)])
def test_linear_has_the_rates_of_thinc_in_a_long_run(rate: float, warmup: int, total: int) -> None:
    expected = list(islice(warmup_linear(rate, warmup, total), total + 9))
    assert list(islice(create_linear_v1(rate, warmup, total), total + 9)) == expected


@pytest.mark.parametrize("total", [7, 30, 60, 1499])
def test_linear_has_a_short_warm_up_in_a_short_run(total: int) -> None:
    rates = list(islice(create_linear_v1(1.0, 150, total), total + 2))
    assert max(rates) == rates[int(total * 0.1)] == 1.0
    assert rates[total:] == [0.0, 0.0]
    assert sum(rates) == pytest.approx(total / 2, rel=0.2)


def test_the_warm_up_share_can_be_set() -> None:
    rates = list(islice(create_linear_v1(1.0, 150, 40, warmup_share=0.5), 41))
    assert rates.index(1.0) == 20


def test_linear_without_total_steps_keeps_its_rate_after_the_warm_up() -> None:
    rates = list(islice(create_linear_v1(1.0, 4, 0), 1000))
    assert rates[:6] == [0.0, 0.25, 0.5, 0.75, 1.0, 1.0]
    assert set(rates[4:]) == {1.0}


def test_a_negative_number_of_steps_is_refused() -> None:
    with pytest.raises(TrainingError, match=r"\[ZT447\] .*training\.max_steps"):
        create_linear_v1(1.0, 150, -5)


@pytest.mark.parametrize("name", [*WHOLE, *preset_names()])
def test_warm_up_follows_max_steps_in_every_config(name: str) -> None:
    config = with_settings(read_config(name), {"training.max_steps": 60}).interpolate()
    blocks = [block for block in config["training"]["optimizer"].values() if isinstance(block, dict)]
    assert blocks
    for block in blocks:
        settings = {key: value for key, value in block.items() if key != "@schedules"}
        assert block["@schedules"] == "spacy-zh-tw-ner.linear.v1"
        assert list(islice(create_linear_v1(**settings), 61)).index(block["initial_rate"]) == 6
    assert long_warm_ups(config) == []


@pytest.mark.parametrize(("max_steps", "warns"), [(60, True), (150, True), (151, False), (0, False)])
def test_a_warm_up_longer_than_the_run_is_reported(max_steps: int, warns: bool) -> None:
    schedule = {"@schedules": "warmup_linear.v1", "initial_rate": 0.1, "warmup_steps": 150, "total_steps": 20_000}
    config: dict[str, Any] = {"training": {"max_steps": max_steps, "optimizer": {"learn_rate": schedule}}}
    found = long_warm_ups(config)
    assert len(found) == warns
    if warns:
        assert found[0].startswith("[ZT925] training.optimizer.learn_rate warms up for 150 steps")
        assert f"max_steps is {max_steps}" in found[0]
        assert "${training.max_steps}" in found[0]
