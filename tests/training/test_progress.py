"""Reports in `progress.jsonl` can be read, even if the process was killed while it wrote a line."""

import json
import math
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_zh_tw_ner.training.progress import ProgressReport, after, append_line, drop_reports, read_progress

from .runs import make


def test_a_report_is_serialized_to_one_line_and_parsed_again() -> None:
    report = make(7)
    line = report.to_line()
    assert "\n" not in line
    assert json.loads(line)["losses"] == {"ner": 0.5}
    assert ProgressReport.from_line(line) == report


@pytest.mark.parametrize("loss", [math.nan, math.inf, -math.inf])
def test_a_loss_that_is_not_finite_becomes_null(loss: float) -> None:
    line = make(loss=loss).to_line()
    assert json.loads(line, parse_constant=pytest.fail)["loss"] is None
    assert math.isnan(ProgressReport.from_line(line).losses["ner"])


@pytest.mark.parametrize("line", ["", "{", "[]", "3", '{"step": 1}'])
def test_a_line_that_is_not_a_report_is_refused(line: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  # raised by json or by from_line
        ProgressReport.from_line(line)


@given(st.lists(st.integers(0, 9), max_size=20))
def test_after_keeps_the_last_run_with_ascending_steps(steps: list[int]) -> None:
    reports: list[ProgressReport] = []
    for step in steps:
        reports = after(reports, make(step))
    left = [report.step for report in reports]
    assert left == sorted(set(left))
    if 0 in steps:  # step 0 starts a new run: earlier reports are dropped
        assert set(left) <= set(steps[len(steps) - 1 - steps[::-1].index(0) :])


def test_appended_lines_can_be_read_at_once(tmp_path: Path) -> None:
    path = tmp_path / "new" / "progress.jsonl"
    assert read_progress(path) == []
    for step in (0, 5, 10):
        append_line(path, make(step).to_line())
        assert [report.step for report in read_progress(path)] == list(range(0, step + 1, 5))


def test_an_incomplete_line_is_skipped(tmp_path: Path) -> None:
    path = tmp_path / "progress.jsonl"
    append_line(path, make(0).to_line())
    whole = path.read_bytes()
    path.write_bytes(whole + make(5).to_line().encode()[:40])
    append_line(path, make(10).to_line())
    assert [report.step for report in read_progress(path)] == [0, 10]
    path.write_bytes(whole + "臺".encode()[:2])
    assert [report.step for report in read_progress(path)] == [0]


@given(
    st.lists(st.lists(st.integers(1, 9), unique=True, max_size=4).map(sorted), min_size=1, max_size=3),
    st.integers(0, 9),
)
def test_reports_of_the_last_run_are_dropped_from_a_step_on(runs: list[list[int]], step: int) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "progress.jsonl"
        for steps in runs:
            for at in [0, *steps]:
                append_line(path, make(at).to_line())
        with path.open("ab") as file:
            file.write(b'{"step": 3, "ep')
        drop_reports(path, step)
        kept = [json.loads(line)["step"] for line in path.read_text(encoding="utf-8").splitlines()]
    assert kept == [at for steps in runs[:-1] for at in [0, *steps]] + [at for at in [0, *runs[-1]] if at < step]


def test_the_file_is_not_rewritten_if_no_report_is_dropped(tmp_path: Path) -> None:
    path = tmp_path / "progress.jsonl"
    drop_reports(path, 3)
    assert not path.exists()
    append_line(path, make(0).to_line())
    before = path.stat()
    drop_reports(path, 3)
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
