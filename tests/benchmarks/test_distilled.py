"""The benchmark of distillation: what it trains, in which order, and a folder with other settings."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from benchmarks import distilled
from benchmarks.corpora import NEWS, UNER
from spacy_zh_tw_ner.training.distillation import TEACHER
from spacy_zh_tw_ner.training.teacher_posteriors import MANIFEST


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


def test_the_teacher_predicts_only_once_for_all_students(tmp_path: Path) -> None:
    parts = [tmp_path / f"{name}-distilled" / TEACHER for name in ("one", "other", "third")]
    for part, n_chunks in zip(parts, (0, 2), strict=False):  # those of the first are not complete
        part.mkdir(parents=True)
        (part / MANIFEST).write_text(json.dumps({"n_chunks": n_chunks}), encoding="utf-8")
        (part / "00000.safetensors").write_text(f"{n_chunks} chunks", encoding="utf-8")
    parts[2].parent.mkdir()
    for part in parts:
        distilled.copy_posteriors(part, tmp_path)
    found = [(part / "00000.safetensors").read_text(encoding="utf-8") for part in parts]
    assert found == ["0 chunks", "2 chunks", "2 chunks"]
    assert [path.name for path in parts[2].parent.iterdir()] == [TEACHER]
