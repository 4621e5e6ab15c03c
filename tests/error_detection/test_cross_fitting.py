"""Fold pipelines are trained on the other folds, finished and killed runs continue, and other work is not replaced."""

from pathlib import Path
from typing import Any

import pytest
from thinc.api import Config

from spacy_zh_tw_ner.corpora.formats.docbin import read_sentences
from spacy_zh_tw_ner.corpora.records import Record
from spacy_zh_tw_ner.error_detection import cross_fitting
from spacy_zh_tw_ner.error_detection.cross_fitting import CrossFitting, FoldPipelines
from spacy_zh_tw_ner.error_detection.find_errors import find_errors, read_corpus
from spacy_zh_tw_ner.errors import OutputError, UsageError
from spacy_zh_tw_ner.planning.presets import read_config, with_settings
from tests.tiny import SHRINK

FEW: dict[str, Any] = SHRINK | {"training.max_steps": 4, "training.eval_frequency": 4}


@pytest.fixture
def records(tiny_source: Path) -> list[Record]:
    return read_corpus(tiny_source / "train.txt")


def tiny_config(**settings: Any) -> Config:
    return with_settings(read_config("bilstm"), FEW | settings)


def folds(records: list[Record], work: Path, *, force: bool = False, **settings: Any) -> FoldPipelines:
    fitting = CrossFitting(tiny_config(), **{"folds": 2, **settings})
    return FoldPipelines(records, fitting, work, Path("tiny"), force=force)


@pytest.mark.slow
def test_pipelines_are_trained_on_the_other_folds_and_used_again(records: list[Record], tmp_path: Path) -> None:
    first = folds(records, tmp_path / "work", seeds=2)
    said: list[str] = []
    first.train(said.append)
    assert said[0] == "Pipeline 1 of 4: fold 1 of 2, seed 0"
    for fold in (1, 2):
        own = [record.text for record, place in zip(records, first.folds, strict=True) if place == fold - 1]
        folder = tmp_path / "work" / f"fold-{fold}"
        assert [one.text for one in read_sentences(folder, "held_out")] == own
        assert {one.text for one in read_sentences(folder, "train")} == {one.text for one in records} - set(own)
    judges = list(first.pipelines())
    assert sorted(i for _, indices in judges for i in indices) == list(range(8))
    assert {len(nlp.get_pipe("ner").members) for nlp, _ in judges} == {2}  # type: ignore[attr-defined]
    assert len(find_errors(records, judges).sentences) == 8
    said.clear()
    folds(records, tmp_path / "work", seeds=2).train(said.append)
    assert all("is finished" in message for message in said)


@pytest.mark.slow
def test_a_killed_run_continues(records: list[Record], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    train, calls = cross_fitting.train, 0

    def killed(*arguments: Any, **settings: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise KeyboardInterrupt
        return train(*arguments, **settings)

    monkeypatch.setattr(cross_fitting, "train", killed)
    with pytest.raises(KeyboardInterrupt):
        folds(records, tmp_path / "work").train(str)
    said: list[str] = []
    folds(records, tmp_path / "work").train(said.append)
    assert calls == 3
    assert said[0].startswith("Pipeline 1 of 2 is finished")
    assert said[1] == "Pipeline 2 of 2: fold 2 of 2, seed 0"


def test_all_labels_are_known_to_every_fold(records: list[Record], tmp_path: Path) -> None:
    config = folds(records, tmp_path / "work")._config(0, seed=3)
    assert config["initialize"]["components"]["ner"]["labels"] == ["GPE", "ORG", "PERSON"]
    assert config["corpora"]["train"]["path"] == str(tmp_path / "work" / "fold-1" / "train.spacy")
    assert (config["training"]["seed"], config["training"]["patience"]) == (3, 0)


def test_work_of_another_corpus_is_not_replaced_without_force(records: list[Record], tmp_path: Path) -> None:
    (tmp_path / "folds.json").write_text('{"corpus": "another"}', encoding="utf-8")
    with pytest.raises(OutputError, match=r"ZT760.*--work folder.*--force"):
        folds(records, tmp_path)
    folds(records, tmp_path, force=True)


def test_a_folder_of_the_user_is_never_replaced(records: list[Record], tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine", encoding="utf-8")
    for force in (False, True):
        with pytest.raises(OutputError, match=r"ZT671.*no readable folds\.json"):
            folds(records, tmp_path, force=force)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_damaged_plan_is_reported(records: list[Record], tmp_path: Path) -> None:
    for content in ('{"corpus": ', "[" * 100_000, '"\ud800"', "[]"):
        (tmp_path / "folds.json").write_text(content, encoding="utf-8", errors="surrogatepass")
        with pytest.raises(OutputError, match="ZT671"):
            folds(records, tmp_path, force=True)


def test_a_killed_replacement_resumes_no_run_of_the_old_corpus(
    records: list[Record], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = tmp_path / "work"
    monkeypatch.setattr(cross_fitting, "train", lambda nlp, run, **_: None)
    folds(records, work).train(str)
    for run in work.glob("fold-*/seed-0"):
        (run / "checkpoint.safetensors").write_bytes(b"of the old corpus")

    def killed(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cross_fitting, "train", killed)
    with pytest.raises(KeyboardInterrupt):
        folds(records[:-1], work, force=True).train(str)
    assert not [*work.glob("fold-*/seed-0/checkpoint.safetensors"), *work.glob("fold-*/seed-0/done")]
    folds(records[:-1], work)  # continues without --force


def test_settings_out_of_range_are_reported(records: list[Record], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"ZT759.*--seeds.*from 1 to 10 \(got 0\)"):
        folds(records, tmp_path / "work", seeds=0)
    endless = CrossFitting(tiny_config(**{"training.max_steps": 0}), 2)
    with pytest.raises(UsageError, match=r"ZT763.*max_steps.*is 0"):
        FoldPipelines(records, endless, tmp_path / "work", Path("tiny"))
