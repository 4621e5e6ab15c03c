"""Runs of a learning curve, their continuation, and the report."""

import json
from pathlib import Path
from typing import Any

import pytest
from spacy.util import load_config

from spacy_zh_tw_ner.learning_curve import runs as runs_module
from spacy_zh_tw_ner.learning_curve.curve import CurveReport, measure_curve, summarize_curve
from spacy_zh_tw_ner.learning_curve.runs import CurveFolder, RunResult, find_corpora
from tests.tiny import ROOT, SHRINK

from .corpora import make_corpus, result

RIGHT = {10.0: 4, 25.0: 5, 50.0: 6, 100.0: 7}


def results(n_seeds: int = 2, right: dict[float, int] = RIGHT) -> list[RunResult]:
    return [result(percent, seed, n + seed % 2) for percent, n in right.items() for seed in range(n_seeds)]


def test_points_are_means_over_seeds() -> None:
    report = summarize_curve(results())
    assert [point.percent for point in report.points] == [10, 25, 50, 100]
    assert [point.f.f for point in report.points] == pytest.approx([45, 55, 65, 75])
    assert report.points[0].runs == pytest.approx([40, 50])
    assert report.points[0].labels == pytest.approx({"GPE": 45.0})
    assert report.points[0].sentences == 140


def test_the_report_predicts_more_data_and_checks_itself() -> None:
    report = summarize_curve(results())
    two, four = report.predictions
    assert (two.size, four.size) == (2800, 5600)
    assert 75 < two.f < four.f <= 100
    assert two.low <= two.f <= two.high
    assert report.back_test is not None
    assert report.back_test.percents == [10, 25, 50]
    assert report.back_test.measured == pytest.approx(75)
    found = json.loads(json.dumps(report.to_json()))
    assert found["predictions"][0]["times"] == 2
    assert found["predictions"][0]["gain"] == pytest.approx(two.f - 75, abs=0.01)
    assert found["back_test"]["error"] == pytest.approx(report.back_test.predicted.f - 75, abs=0.01)
    assert found["points"][3]["runs"] == [70, 80]


def test_shares_below_100_percent_predict_multiples_of_all_data() -> None:
    report = summarize_curve(results(right={10.0: 4, 25.0: 5, 50.0: 6}))
    assert [one.size for one in report.predictions] == [2800, 5600]
    assert report.back_test is None


def test_problems_of_the_fit_are_reported() -> None:
    codes = [message[:7] for message in summarize_curve(results(1, dict.fromkeys(RIGHT, 5))).messages]
    assert codes == ["[ZT828]", "[ZT829]"]
    report = summarize_curve(results(1, {10.0: 2, 25.0: 4, 50.0: 6, 100.0: 3}))
    assert [message[:7] for message in report.messages] == ["[ZT828]", "[ZT830]"]
    assert "but 30.0 was measured" in report.messages[1]


SETTINGS: dict[str, Any] = {"training.max_steps": 3, "training.eval_frequency": 2}
PERCENTS = (30.0, 60.0, 100.0)


def measure(corpus: Path, output: Path, messages: list[str] | None = None, n_seeds: int = 1) -> CurveReport:
    config = load_config(ROOT / "configs" / "bilstm.cfg", overrides=SHRINK | SETTINGS)
    folder = CurveFolder(output, config, find_corpora(corpus, None, None))
    return measure_curve(folder, PERCENTS, n_seeds, notify=(messages if messages is not None else []).append)


@pytest.mark.slow
def test_a_killed_command_continues_and_ends_with_the_same_results(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus = make_corpus(tmp_path / "corpus")
    expected = measure(corpus, tmp_path / "whole")
    trained: list[str] = []
    load, train = runs_module.load_pipeline, runs_module.train

    def killed_before_scoring(name: str) -> Any:
        if "60-seed0" in name:
            raise KeyboardInterrupt
        return load(name)

    def counting(nlp: Any, output: Path, **settings: Any) -> Any:
        trained.append(output.name)
        return train(nlp, output, **settings)

    monkeypatch.setattr(runs_module, "train", counting)
    with monkeypatch.context() as patch:
        patch.setattr(runs_module, "load_pipeline", killed_before_scoring)
        with pytest.raises(KeyboardInterrupt):
            measure(corpus, tmp_path / "out")
    runs = tmp_path / "out" / "runs"
    assert (runs / "60-seed0" / "checkpoint.safetensors").is_file()
    assert not (runs / "60-seed0.json").exists()
    messages: list[str] = []
    report = measure(corpus, tmp_path / "out", messages)
    assert trained == ["30-seed0", "60-seed0", "60-seed0", "100-seed0"]
    assert "(stored)" in messages[0]
    assert [message[:10] for message in messages] == ["Run 1 of 3", "Run 2 of 3", "Run 3 of 3"]
    assert [point.runs for point in report.points] == [point.runs for point in expected.points]
    assert report.predictions == expected.predictions
    assert sorted(path.name for path in runs.iterdir()) == sorted(
        name for share in ("30", "60", "100") for name in (f"{share}-seed0", f"{share}-seed0.json")
    )
    assert [path.name for path in sorted((runs / "60-seed0").iterdir())] == ["progress.jsonl", "progress.svg"]
