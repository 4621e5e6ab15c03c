"""Training curves as SVG."""

import math
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from spacy.training.loop import train

from spacy_zh_tw_ner.svg import round_ticks
from spacy_zh_tw_ner.training import logger as logger_module
from spacy_zh_tw_ner.training.curves import HEIGHT, WIDTH, draw_curves
from spacy_zh_tw_ner.training.progress import ProgressReport

from .runs import make, start

SVG = "{http://www.w3.org/2000/svg}"


def run(n: int) -> list[ProgressReport]:
    return [make(step=10 * i, loss=4.0 / (i + 1), f=10.0 * i, rate=0.1 * i) for i in range(n)]


def panels(reports: list[ProgressReport]) -> list[ElementTree.Element]:
    root = ElementTree.fromstring(draw_curves(reports))
    return root.findall(f"{SVG}g")


def lines(panel: ElementTree.Element) -> list[list[tuple[float, float]]]:
    return [
        [(float(x), float(y)) for x, y in (point.split(",") for point in line.attrib["points"].split())]
        for line in panel.findall(f"{SVG}polyline")
    ]


def words(panel: ElementTree.Element) -> str:
    return " ".join("".join(text.itertext()) for text in panel.findall(f"{SVG}text"))


def test_each_panel_has_a_title_with_its_measure() -> None:
    loss, score, rate, memory = panels(run(6))
    assert words(loss).startswith("loss per character")
    assert words(score).startswith("best F 50.00, step 50")
    assert "0.5 at most" in words(rate)
    assert words(memory).startswith("peak memory of the process, MiB")
    assert words(memory).endswith("800 at the end")


def test_curves_are_drawn_at_the_right_coordinates() -> None:
    loss, score, rate, _ = panels(run(6))
    (path,) = lines(loss)
    assert path[0] == (round(WIDTH / 5, 1), 0.0)  # the second report has the highest loss of the curve
    assert path[-1] == (WIDTH, round(HEIGHT * (1 - (4 / 6) / 2), 1))
    for drawn, top in ((lines(score)[-1], 10), (lines(rate)[0], 5)):
        expected = [(WIDTH * i / 5, HEIGHT * (1 - i / top)) for i in range(6)]
        np.testing.assert_allclose(drawn, expected, atol=0.05)


def test_learning_rates_are_drawn_relative_to_their_maximum() -> None:
    reports = [replace(report, rates={"encoder": 1e-5 * (i + 1), "head": 1e-3}) for i, report in enumerate(run(3))]
    rate = panels(reports)[2]
    assert "encoder, 3e-05 at most" in words(rate)
    assert "head, 0.001 at most" in words(rate)
    head, encoder = lines(rate)
    assert [y for _, y in head] == [0.0, 0.0, 0.0]
    assert encoder[-1] == (WIDTH, 0.0)


def test_curves_have_gaps_and_single_values_are_dots() -> None:
    reports = run(6)
    reports[2] = replace(reports[2], loss=math.nan)
    loss = panels(reports)[0]
    assert [len(path) for path in lines(loss)] == [3]
    assert len(loss.findall(f"{SVG}circle")) == 1


def test_warnings_are_marked_in_every_panel() -> None:
    reports = run(5)
    reports[2] = replace(reports[2], warnings=("[ZT922] …",))
    for panel in panels(reports):
        (mark,) = panel.findall(f"{SVG}line[@class='warning']")
        assert float(mark.attrib["x1"]) == WIDTH / 2


@given(
    st.lists(
        st.tuples(
            st.floats(0, 1e30) | st.sampled_from([math.nan, math.inf]),
            st.none() | st.floats(0, 100),
            st.floats(0, 10),
            st.none() | st.floats(0, 1e6),
        ),
        min_size=1,
        max_size=6,
    )
)
def test_curves_of_any_run_stay_inside_their_panels(values: list[tuple[float, Any, float, Any]]) -> None:
    reports = [
        replace(make(step=7 * i, loss=loss, f=f, rate=rate), peak_memory_mib=size, memory=None)
        for i, (loss, f, rate, size) in enumerate(values)
    ]
    for panel in panels(reports):
        for x, y in (point for path in lines(panel) for point in path):
            assert 0 <= x <= WIDTH
            assert -0.01 <= y <= HEIGHT


@given(st.floats(1e-12, 1e12))
def test_ticks_are_few_and_inside_the_axis(top: float) -> None:
    ticks = round_ticks(top)
    assert ticks[0] == 0
    assert ticks == sorted(set(ticks))
    assert 2 <= len(ticks) <= 7
    assert ticks[-1] <= top * 1.001


def test_an_axis_up_to_almost_zero_has_two_ticks() -> None:
    assert round_ticks(0.0) == round_ticks(5e-324) == [0.0, 1.0]


def test_names_in_svg_are_escaped() -> None:
    reports = [replace(report, rates={"<b>&": 1.0}) for report in run(2)]
    assert "<b>&, 1 at most" in words(panels(reports)[2])


def test_an_aborted_run_has_training_curves(tiny_corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log_step = logger_module.ProgressLogger.log_step

    def broken(self: Any, info: Any) -> None:
        log_step(self, info)
        if info is not None and info["step"] == 8:
            raise KeyboardInterrupt

    monkeypatch.setattr(logger_module.ProgressLogger, "log_step", broken)
    with pytest.raises(KeyboardInterrupt):
        train(start(tiny_corpus), tmp_path, stdout=StringIO(), stderr=StringIO())
    root = ElementTree.fromstring((tmp_path / "progress.svg").read_text(encoding="utf-8"))
    assert [len(path) for path in lines(root.findall(f"{SVG}g")[1])] == [3, 3, 3]
