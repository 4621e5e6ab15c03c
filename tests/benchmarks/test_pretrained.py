"""The benchmark of pre-trained encoders: its settings, and runs of three steps with a tiny checkpoint."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import spacy

from benchmarks import plain_loop, pretrained, taggers
from benchmarks.adapted import adapted_base
from benchmarks.corpora import TAIWAN, write_records
from benchmarks.synthetic import make_checkpoint
from spacy_zh_tw_ner.corpora.annotation_checks import Tally
from spacy_zh_tw_ner.corpora.convert import ConvertSettings, read_records
from spacy_zh_tw_ner.planning.presets import read_config, with_settings
from spacy_zh_tw_ner.planning.recipe import read_recipe
from tests.tiny import TINY

STEPS = ["--training.max_steps", "3", "--training.eval_frequency", "2"]


@pytest.mark.parametrize("name", pretrained.RUNS)
def test_the_settings_of_a_run_are_settings_of_the_config(name: str) -> None:
    recipe = read_recipe(with_settings(read_config("e5-small"), pretrained.RUNS[name].settings))
    segments = pretrained.RUNS[name].tagger in ("characters", "marked", "segmented")
    assert recipe.settings.trim == (not segments)  # their own wordpieces need the whole vocabulary
    assert (recipe.settings.lora is not None) == ("lora" in name)
    assert (recipe.settings.quantization is not None) == ("qlora" in name)
    if recipe.settings.lora is not None:
        assert (recipe.settings.lora.r, recipe.settings.lora.target_modules) == (32, "all-linear")


def test_a_tag_without_its_beginning_begins_an_entity() -> None:
    doc = spacy.blank("zh_tw")("蔡英文總統在臺北")
    tags = [("I", "PER"), ("I", "PER"), ("B", "PER"), ("O", ""), ("O", ""), ("I", "PER"), ("I", "LOC"), ("I", "LOC")]
    found = [(span.text, span.label_) for span in taggers.spans(doc, tags)]
    assert found == [("蔡英", "PER"), ("文", "PER"), ("在", "PER"), ("臺北", "LOC")]
    assert not taggers.spans(doc, [("O", "")] * 8)


def test_a_base_model_is_adapted_once_for_all_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commands: list[list[str]] = []

    def adapt(command: list[str], **_: object) -> None:
        commands.append(command)
        (tmp_path / "adapted" / "base").mkdir()

    monkeypatch.setattr(subprocess, "run", adapt)
    (tmp_path / "texts.txt").touch()
    for _ in range(2):
        assert adapted_base(tmp_path / "e5", tmp_path / "adapted", tmp_path) == tmp_path / "adapted" / "base"
    (command,) = commands
    assert command[4:7] == ["adapt", str(tmp_path / "texts.txt"), str(tmp_path / "adapted")]
    assert command[command.index("--paths.base") + 1] == str(tmp_path / "e5")
    assert "--teacher" not in command
    with pytest.raises(SystemExit, match="other settings"):
        adapted_base(tmp_path / "another", tmp_path / "adapted", tmp_path)


@pytest.mark.slow
def test_a_finished_run_is_not_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    base = make_checkpoint(tmp_path / "base")
    corpus = tmp_path / "work" / "taiwan"
    corpus.mkdir(parents=True)
    (tmp_path / "tiny.txt").write_text(TINY, encoding="utf-8")
    records = list(read_records([tmp_path / "tiny.txt"], ConvertSettings(), Tally()))
    for split in ("train", "dev", "test"):
        write_records(corpus / f"{split}.spacy", records)

    def call(*options: str, runs: tuple[str, ...] = ("taiwan-all",)) -> str:
        places = ["--base", str(base), "--work", str(tmp_path / "work")]
        monkeypatch.setattr(sys, "argv", ["pretrained", *places, "--run", *runs, *options])
        pretrained.main()
        return capsys.readouterr().out

    shown = call(*STEPS)
    folder = tmp_path / "work" / "taiwan-all-0"
    result = json.loads((folder / "result.json").read_text())
    assert result["seconds_per_step"] > 0
    assert result["peak_mib"] > 100
    assert not (folder / "checkpoint.safetensors").exists()
    for cell in ("as trained", "int8", "bf16", "ONNX int8", "4 bits (NF4)", "variants swapped", "Simplified"):
        assert f"| taiwan-all | {cell} |" in shown
    assert "| run | temperature |" in shown

    def fail(*args: object, **kwargs: object) -> None:
        raise AssertionError(args)

    with monkeypatch.context() as patch:
        patch.setattr(subprocess, "run", fail)
        patch.setattr(pretrained, "precisions", fail)
        assert call(*STEPS).splitlines()[-20:] == shown.splitlines()[-20:]
        with pytest.raises(SystemExit, match="--work"):
            call("--training.max_steps", "4")

    with pytest.raises(SystemExit):
        call(*STEPS, "--ensemble", runs=("taiwan-all", "uner-all"))
    assert "needs runs on one corpus" in capsys.readouterr().err
    runs = pretrained.RUNS | {"taiwan-again": pretrained.Run(TAIWAN, {}, encoder_of="taiwan-all")}
    monkeypatch.setattr(pretrained, "RUNS", runs)
    shown = call(*STEPS, "--ensemble", "--no-costs", runs=("taiwan-all", "taiwan-again"))
    assert "| taiwan-all, taiwan-again | ensemble of 2 |" in shown
    again = (tmp_path / "work" / "taiwan-again-0" / "config.cfg").read_text(encoding="utf-8")
    assert f'source = "{(folder / "model-last").resolve()}"' in again

    for tagger in ("softmax", "prefixes"):
        monkeypatch.setattr(sys, "argv", ["plain_loop", tagger, str(folder / "config.cfg"), str(corpus), str(tmp_path)])
        plain_loop.main()
        found = json.loads((tmp_path / plain_loop.RESULT).read_text())
        assert found.keys() == {"dev", "test", "seconds_per_step", "peak_mib"}
