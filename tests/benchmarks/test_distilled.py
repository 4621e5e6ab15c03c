"""The benchmark of distillation: what it trains, in which order, and a folder with other settings."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from thinc.api import Config

from benchmarks import distilled
from benchmarks.corpora import NEWS, UNER
from benchmarks.pretrained import CONFIG
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


def test_a_teacher_predicts_only_once_for_all_its_students(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"  # two teachers

    def student(name: str, teacher: Path, n_chunks: int | None = None) -> Path:
        folder = tmp_path / name / TEACHER
        folder.parent.mkdir()
        Config({"paths": {distilled.TAUGHT_BY: str(teacher)}}).to_disk(folder.parent / CONFIG)
        if n_chunks is not None:
            folder.mkdir()
            (folder / MANIFEST).write_text(json.dumps({"n_chunks": n_chunks}), encoding="utf-8")
        return folder

    incomplete, complete = student("a", one, 0), student("b", one, 2)
    for folder, teacher in ((student("c", one), one), (student("d", other), other), (incomplete, one)):
        distilled.copy_posteriors(folder, tmp_path, teacher)
    assert (tmp_path / "c" / TEACHER / MANIFEST).read_bytes() == (complete / MANIFEST).read_bytes()
    assert sorted(path.name for path in (tmp_path / "c").iterdir()) == [CONFIG, TEACHER]
    assert not (tmp_path / "d" / TEACHER).exists()
    assert json.loads((incomplete / MANIFEST).read_text(encoding="utf-8")) == {"n_chunks": 0}


def test_a_student_with_layers_of_the_base_model_sees_no_news(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commands: list[list[str]] = []
    monkeypatch.setattr(subprocess, "run", lambda command, **_: commands.append(command))
    monkeypatch.setattr(distilled, "shallow_base", lambda base, work: work / "shallow")
    (tmp_path / UNER.folder).mkdir()
    (tmp_path / "texts.txt").touch()
    pipeline = distilled.trained("4 layers", tmp_path / "teacher", tmp_path, tmp_path)
    assert [command[4] for command in commands] == ["adapt", "distill"]
    adapt = commands[0]
    assert adapt[adapt.index("--paths.base") + 1] == str(tmp_path / "shallow")
    assert adapt[adapt.index("--teacher") + 1] == str(tmp_path)
    config = Config().from_disk(pipeline.parent / CONFIG)
    assert config["paths"]["base"] == str(tmp_path / "shallow-adapted" / "base")
    with pytest.raises(SystemExit, match="other settings"):
        distilled.trained("4 layers", tmp_path / "another teacher", tmp_path, tmp_path)
