"""Each preset trains on a tiny base model of the family that it names."""

from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import spacy
from spacy.training.initialize import init_nlp
from spacy.training.loop import train

from spacy_zh_tw_ner.planning.presets import preset_names, read_config, with_settings
from spacy_zh_tw_ner.training.progress import read_progress
from spacy_zh_tw_ner.transformer import trimming
from tests.tiny import SHRINK

STEPS = 6
LAYERS = "components.transformer.model.memory.freeze_layers"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:Paged optimizers are not supported on CPU"),
    pytest.mark.filterwarnings("ignore:.*torch.jit"),
]


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trim to fewer characters, in less time."""
    monkeypatch.setattr(trimming, "RANGES", ((0, 0x250), (0x3000, 0x3010), (0x4E00, 0xA000), (0xFF00, 0x10000)))


def settings_for(name: str, corpus: Path, checkpoint: Callable[[str], Path]) -> Iterator[tuple[str, Any]]:
    """Yield the settings that make a preset train on the tiny corpus, with a tiny base."""
    for split in ("train", "dev"):
        yield f"paths.{split}", str(corpus / f"{split}.spacy")
    yield "training.max_steps", STEPS
    yield "training.eval_frequency", STEPS // 2
    config = read_config(name).interpolate()
    if "base" not in config["paths"]:
        yield from ((path, value) for path, value in SHRINK.items() if not path.startswith("training."))
        return
    yield "paths.base", str(checkpoint("qwen2" if "Qwen" in config["paths"]["base"] else "bert"))
    if config["components"]["transformer"]["model"]["memory"].get("freeze_layers"):
        yield LAYERS, 1  # of two layers


@pytest.mark.parametrize("name", preset_names())
def test_a_preset_trains_and_its_pipeline_loads(
    name: str, tiny_corpus: Path, tiny_checkpoint: Callable[[str], Path], tmp_path: Path
) -> None:
    config = with_settings(read_config(name), dict(settings_for(name, tiny_corpus, tiny_checkpoint)))
    log = StringIO()
    train(init_nlp(config.interpolate()), tmp_path, stdout=log, stderr=log)
    reports = list(read_progress(tmp_path / "progress.jsonl"))
    assert reports[-1].step == STEPS
    assert 0 < reports[-1].loss < 20
    text = "蔡英文在臺北市。"
    assert spacy.load(tmp_path / "model-last")(text).text == text
