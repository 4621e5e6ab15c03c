"""The benchmark of distillation: what it trains, in which order, and a folder with other settings."""

import subprocess
from pathlib import Path
from typing import Any

import pytest

from benchmarks import distilled
from benchmarks.corpora import NEWS, UNER


def test_a_student_is_trained_on_news_first_and_only_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[list[str]] = []

    def run(command: list[str], **_: Any) -> None:
        calls.append(command)

    monkeypatch.setattr(subprocess, "run", run)
    for corpus in (NEWS, UNER):
        (tmp_path / corpus.folder).mkdir()
    (tmp_path / "texts.txt").touch()
    teacher = tmp_path / "teacher"
    for _ in range(2):
        alone = distilled.trained("BiLSTM", None, tmp_path, tmp_path)
        taught = distilled.trained("BiLSTM", teacher, tmp_path, tmp_path)
    assert (alone, taught) == (tmp_path / "bilstm-alone" / "model-last", tmp_path / "bilstm-distilled" / "model-last")
    assert [command[4] for command in calls] == ["train", "train", "distill"]
    first, *others = (tmp_path / f"bilstm-{name}" / "config.cfg" for name in ("first", "alone", "distilled"))
    assert f"{tmp_path / NEWS.folder / 'train.spacy'}" in first.read_text(encoding="utf-8")
    for config in others:
        assert f"{tmp_path / 'bilstm-first' / 'model-last'}" in config.read_text(encoding="utf-8")
    first.write_text("other settings", encoding="utf-8")
    with pytest.raises(SystemExit, match="other settings"):
        distilled.trained("BiLSTM", None, tmp_path, tmp_path)
