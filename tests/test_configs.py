"""Every config in configs/ can be filled, initialized and trained."""

from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import spacy
import srsly
from spacy.cli.init_config import fill_config
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training.initialize import init_nlp
from spacy.training.loop import train
from spacy.util import load_config

from spacy_zh_tw_ner.training.progress import read_progress
from spacy_zh_tw_ner.transformer import trimming

ROOT = Path(__file__).parents[1]
# Presets are tested in tests/planning
CONFIGS = [path for path in sorted((ROOT / "configs").glob("*.cfg")) if "[preset]" not in path.read_text("utf-8")]


@pytest.fixture(params=CONFIGS, ids=lambda path: path.stem)
def config(request: pytest.FixtureRequest) -> Path:
    path: Path = request.param
    return path


# The checkpoint that stands for the one that a config names
FAMILIES = {"transformer": "bert", "lora": "bert", "qlora": "qwen2", "curated": "bert", "e5-small": "bert"}


def name_of(config: Path) -> str:
    """Return the name of the recognizer of a config."""
    return "spans" if config.stem == "spans" else "ner"


@pytest.fixture(autouse=True)
def some_characters(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trim to fewer characters, in less time."""
    monkeypatch.setattr(trimming, "RANGES", ((0, 0x250), (0x3000, 0x3010), (0x4E00, 0xA000), (0xFF00, 0x10000)))


@pytest.fixture
def overrides(config: Path, tiny_corpus: Path, tiny_checkpoint: Callable[[str], Path]) -> dict[str, Any]:
    """Overrides that set the corpus and the base model of a config to tiny ones."""
    found: dict[str, Any] = {f"paths.{split}": str(tiny_corpus / f"{split}.spacy") for split in ("train", "dev")}
    if config.stem in FAMILIES:
        found["paths.base"] = base = str(tiny_checkpoint(FAMILIES[config.stem]))
    if config.stem == "curated":
        found |= sizes_of(Path(base))
    return found


def sizes_of(base: Path) -> dict[str, int]:
    """Return the sizes of a checkpoint as settings for spacy-curated-transformers."""
    sizes = srsly.read_json(base / "config.json")
    names = {
        "vocab_size": "vocab_size",
        "hidden_width": "hidden_size",
        "intermediate_width": "intermediate_size",
        "num_attention_heads": "num_attention_heads",
        "num_hidden_layers": "num_hidden_layers",
    }
    return {f"components.transformer.model.{ours}": sizes[theirs] for ours, theirs in names.items()}


def test_the_expected_configs_exist() -> None:
    assert {path.stem for path in CONFIGS} == {"bilstm", "spans", *FAMILIES}


def test_a_config_can_be_filled_without_unknown_settings(config: Path, tmp_path: Path) -> None:
    _, filled = fill_config(tmp_path / "filled.cfg", config, silent=True)
    name = name_of(config)
    assert filled["components"][name]["factory"] == f"zh_tw_crf_{name}"
    assert load_config(tmp_path / "filled.cfg")["training"]["max_steps"] > 0


def test_a_config_begins_with_a_comment_on_its_purpose(config: Path) -> None:
    first = config.read_text(encoding="utf-8").splitlines()[0]
    assert first.startswith("# ")
    assert len(first) > 20


def test_a_config_reads_the_corpus_of_the_project(config: Path) -> None:
    paths = load_config(config)["paths"]
    folder = "corpus/nested" if config.stem == "spans" else "corpus/taiwan"
    assert (paths["train"], paths["dev"]) == (f"{folder}/train.spacy", f"{folder}/dev.spacy")


def test_the_learning_rate_ends_at_max_steps(config: Path) -> None:
    for steps in (7, 5000):
        optimizer = load_config(config, overrides={"training.max_steps": steps}).interpolate()["training"]["optimizer"]
        rates = [value for value in optimizer.values() if isinstance(value, dict)]
        assert rates
        assert {rate["total_steps"] for rate in rates} == {steps}


def test_a_trained_config_can_be_saved_and_loaded(config: Path, overrides: dict[str, Any], tmp_path: Path) -> None:
    steps = {"training.max_steps": 3, "training.eval_frequency": 1}
    nlp = init_nlp(load_config(config, overrides=overrides | steps).interpolate())
    name = name_of(config)
    assert nlp.get_pipe(name).labels == ("GPE", "ORG", "PERSON")  # type: ignore[attr-defined]
    log = StringIO()
    train(nlp, tmp_path, stdout=log, stderr=log)
    assert [report.step for report in read_progress(tmp_path / "progress.jsonl")] == [0, 1, 2, 3]
    for model in ("model-best", "model-last"):
        loaded = spacy.load(tmp_path / model)
        doc = loaded("蔡英文在臺北市。")
        assert (doc.text, loaded.lang) == ("蔡英文在臺北市。", "zh_tw")
        # doc_cleaner must remove the hidden states: an evaluation would otherwise need more memory than training.
        assert getattr(doc._, "trf_data", None) is None
    docs = [nlp.make_doc(text) for text in ("蔡英文在臺北市。", "", "台積電" * 200)]
    again = [loaded.make_doc(doc.text) for doc in docs]
    for pipe in nlp.pipe_names[: nlp.pipe_names.index(name) + 1]:
        docs, again = (list(pipeline.get_pipe(pipe).pipe(part)) for pipeline, part in ((nlp, docs), (loaded, again)))
    for one, two in zip(emissions_of(nlp, name, docs), emissions_of(loaded, name, again), strict=True):
        np.testing.assert_allclose(one, two, atol=1e-5)


def emissions_of(nlp: Language, name: str, docs: list[Doc]) -> list[Any]:
    found: list[Any] = nlp.get_pipe(name).model.predict(docs)  # type: ignore[attr-defined]
    return found


def test_training_twice_gives_the_same_pipeline(tiny_corpus: Path, tmp_path: Path) -> None:
    overrides = {f"paths.{split}": str(tiny_corpus / f"{split}.spacy") for split in ("train", "dev")}
    small = {"training.max_steps": 3, "training.eval_frequency": 3}
    models = []
    for name in ("one", "two"):
        nlp = init_nlp(load_config(ROOT / "configs" / "bilstm.cfg", overrides=overrides | small).interpolate())
        (tmp_path / name).mkdir()
        train(nlp, tmp_path / name, stdout=StringIO(), stderr=StringIO())
        models.append((tmp_path / name / "model-last" / "ner" / "model").read_bytes())
    assert models[0] == models[1]
