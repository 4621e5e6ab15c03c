"""`plan`, `init-config` and `train`, as a person calls them."""

import json
from pathlib import Path

import pytest
import spacy
from spacy.util import load_config

from spacy_zh_tw_ner.planning.presets import preset_names, read_config

from .test_cli import fails, plain, run, succeeds


def test_a_plan_is_a_table_with_a_verdict() -> None:
    said = succeeds("plan", "12gb-base")
    for part in ("weights", "gradients", "optimizer", "activations", "head", "context", "total"):
        assert part in said
    assert "It fits in 12 GiB." in said
    assert "largest batches" in said


def test_what_does_not_fit_is_told_with_what_to_change_and_written(tmp_path: Path) -> None:
    target = tmp_path / "fits.cfg"
    result = run("plan", "12gb-base", "--vram", "3", "--write", target)
    said = plain(result.output)
    assert result.exit_code == 2
    assert "does not fit in 3 GiB" in said
    assert "micro_batch" in said
    assert "batcher: size = 16" in said
    assert "fits in 3 GiB" in succeeds("plan", target, "--vram", "3")


def test_json_is_for_programs() -> None:
    found = json.loads(succeeds("plan", "12gb-large-lora", "--json"))
    assert found["fits"]
    assert found["plan"]["total"] == sum(
        found["plan"][part] for part in ("weights", "gradients", "optimizer", "activations", "head", "context")
    )
    assert set(found["largest"]) == {"64", "128", "256", "512"}


def test_batch_and_length_can_be_tried() -> None:
    small, large = (
        json.loads(succeeds("plan", "12gb-base", "--json", "--batch", n, "--length", "128"))["plan"] for n in ("1", "8")
    )
    assert (small["n_windows"], small["length"]) == (1, 128)
    assert small["total"] < large["total"]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("plan", "12gb-base", "--vram", "0.3"), "ZT605"),
        (("plan", "12gb-bse"), "ZT602"),
        (("plan", "cpu-bilstm"), "ZT604"),
        (("plan", "nowhere/config.cfg"), "ZT602"),
        (("init-config", "out.cfg", "--preset", "4bg"), "ZT602"),
        (("train", "12gb-base", "-o", "out"), "ZT443"),
        (("train", "cpu-bilstm", "-o", "out", "--training.max_stepz", "3"), "ZT601"),
    ],
)
def test_what_is_wrong_is_told(
    arguments: tuple[str, ...], code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert code in fails(*arguments)
    assert not list(tmp_path.iterdir())


@pytest.mark.usefixtures("shallow")
def test_a_card_of_half_a_gigabyte_holds_nothing() -> None:
    result = run("plan", "12gb-7b-qlora", "--vram", "0.5")
    assert result.exit_code == 2
    assert "take a smaller base" in plain(result.output)


@pytest.mark.parametrize("name", preset_names())
def test_init_config_writes_what_spacy_takes(name: str, tmp_path: Path) -> None:
    target = tmp_path / "own.cfg"
    succeeds("init-config", target, "--preset", name, "--labels", "PER,LOC", "--train", "a.spacy")
    config = load_config(target)
    assert config["initialize"]["components"]["ner"]["labels"] == ["PER", "LOC"]
    assert config["paths"]["train"] == "a.spacy"
    nlp = spacy.util.load_model_from_config(config.interpolate(), auto_fill=True)
    assert "ner" in nlp.pipe_names
    assert read_config(target) == config


def test_train_takes_presets_and_overrides(tiny_corpus: Path, tmp_path: Path) -> None:
    paths = [f"--paths.{split}={tiny_corpus / f'{split}.spacy'}" for split in ("train", "dev")]
    steps = ["--training.max_steps", "2", "--training.eval_frequency", "1"]
    said = succeeds("train", "cpu-bilstm", "-o", tmp_path / "out", *paths, *steps)
    assert "Saved" in said
    assert spacy.load(tmp_path / "out" / "model-best").lang == "zh_tw"
    assert (tmp_path / "out" / "checkpoint.safetensors").is_file()
