"""`find-errors` with a pipeline, with folds, and with outputs that must not be replaced."""

import json
from pathlib import Path

import pytest

from tests.tiny import SHRINK

from .helpers import plain, run, succeeds


def test_a_pipeline_judges_a_corpus(tiny_pipeline: Path, tiny_source: Path, tmp_path: Path) -> None:
    arguments = ("find-errors", tiny_source / "train.txt", tmp_path / "out", "--pipeline", tiny_pipeline)
    output = succeeds(*arguments)
    assert "of 8 sentences are probably annotated wrongly" in output
    names = {"errors.json", "errors.html", "label-studio.json", "label-studio.config.xml", "doccano.jsonl"}
    names.add(".zh-tw-ner.json")
    assert {path.name for path in (tmp_path / "out").iterdir()} == names
    again = run(*arguments)
    assert again.exit_code == 1
    assert "ZT670" in plain(again.output)
    succeeds(*arguments, "--force", "--most", "2")
    assert len((tmp_path / "out" / "doccano.jsonl").read_text(encoding="utf-8").splitlines()) == 2


def test_unknown_labels_are_reported(tiny_pipeline: Path, tmp_path: Path) -> None:
    (tmp_path / "corpus.txt").write_text("[晶片](PRODUCT)很貴\n[台積電](ORG)\n", encoding="utf-8")
    output = succeeds("find-errors", tmp_path / "corpus.txt", tmp_path / "out", "--pipeline", tiny_pipeline)
    assert "PRODUCT (1)" in output


def test_a_corpus_without_entities_and_too_many_folds_are_reported(tiny_source: Path, tmp_path: Path) -> None:
    (tmp_path / "plain.jsonl").write_text('{"text": "我們去吃飯吧！", "entities": []}\n', encoding="utf-8")
    failed = run("find-errors", tmp_path / "plain.jsonl", tmp_path / "out")
    assert "ZT756" in plain(failed.output)
    failed = run("find-errors", tiny_source / "train.txt", tmp_path / "out", "--folds", "9")
    assert "ZT757" in plain(failed.output)
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_folds_are_trained_next_to_the_output(tiny_source: Path, tmp_path: Path) -> None:
    few = SHRINK | {"training.max_steps": 3, "training.eval_frequency": 3}
    settings = [part for name, value in few.items() for part in (f"--{name}", json.dumps(value))]
    arguments = ("find-errors", tiny_source / "train.txt", tmp_path / "out", "--folds", "2", *settings)
    assert "Pipeline 2 of 2" in succeeds(*arguments)
    assert (tmp_path / "out-folds" / "fold-2" / "seed-0" / "model-last" / "config.cfg").is_file()
    data = json.loads((tmp_path / "out" / "errors.json").read_text(encoding="utf-8"))
    assert (data["folds"], data["seeds"], data["sentences"]) == (2, 1, 8)
    assert "is finished" in succeeds(*arguments, "--force")
