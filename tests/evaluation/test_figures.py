"""Test the figures: positions, labels and file formats."""

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from spacy_zh_tw_ner.errors import OutputError
from spacy_zh_tw_ner.evaluation import figures
from spacy_zh_tw_ner.evaluation.bootstrap import Summary, summarize
from spacy_zh_tw_ner.evaluation.entity_counts import count_entities
from spacy_zh_tw_ner.evaluation.figures import (
    PLOT,
    draw_confusion,
    draw_scores,
    picture_bytes,
    picture_format,
    require_picture,
)
from spacy_zh_tw_ner.evaluation.mistakes import confusion
from spacy_zh_tw_ner.svg import COLOURS

from .helpers import document


def summary(*found: tuple[str, str]) -> Summary:
    return summarize(count_entities([document(*one) for one in found]), resamples=50)


def elements(svg: str, tag: str) -> list[ElementTree.Element]:
    return [element for element in ElementTree.fromstring(svg).iter() if element.tag.endswith("}" + tag)]


def texts(svg: str) -> list[str]:
    return [element.text or "" for element in elements(svg, "text")]


def test_bars_show_scores_and_intervals() -> None:
    found = summary(("A.B", "A.B"), ("A.B", "A.."), ("A..", "..."), ("B..", "B.."))
    svg = draw_scores({"one": found})
    bars = [float(bar.get("width", "")) for bar in elements(svg, "rect") if bar.get("fill") == COLOURS[0]]
    scores = [found.micro, found.macro, *found.groups.values()]
    assert bars == pytest.approx([PLOT * one.f.value for one in scores], abs=0.06)
    left = float(next(b for b in elements(svg, "rect") if b.get("fill") == COLOURS[0]).get("x", ""))
    ends = [re.findall(r"M([\d.]+) [\d.]+H([\d.]+)", path.get("d", ""))[0] for path in elements(svg, "path")]
    drawn = [((float(low) - left) / PLOT, (float(high) - left) / PLOT) for low, high in ends]
    assert drawn == [pytest.approx(one.f[1:], abs=2e-4) for one in scores]
    assert {"micro", "macro", "A", "B"} <= set(texts(svg))


def test_several_pipelines_have_a_legend() -> None:
    one, other = summary(("A", "A")), summary(("B", "A"))
    svg = draw_scores({"first <1>": one, "第二": other})
    assert {"first <1>", "第二", "A", "B"} <= set(texts(svg))
    fills = [bar.get("fill") for bar in elements(svg, "rect")]
    # micro, macro, labels and legend; the first pipeline has no B
    assert (fills.count(COLOURS[0]), fills.count(COLOURS[1])) == (4, 5)
    assert "one" not in texts(draw_scores({"one": one}))


def test_matrix_shows_all_counts() -> None:
    svg = draw_confusion(confusion([document("Aa.Bb.Aa.", "Aa.Aa.Bbb"), document("A.B", "..."), document(".", "C")]))
    found = texts(svg)
    assert found[2:6] == ["A", "B", "C", "(missed)"]
    assert sorted(found[6:-1]) == sorted(["A", "B", "C", "(none)", "1", "0", "+1", "1", "1", "1", "1"])
    assert len(elements(svg, "rect")) == 1 + 16 - 1


@pytest.mark.parametrize("svg", [draw_scores({"x": summary(("...", "..."))}), draw_confusion(confusion([]))])
def test_figures_without_entities_are_valid_svg(svg: str) -> None:
    ElementTree.fromstring(svg)
    assert "nan" not in svg


def test_figures_refer_to_no_other_files() -> None:
    svg = draw_scores({"x": summary(("A", "A"))})
    assert not re.search(r"url\(|@import|href|<script|<style", svg)


def test_format_follows_from_the_suffix(monkeypatch: pytest.MonkeyPatch) -> None:
    assert picture_bytes("<svg/>", Path("a.SVG")) == b"<svg/>"
    with pytest.raises(ValueError, match=r"^\[ZT404\] 'a.pdf' is not a supported image format.*\.svg, \.png"):
        picture_format(Path("a.pdf"))
    monkeypatch.setattr(figures, "has_resvg", lambda: False)
    with pytest.raises(ValueError, match=r"^\[ZT403\] a.png: PNG needs resvg-py"):
        picture_bytes("<svg/>", Path("a.png"))


def test_png_is_three_times_as_large() -> None:
    pytest.importorskip("resvg_py")
    svg = draw_scores({"x": summary(("A", "A"))})
    data = picture_bytes(svg, Path("a.png"))
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    assert int.from_bytes(data[16:20], "big") == figures.PNG_ZOOM * int(ElementTree.fromstring(svg).get("width", "0"))


def test_picture_replaces_only_pictures_of_its_format(tmp_path: Path) -> None:
    for name in ("a.svg", "B.SVG", "c.png"):
        path = tmp_path / name
        if path.suffix == ".png":
            pytest.importorskip("resvg_py")
        require_picture(path)
        path.write_bytes(picture_bytes("<svg xmlns='http://www.w3.org/2000/svg' width='1' height='1'/>", path))
        require_picture(path)
    (tmp_path / "notes.svg").write_text("mine", encoding="utf-8")
    with pytest.raises(OutputError, match=r"^\[ZT671\]"):
        require_picture(tmp_path / "notes.svg")
