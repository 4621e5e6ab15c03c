"""Settings, stored results and files of the runs of a learning curve."""

import json
import shutil
from dataclasses import asdict
from pathlib import Path

import pytest
from thinc.api import Config

from spacy_zh_tw_ner.errors import OutputError, SettingError, UnreadableFileError, UsageError
from spacy_zh_tw_ner.learning_curve.runs import (
    CurveCorpora,
    CurveFolder,
    RunResult,
    find_corpora,
    remove_weights,
    run_config,
)
from spacy_zh_tw_ner.learning_curve.subsets import Subset
from spacy_zh_tw_ner.planning.presets import preset_names, read_config

from .corpora import make_corpus, result


def test_files_are_found_in_the_folder_or_given(tmp_path: Path) -> None:
    corpus, other = make_corpus(tmp_path / "corpus"), tmp_path / "other.spacy"
    train, dev, test = (corpus / f"{split}.spacy" for split in ("train", "dev", "test"))
    assert find_corpora(corpus, None, None) == CurveCorpora(train, dev, test)
    assert find_corpora(corpus, other, None) == CurveCorpora(train, other, test)
    assert find_corpora(train, dev, None) == CurveCorpora(train, dev, dev)
    assert find_corpora(train, dev, other) == CurveCorpora(train, dev, other)
    test.unlink()
    assert find_corpora(corpus, None, None) == CurveCorpora(train, dev, dev)
    with pytest.raises(UsageError, match=r"ZT826.*--dev"):
        find_corpora(train, None, other)


def test_a_result_survives_json() -> None:
    one = result(25.0, 1, right=6)
    found = RunResult.from_json(json.loads(json.dumps(asdict(one))))
    assert found == one
    assert found.f == pytest.approx(60.0)
    assert found.table().counts.sum(axis=0).tolist() == [[120, 80, 80]]


@pytest.mark.parametrize(
    "change",
    [
        {"counts": [[99, "GPE", 1, 0, 0]]},
        {"counts": [[0, "GPE", -1, 0, 0]]},
        {"counts": [[0, 7, 1, 0, 0]]},
        {"counts": "none"},
        {"documents": 0},
        {"documents": 2**31 - 1},  # an array of 50 GB
        {"steps": None},
        {"percent": "10"},
        {"extra": 1},
        {"warnings": 5},
        {"warnings": [5]},
    ],
)
def test_a_damaged_result_is_an_error(change: dict[str, object]) -> None:
    with pytest.raises(UnreadableFileError, match="must be"):
        RunResult.from_json(json.loads(json.dumps(asdict(result(25.0, 1, right=6)))) | change)


@pytest.mark.parametrize("name", ["bilstm", "transformer", "curated", *preset_names()])
def test_every_config_of_the_package_can_be_used(name: str) -> None:
    subset = Subset(25.0, 3, (0, 1))
    config = run_config(read_config(name), subset, Path("a.spacy"), Path("b.spacy"))
    assert config["corpora"]["train"]["path"] == "a.spacy"
    assert config["corpora"]["dev"]["path"] == "b.spacy"
    assert config["training"]["seed"] == 3
    assert config["training"]["max_steps"] == read_config(name).interpolate()["training"]["max_steps"]


def test_a_config_that_ignores_the_paths_is_an_error() -> None:
    config = read_config("bilstm")
    config["corpora"]["train"]["path"] = "fixed.spacy"
    with pytest.raises(SettingError, match=r"ZT825.*refer to paths\.train,"):
        run_config(config, Subset(25.0, 3, (0,)), Path("a.spacy"), Path("b.spacy"))


def folder_of(path: Path, config: Config, corpus: Path) -> CurveFolder:
    path.mkdir(exist_ok=True)
    return CurveFolder(path, config, find_corpora(corpus, None, None))


def test_runs_of_another_curve_are_kept_without_force(tmp_path: Path) -> None:
    corpus, out = make_corpus(tmp_path / "corpus"), tmp_path / "out"
    config = read_config("bilstm")
    folder_of(out, config, corpus).claim(force=False)
    stored = out / "runs" / "25-seed0.json"
    stored.write_text(json.dumps(asdict(result(25.0, 0, right=6))))
    folder_of(out, config, corpus).claim(force=False)  # the same curve continues
    longer = config.copy()
    longer["training"]["max_steps"] = 9
    (corpus / "dev.spacy").write_bytes((corpus / "test.spacy").read_bytes())
    with pytest.raises(OutputError, match=r"ZT823.*another dev; .*max_steps: 1500 → 9"):
        folder_of(out, longer, corpus).claim(force=False)
    assert stored.is_file()
    folder_of(out, longer, corpus).claim(force=True)
    assert not stored.exists()
    folder_of(out, longer, corpus).claim(force=False)


def test_remains_of_a_killed_command_are_no_obstacle(tmp_path: Path) -> None:
    corpus, out = make_corpus(tmp_path / "corpus"), tmp_path / "out"
    folder_of(out, read_config("bilstm"), corpus).claim(force=False)
    for n_steps in (8, 9):
        config = read_config("bilstm")
        config["training"]["max_steps"] = n_steps
        (out / "runs" / ".25-seed0.json.part").write_text("{")  # of a write that was interrupted
        folder_of(out, config, corpus).claim(force=True)
        shutil.rmtree(out / "runs")  # killed before the folder was created
        folder_of(out, config, corpus).claim(force=True)


def test_a_folder_of_others_is_left_alone(tmp_path: Path) -> None:
    corpus = make_corpus(tmp_path / "corpus")
    with pytest.raises(OutputError, match="ZT824"):
        folder_of(corpus, read_config("bilstm"), corpus).claim(force=True)
    assert sorted(path.name for path in corpus.iterdir()) == ["dev.spacy", "test.spacy", "train.spacy"]


def test_damaged_settings_are_an_error(tmp_path: Path) -> None:
    corpus, out = make_corpus(tmp_path / "corpus"), tmp_path / "out"
    out.mkdir()
    for text in ("{", "[]", '{"format": 2}', '{"format": 1, "config": 3}'):
        (out / "settings.json").write_text(text)
        with pytest.raises(UnreadableFileError, match=r"settings\.json"):
            folder_of(out, read_config("bilstm"), corpus).claim(force=False)


def test_only_files_of_this_package_are_removed(tmp_path: Path) -> None:
    for name in ("model-best", "model-last"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "mine.txt").touch()
    (tmp_path / "model-last" / ".zh-tw-ner.json").touch()
    for name in ("progress.jsonl", "train.spacy", "checkpoint.safetensors"):
        (tmp_path / name).touch()
    remove_weights(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model-best", "progress.jsonl"]
