"""TensorBoard logger, and the configs of docs/experiment-tracking.md."""

import re
import sys
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from spacy.util import registry
from thinc.api import Config

from spacy_zh_tw_ner.errors import MissingExtraError, OutputError
from spacy_zh_tw_ner.extras import is_installed
from spacy_zh_tw_ner.training.loop import train
from spacy_zh_tw_ner.training.tensorboard import create_tensorboard_logger_v1, scalars_of
from tests.tiny import ROOT

from .runs import LOGGER, start

PAGE = (ROOT / "docs" / "experiment-tracking.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```ini\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
INFO: dict[str, Any] = {
    "step": 20,
    "score": 0.5,
    "losses": {"ner": 12.0},
    "other_scores": {"ents_f": 0.5, "ents_per_type": {"GPE": {"p": 1.0, "r": 0.5, "f": 0.66}}, "speed": 9},
}


@pytest.fixture(autouse=True)
def _registered(monkeypatch: pytest.MonkeyPatch) -> None:
    name = "spacy-zh-tw-ner.tensorboard_logger.v1"
    if name not in registry.loggers:
        registry.loggers.register(name, func=create_tensorboard_logger_v1)


@pytest.mark.parametrize("block", BLOCKS, ids=["tensorboard", "wandb", "mlflow"])
def test_the_blocks_of_the_page_are_valid(block: str) -> None:
    """`fill` checks the names and arguments of all functions, without calling them."""
    logger = Config().from_str(block)["training"]["logger"]
    assert logger["logger1"] == LOGGER
    filled = registry.fill({"logger": logger})["logger"]
    assert set(logger["logger2"]) <= set(filled["logger2"])


def test_a_wrong_setting_in_a_block_is_found() -> None:
    logger = Config().from_str(BLOCKS[1])["training"]["logger"]
    logger["logger2"]["projekt"] = "x"
    with pytest.raises(ValueError, match="projekt"):
        registry.fill({"logger": logger})


def test_scores_and_losses_are_logged() -> None:
    assert dict(scalars_of(INFO)) == {"score": 0.5, "ents_f": 0.5, "speed": 9, "ents_f/GPE": 0.66, "loss/ner": 12.0}
    spans = {"spans_sc_f": 0.5, "spans_sc_per_type": {"GPE": {"p": 1.0, "r": 0.5, "f": 0.66}}}
    found = dict(scalars_of(INFO | {"other_scores": spans}))
    assert found == {"score": 0.5, "spans_sc_f": 0.5, "spans_sc_f/GPE": 0.66, "loss/ner": 12.0}
    assert dict(scalars_of(INFO | {"other_scores": {"ents_per_type": None}})) == {"score": 0.5, "loss/ner": 12.0}


def test_without_tensorboard_the_extra_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    with pytest.raises(MissingExtraError, match="tracking"):
        create_tensorboard_logger_v1(tmp_path)


@pytest.mark.skipif(not is_installed("tensorboard"), reason="the extra `tracking` is not installed")
def test_a_file_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="ZT671"):
        create_tensorboard_logger_v1(tmp_path / "file")


@pytest.mark.slow
@pytest.mark.skipif(not is_installed("tensorboard"), reason="the extra `tracking` is not installed")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of TensorBoard
def test_ten_steps_are_logged_to_both_loggers(tiny_corpus: Path, tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    logger = Config().from_str(BLOCKS[0])["training"]["logger"]
    logger["logger2"]["path"] = str(tmp_path / "events")
    nlp = start(tiny_corpus, logger, **{"training.max_steps": 10, "training.eval_frequency": 5})
    train(nlp, tmp_path / "run", stdout=StringIO(), stderr=StringIO())
    events = EventAccumulator(str(tmp_path / "events"))
    events.Reload()
    assert {"score", "ents_f", "loss/ner"} <= set(events.Tags()["scalars"])
    assert [event.step for event in events.Scalars("ents_f")] == [0, 5, 10]
    assert len((tmp_path / "run" / "progress.jsonl").read_text().splitlines()) == 3
