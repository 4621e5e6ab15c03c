"""Progress logger in spaCy's training loop."""

import json
import math
import signal
import subprocess
import sys
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from spacy.language import Language
from spacy.training.loop import train

from spacy_zh_tw_ner.training import logger as logger_module
from spacy_zh_tw_ner.training.curves import draw_curves
from spacy_zh_tw_ner.training.logger import create_progress_logger_v1
from spacy_zh_tw_ner.training.progress import read_progress

from .runs import LOGGER, start


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


def run(nlp: Language, output: Path | None) -> tuple[str, str]:
    out, err = StringIO(), Terminal()
    if output is not None:
        output.mkdir(exist_ok=True)
    train(nlp, output, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def test_each_evaluation_is_logged_as_a_row_and_a_json_line(tiny_corpus: Path, tmp_path: Path) -> None:
    nlp = start(tiny_corpus, **{"training.max_steps": 40, "training.eval_frequency": 10})
    out, _ = run(nlp, tmp_path)
    reports = [json.loads(line) for line in (tmp_path / "progress.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [report["step"] for report in reports] == [0, 10, 20, 30, 40]
    rows = [line.split() for line in out.splitlines() if line.split()[1:2] in (["0"], ["10"], ["20"], ["30"], ["40"])]
    last = reports[-1]
    assert rows[-1][1:6] == ["40", f"{last['loss']:.4f}", f"{last['p']:.2f}", f"{last['r']:.2f}", f"{last['f']:.2f}"]
    assert len(rows) == 5
    assert last["loss"] < reports[0]["loss"] / 2
    assert last["f"] == pytest.approx(100 * nlp.meta["performance"]["ents_f"], abs=1e-3)
    assert last["found"] > 0
    assert [report["rates"]["all"] for report in reports][::4] == [0.0, 0.0]
    assert 0.0 < reports[1]["rates"]["all"] < 0.02
    assert [report["characters_per_second"] is None for report in reports] == [True, False, False, False, False]
    assert all(report["peak_memory_mib"] > 100 for report in reports)
    assert last["seconds_left"] == 0.0
    # The estimate need not fall: on a busy machine a step can take longer than all before it.
    assert min(report["seconds_left"] for report in reports[1:-1]) > 0.0


def test_the_logged_loss_is_that_of_spacy_per_character(
    tiny_corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    logged: list[dict[str, Any]] = []
    log_step = logger_module.ProgressLogger.log_step

    def listen(self: Any, info: dict[str, Any] | None) -> None:
        if info is not None:
            logged.append({"loss": info["losses"]["ner"], "words": info["words"]})
        log_step(self, info)

    monkeypatch.setattr(logger_module.ProgressLogger, "log_step", listen)
    run(start(tiny_corpus), tmp_path)
    before = 0
    for report, info in zip(read_progress(tmp_path / "progress.jsonl"), logged, strict=True):
        assert report.loss == pytest.approx(info["loss"] / (info["words"] - before), rel=1e-4)
        before = info["words"]


def test_progress_files_are_written_to_the_configured_folder(tiny_corpus: Path, tmp_path: Path) -> None:
    run(start(tiny_corpus, LOGGER | {"path": str(tmp_path / "elsewhere")}), tmp_path / "output")
    assert (tmp_path / "elsewhere" / "progress.jsonl").is_file()
    assert not (tmp_path / "output" / "progress.jsonl").exists()


def test_without_a_folder_only_rows_are_logged(
    tiny_corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    out, _ = run(start(tiny_corpus), None)
    assert "CHARS/S" in out
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("shown", [True, False])
def test_a_progress_bar_is_shown_on_a_terminal(
    tiny_corpus: Path, tmp_path: Path, shown: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    _, err = run(start(tiny_corpus, LOGGER | {"progress_bar": shown}), tmp_path)
    assert ("/13 [" in err) is shown
    assert (", F " in err) is shown


def test_a_second_run_appends_to_the_file_and_only_it_is_read(tiny_corpus: Path, tmp_path: Path) -> None:
    for steps in (12, 4):
        run(start(tiny_corpus, **{"training.max_steps": steps}), tmp_path)
    path = tmp_path / "progress.jsonl"
    assert len(path.read_text(encoding="utf-8").splitlines()) == 4 + 2
    assert [report.step for report in read_progress(path)] == [0, 4]


def test_the_logger_does_not_change_the_trained_weights(tiny_corpus: Path, tmp_path: Path) -> None:
    models = []
    for name, logger in (("ours", LOGGER), ("theirs", {"@loggers": "spacy.ConsoleLogger.v1", "progress_bar": False})):
        run(start(tiny_corpus, logger), tmp_path / name)
        models.append((tmp_path / name / "model-last" / "ner" / "model").read_bytes())
    assert models[0] == models[1]


def test_a_full_disk_does_not_end_training(tiny_corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(logger_module, "append_line", full)
    with pytest.warns(UserWarning, match=r"\[ZT924\].*No space left on device") as warned:
        out, _ = run(start(tiny_corpus), tmp_path)
    assert len(warned) == 1
    assert (tmp_path / "model-last").is_dir()
    assert "Progress:" not in out


def test_a_path_that_is_a_file_is_refused_before_training(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path / "file", tmp_path / "file" / "folder"):
        with pytest.raises(ValueError, match=r"\[ZT430\].*`path` in \[training.logger\]"):
            create_progress_logger_v1(path=path)


def test_components_that_find_no_entities_are_logged_too(tmp_path: Path, nlp: Language) -> None:
    out, err = StringIO(), Terminal()
    log_step, finalize = create_progress_logger_v1(path=tmp_path)(nlp, out, err)
    info = {"epoch": 0, "other_scores": {"cats_score": 0.5}, "losses": {}, "words": 3}
    for step, score in ((0, math.nan), (5, -12.5), (10, 0.5)):
        log_step(info | {"step": step, "score": score})
    finalize()
    header, _, *rows, _ = out.getvalue().splitlines()
    assert header.split()[2:5] == ["LOSS", "SCORE", "RATE"]
    assert [row.split()[2:4] for row in rows] == [["0.0000", "nan"], ["0.0000", "-12.5000"], ["0.0000", "0.5000"]]
    assert len({len(row) for row in rows}) == 1
    assert ", score 0.5000, " in err.getvalue()
    picture = (tmp_path / "progress.svg").read_text(encoding="utf-8")
    assert "best score 0.5000, step 10" in picture
    first, *_, last = read_progress(tmp_path / "progress.jsonl")
    assert math.isnan(first.score)
    assert (last.f, last.found, last.score, last.loss) == (None, None, 0.5, 0.0)
    assert "best score 0.5000, step 10" in draw_curves([first, last])  # as after --resume


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_reports_survive_sigkill(tiny_corpus: Path, tmp_path: Path) -> None:
    start(tiny_corpus, **{"training.max_steps": 400}).config.to_disk(tmp_path / "config.cfg")
    command = [sys.executable, "-u", "-m", "spacy", "train", "config.cfg", "--output", "out"]
    shown: list[int] = []
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, encoding="utf-8") as process:
        assert process.stdout is not None
        for line in process.stdout:
            cells = line.split()
            if len(cells) > 9 and cells[1].isdigit():
                shown.append(int(cells[1]))
            if len(shown) == 5:
                process.kill()
                break
    assert process.returncode == -signal.SIGKILL
    assert [report.step for report in read_progress(tmp_path / "out" / "progress.jsonl")][:5] == shown
    assert (tmp_path / "out" / "progress.svg").read_text(encoding="utf-8").endswith("</svg>\n")
