"""Figure of a learning curve."""

from xml.etree import ElementTree

import pytest

from spacy_zh_tw_ner.learning_curve.curve import summarize_curve
from spacy_zh_tw_ner.learning_curve.figure import HEIGHT, LEFT, TOP, WIDTH, draw_learning_curve

from .corpora import result

SVG = "{http://www.w3.org/2000/svg}"


@pytest.mark.parametrize("right", [(4, 5, 6, 7), (5, 5, 5, 5), (0, 0, 0, 0), (10, 10, 10, 10), (7, 6, 5, 4)])
def test_everything_is_drawn_inside_the_frame(right: tuple[int, ...]) -> None:
    runs = [result(p, s, n) for p, n in zip((10.0, 25.0, 50.0, 100.0), right, strict=True) for s in range(2)]
    root = ElementTree.fromstring(draw_learning_curve(summarize_curve(runs), title="a < b"))
    circles = [c for c in root.iter(f"{SVG}circle") if float(c.attrib["cy"]) >= TOP]
    assert len(circles) == 8 + 4 + 2  # runs, means and predictions
    points = [(float(c.attrib["cx"]), float(c.attrib["cy"])) for c in circles]
    for shape in [*root.iter(f"{SVG}polyline"), *root.iter(f"{SVG}polygon")]:
        points += [tuple(map(float, point.split(","))) for point in shape.attrib["points"].split()]  # type: ignore[misc]
    assert all(LEFT <= x <= LEFT + WIDTH and TOP - 0.1 <= y <= TOP + HEIGHT + 0.1 for x, y in points)
    texts = {"".join(one.itertext()) for one in root.iter(f"{SVG}text")}
    assert {"a < b", "10 %", "100 %", "2 ×", "4 ×", "1,400", "5,600"} <= texts
