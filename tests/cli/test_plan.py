"""`plan`, `init-config` and `train` as commands."""

import json
import shlex
from pathlib import Path

import pytest
import spacy
import typer
from spacy.util import load_config
from typer.testing import CliRunner

from spacy_zh_tw_ner.cli import zh_tw_ner_cli
from spacy_zh_tw_ner.planning.presets import preset_names, preset_notes, read_config

from .helpers import fails, misused, plain, run, succeeds


def test_a_plan_is_a_table_with_a_verdict() -> None:
    said = succeeds("plan", "12gb-base")
    for part in ("weights", "gradients", "optimizer", "activations", "head", "context", "total"):
        assert part in said
    assert "It fits in 12 GiB." in said
    assert "largest batches" in said


def test_a_config_that_does_not_fit_is_changed_and_written(tmp_path: Path) -> None:
    target = tmp_path / "fits.cfg"
    result = run("plan", "12gb-base", "--vram", "3", "--write", target)
    said = plain(result.output)
    assert result.exit_code == 2
    assert "does not fit in 3 GiB" in said
    assert "micro_batch" in said
    assert "batcher: size = 16" in said
    assert "fits in 3 GiB" in succeeds("plan", target, "--vram", "3")


def test_plan_prints_json() -> None:
    found = json.loads(succeeds("plan", "12gb-large-lora", "--json"))
    assert found["fits"]
    assert found["plan"]["total"] == sum(
        found["plan"][part] for part in ("weights", "gradients", "optimizer", "activations", "head", "context")
    )
    assert set(found["largest"]) == {"64", "128", "256", "512"}


def test_batch_and_length_can_be_set() -> None:
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
    ],
)
def test_invalid_configs_and_presets_are_errors(
    arguments: tuple[str, ...], code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert code in fails(*arguments)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("init-config", "out.cfg"), "ZT445"),
        (("train", "cpu-bilstm", "-o", "out", "--training.max_stepz", "3"), "ZT601"),
        (("convert", "all.jsonl", "out", "--split", "8/1/1"), "ZT245"),
        (("convert", "all.jsonl", "out", "--script", "zh-tw"), "ZT004"),
    ],
)
def test_invalid_option_values_exit_with_2(
    arguments: tuple[str, ...], code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "all.jsonl"
    source.write_text('{"text": "王大明來了。", "label": [[0, 3, "PERSON"]]}\n', encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert code in misused(*arguments)
    assert list(tmp_path.iterdir()) == [source]


@pytest.mark.usefixtures("shallow")
def test_a_gpu_with_half_a_gibibyte_is_too_small() -> None:
    result = run("plan", "12gb-7b-qlora", "--vram", "0.5")
    assert result.exit_code == 2
    assert "choose a smaller base model" in plain(result.output)


@pytest.mark.parametrize("name", preset_names())
def test_init_config_writes_configs_that_spacy_loads(name: str, tmp_path: Path) -> None:
    target = tmp_path / "own.cfg"
    succeeds("init-config", target, "--preset", name, "--labels", "PER,LOC", "--train", "a.spacy")
    config = load_config(target)
    assert config["initialize"]["components"]["ner"]["labels"] == ["PER", "LOC"]
    assert config["paths"]["train"] == "a.spacy"
    nlp = spacy.util.load_model_from_config(config.interpolate(), auto_fill=True)
    assert "ner" in nlp.pipe_names
    assert read_config(target) == config


def suggested(said: str) -> list[list[str]]:
    """Return the suggested commands in an output, without `python -m spacy zh-tw-ner`."""
    return [shlex.split(line)[4:] for line in said.splitlines() if line.startswith("python -m spacy zh-tw-ner ")]


@pytest.mark.parametrize("name", preset_names())
def test_init_config_suggests_commands_that_fit_its_preset(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    commands = suggested(succeeds("init-config", "my own.cfg", "--preset", name, "--corpus", "corpus/mine"))
    on_gpu = name != "cpu-bilstm"
    assert [command[0] for command in commands] == (["plan", "train"] if on_gpu else ["train"])
    group = typer.main.get_command(zh_tw_ner_cli)
    for first, *others in commands:
        context = group.commands[first].make_context(first, others)  # type: ignore[attr-defined]
        assert (context.params["config"], context.args) == ("my own.cfg", [])
    assert context.params["output"] == Path("training/mine")
    assert context.params["gpu_id"] == (0 if on_gpu else -1)
    if on_gpu:
        vram = group.commands["plan"].make_context("plan", commands[0][1:]).params["vram"]  # type: ignore[attr-defined]
        assert vram == float(preset_notes(name)["vram"])


def test_the_suggested_training_command_works(
    tiny_corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    said = succeeds("init-config", "my own.cfg", "--preset", "cpu-bilstm", "--corpus", tiny_corpus)
    assert "ZT955" not in said
    (command,) = suggested(said)
    succeeds(*command, "--training.max_steps", "1", "--training.eval_frequency", "1")
    assert spacy.load(tmp_path / "training" / tiny_corpus.name / "model-last").lang == "zh_tw"


def test_init_config_asks_for_the_corpus_on_a_terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spacy_zh_tw_ner.cli.init_config._is_terminal", lambda: True)
    command = ["init-config", str(tmp_path / "own.cfg"), "--preset", "cpu-bilstm"]
    for typed, expected in (("corpus/mine\n", "corpus/mine"), ("\n", "corpus/taiwan")):
        result = CliRunner().invoke(zh_tw_ner_cli, [*command, "--force"], input=typed)
        assert result.exit_code == 0, result.output
        assert "[ZT955]" in result.output
        paths = load_config(tmp_path / "own.cfg")["paths"]
        assert (paths["train"], paths["dev"]) == (f"{expected}/train.spacy", f"{expected}/dev.spacy")


def test_an_existing_config_is_replaced_with_force_only(tmp_path: Path) -> None:
    config = tmp_path / "own.cfg"
    succeeds("init-config", config, "--preset", "4gb")
    config.write_text("[mine]")
    assert "[ZT670]" in fails("init-config", config, "--preset", "4gb")
    assert "[ZT670]" in fails("plan", "4gb", "--write", config)
    assert config.read_text() == "[mine]"
    succeeds("init-config", config, "--preset", "4gb", "-F")
    assert config.read_text() != "[mine]"


def test_train_replaces_a_run_with_force_only(tiny_corpus: Path, tmp_path: Path) -> None:
    paths = [f"--paths.{split}={tiny_corpus / f'{split}.spacy'}" for split in ("train", "dev")]
    command = ("train", "cpu-bilstm", "-o", tmp_path, *paths, "--training.max_steps", "1")
    succeeds(*command)
    assert "[ZT684]" in fails(*command)
    assert run(*command, "--resume", "--force").exit_code == 2
    assert "Skipping trained batches" not in succeeds(*command, "--resume")  # no progress bar without a terminal
    (tmp_path / "model-best" / "notes.txt").write_text("mine")
    assert "notes.txt" in fails(*command, "--force")
    (tmp_path / "model-best" / "notes.txt").unlink()
    start = f"--paths.start_from={tmp_path / 'model-best'}"
    assert "[ZT673]" in fails(*command, "--force", start)
    succeeds(*command, "--force")
    (tmp_path / "checkpoint.safetensors").unlink()
    for path in tmp_path.rglob(".zh-tw-ner.json"):
        path.unlink()  # like a folder of spaCy's own `train`
    assert "[ZT731]" in fails(*command, "--resume")


def test_train_takes_presets_and_overrides(tiny_corpus: Path, tmp_path: Path) -> None:
    paths = [f"--paths.{split}={tiny_corpus / f'{split}.spacy'}" for split in ("train", "dev")]
    steps = ["--training.max_steps", "2", "--training.eval_frequency", "1"]
    said = succeeds("train", "cpu-bilstm", "-o", tmp_path / "out", *paths, *steps)
    assert "Saved" in said
    assert spacy.load(tmp_path / "out" / "model-best").lang == "zh_tw"
    assert (tmp_path / "out" / "checkpoint.safetensors").is_file()


def test_train_warns_of_a_warm_up_longer_than_the_run(tiny_corpus: Path, tmp_path: Path) -> None:
    config = read_config("bilstm").to_str(interpolate=False)
    (tmp_path / "old.cfg").write_text(config.replace("spacy-zh-tw-ner.linear.v1", "warmup_linear.v1"), encoding="utf-8")
    options = [f"--paths.{split}={tiny_corpus / f'{split}.spacy'}" for split in ("train", "dev")]
    options += ["--training.max_steps=1", "--training.eval_frequency=1"]
    said = " ".join(succeeds("train", tmp_path / "old.cfg", "-o", tmp_path / "old", *options).split())
    assert "[ZT925] training.optimizer.learn_rate warms up for 150 steps, but training.max_steps is 1" in said
    assert "ZT925" not in succeeds("train", "bilstm", "-o", tmp_path / "new", *options)


def test_a_negative_number_of_steps_is_an_error(tiny_corpus: Path, tmp_path: Path) -> None:
    options = [f"--paths.{split}={tiny_corpus / f'{split}.spacy'}" for split in ("train", "dev")]
    result = run("train", "bilstm", "-o", tmp_path / "out", *options, "--training.max_steps=-1")
    assert result.exit_code == 1
    assert not (tmp_path / "out").exists()


def test_init_config_never_writes_into_its_source(tiny_pipeline: Path) -> None:
    before = (tiny_pipeline / "config.cfg").read_bytes()
    for name in ("config.cfg", "new.cfg"):
        said = fails("init-config", tiny_pipeline / name, "--source", tiny_pipeline, "--force")
        assert "[ZT673]" in said
    assert (tiny_pipeline / "config.cfg").read_bytes() == before
    assert not (tiny_pipeline / "new.cfg").exists()
