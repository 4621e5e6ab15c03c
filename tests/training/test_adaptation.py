"""Test the adaptation of a base model to single characters: the config, the command, and the base model it writes."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import spacy
from thinc.api import Config

from benchmarks import synthetic
from spacy_zh_tw_ner.errors import PipelineError, SettingError
from spacy_zh_tw_ner.planning.presets import read_config, with_settings
from spacy_zh_tw_ner.training import loop
from spacy_zh_tw_ner.training.adaptation import adaptation_config
from spacy_zh_tw_ner.training.progress import read_progress
from spacy_zh_tw_ner.transformer import trimming
from tests.cli.helpers import fails, run, succeeds
from tests.conftest import Once

STEPS = ["--training.max_steps", "8", "--training.eval_frequency", "4"]


class Stopped(BaseException):
    """Simulates a killed process."""


@pytest.fixture(autouse=True)
def some_characters(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trim vocabularies to fewer characters, which is faster."""
    chars = sorted(set("".join(synthetic.sentences())))
    monkeypatch.setattr(trimming, "RANGES", ((0, 0x250), *((ord(char), ord(char) + 1) for char in chars)))


@pytest.fixture(scope="session")
def base(once: Once) -> Path:
    def fill(folder: Path) -> None:
        synthetic.make_checkpoint(folder, tokenizer=synthetic.unigram(), hidden=16, heads=2)
        (folder / "LICENSE.txt").write_text("MIT", encoding="utf-8")

    return once("adapted", fill)


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    path = tmp_path / "texts.txt"
    path.write_text("\n".join([*synthetic.sentences()][:120]), encoding="utf-8")
    return path


def config_of(name: str, **settings: object) -> Config:
    return with_settings(
        read_config(name), {"paths.train": "t", "paths.dev": "d", **settings}, origin="t"
    ).interpolate()


def test_config_keeps_how_the_encoder_is_trained(tmp_path: Path) -> None:
    whole = config_of("e5-small", **{"paths.base": "somewhere"})
    found = adaptation_config(whole, tmp_path, text_field="body")
    assert found["nlp"]["pipeline"] == ["transformer", "matcher"]
    assert found["components"]["matcher"]["base"] == "somewhere"
    expected = {**whole["components"]["transformer"]["model"], "dropout": 0.0, "save": "full", "save_dtype": None}
    expected["memory"] = {**expected["memory"], "freeze_layers": 0}
    assert found["components"]["transformer"]["model"] == expected
    for setting in ("max_steps", "eval_frequency", "batcher", "optimizer", "max_epochs", "patience"):
        assert found["training"][setting] == whole["training"][setting]
    assert [found["corpora"][name]["split"] for name in ("train", "dev")] == ["train", "dev"]
    assert found["training"]["score_weights"] == {"wordpiece_match": 1.0}
    assert found["corpora"]["train"]["text_field"] == found["corpora"]["dev"]["text_field"] == "body"
    assert whole["nlp"]["pipeline"] == ["transformer", "ner", "doc_cleaner"]  # unchanged


def test_epochs_are_limited_as_in_the_config(tmp_path: Path) -> None:
    for given, expected in ((0, -1), (2, 2)):
        whole = config_of("e5-small", **{"training.max_epochs": given, "training.patience": 300})
        training = adaptation_config(whole, tmp_path)["training"]
        assert (training["max_epochs"], training["patience"]) == (expected, 300)


@pytest.mark.parametrize("setting", ["lora", "quantization"])
def test_settings_that_keep_weights_fixed_are_refused(setting: str, tmp_path: Path) -> None:
    whole = config_of("qlora")
    for other in {"lora", "quantization"} - {setting}:
        whole["components"]["transformer"]["model"][other] = None
    with pytest.raises(SettingError, match=f"ZT297.*`{setting}`"):
        adaptation_config(whole, tmp_path)


def test_a_config_without_a_transformer_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PipelineError, match=r"ZT296.*\(it has: ner\)"):
        adaptation_config(config_of("bilstm"), tmp_path)


def test_command_writes_a_base_model_for_any_config(base: Path, texts: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    printed = succeeds("adapt", texts, output, "--paths.base", base, *STEPS)
    assert "R² on held-out texts: " in printed
    assert f"--paths.base {output / 'base'}" in " ".join(printed.split())
    assert (output / "base" / "LICENSE.txt").read_text(encoding="utf-8") == "MIT"
    scores = [report.score for report in read_progress(output / "progress.jsonl")]
    assert scores[-1] > scores[0]
    adapted = spacy.load(output / "model-last")
    text = "國立臺灣大學位於臺北市大安區。"
    config = config_of("e5-small", **{"paths.base": str(output / "base")})
    nlp = spacy.blank("zh_tw", config={"nlp": {"tokenizer": config["nlp"]["tokenizer"]}})
    transformer = nlp.add_pipe("transformer", config={"model": config["components"]["transformer"]["model"]})
    transformer.model.initialize()  # type: ignore[attr-defined]
    (hidden,) = transformer.model.predict([nlp.make_doc(text)]).tensors  # type: ignore[attr-defined]
    assert np.allclose(np.asarray(hidden), adapted(text).tensor, atol=1e-5)
    first, new = (read_base(folder) for folder in (base, output / "base"))
    assert new.hidden_dropout_prob == first.hidden_dropout_prob > 0.0
    assert new.use_cache == first.use_cache
    assert "ZT684" in fails("adapt", texts, output, "--paths.base", base, *STEPS)
    succeeds("adapt", texts, output, "--paths.base", base, *STEPS, "--force")


def test_a_shallow_model_learns_from_a_deeper_one(base: Path, texts: Path, tmp_path: Path) -> None:
    shallow = synthetic.make_checkpoint(
        tmp_path / "shallow", layers=1, tokenizer=synthetic.unigram(), hidden=16, heads=2
    )
    succeeds("adapt", texts, tmp_path / "out", "--paths.base", shallow, "--teacher", base, *STEPS)
    scores = [report.score for report in read_progress(tmp_path / "out" / "progress.jsonl")]
    assert scores[-1] > scores[0]
    assert read_base(tmp_path / "out" / "base").num_hidden_layers == 1
    matcher = Config().from_disk(tmp_path / "out" / "model-last" / "config.cfg")["components"]["matcher"]
    assert matcher["base"] == str(base)


def test_inputs_and_folders_of_others_are_not_replaced(base: Path, texts: Path, tmp_path: Path) -> None:
    (tmp_path / "out" / "base").mkdir(parents=True)
    (tmp_path / "out" / "base" / "mine.txt").touch()
    assert "ZT671" in fails("adapt", texts, tmp_path / "out", "--paths.base", base, *STEPS, "--force")
    own = tmp_path / "run" / "base"
    succeeds("adapt", texts, own.parent, "--paths.base", base, *STEPS)
    before = (own / "model.safetensors").read_bytes()
    for option in ("--paths.base", "--components.transformer.model.name"):
        assert "ZT673" in fails("adapt", texts, own.parent, option, own, *STEPS, "--force")
        assert "ZT673" in fails("adapt", texts, own.parent, option, own, *STEPS, "--resume")
    assert "ZT673" in fails("adapt", texts, own.parent, "--paths.base", base, "--teacher", own, *STEPS, "--force")
    assert (own / "model.safetensors").read_bytes() == before


def read_base(folder: Path) -> Any:
    from transformers import AutoConfig

    return AutoConfig.from_pretrained(folder)


def test_interrupted_command_continues_with_moved_inputs(
    base: Path, texts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ["--paths.base", base, *STEPS]
    succeeds("adapt", texts, tmp_path / "whole", *arguments)
    original, calls = loop.save_checkpoint, iter(range(100))

    def killed(*args: object) -> None:
        original(*args)  # type: ignore[arg-type]
        if next(calls) == 1:
            raise Stopped

    with monkeypatch.context() as patch:
        patch.setattr(loop, "save_checkpoint", killed)
        with pytest.raises(Stopped):
            run("adapt", texts, tmp_path / "parts", *arguments)
    assert not (tmp_path / "parts" / "base").exists()
    moved = [shutil.move(texts, tmp_path / "moved.txt"), shutil.copytree(base, tmp_path / "moved")]
    succeeds("adapt", moved[0], tmp_path / "parts", "--paths.base", moved[1], *STEPS, "--resume")
    whole, parts = ((tmp_path / name / "base" / "model.safetensors").read_bytes() for name in ("whole", "parts"))
    assert whole == parts
