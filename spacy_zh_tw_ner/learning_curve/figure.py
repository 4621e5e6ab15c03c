"""Draw a learning curve as SVG: measured F, the power law that is fitted to it, and its extrapolation."""

import math

from ..svg import colour_of, element, polyline, render_svg, round_ticks, text
from .curve import TIMES, CurvePoint, CurveReport
from .power_law import SizedScore

WIDTH, HEIGHT, LEFT, TOP, BELOW = 560, 320, 56, 64, 64  # size of the diagram and its margins in pixels
SMALL: dict[str, object] = {"font_size": 11, "fill": "#666"}
MEASURED, PREDICTED = colour_of(0), colour_of(5)


def draw_learning_curve(report: CurveReport, *, title: str = "") -> str:
    """Draw F as a function of the number of sentences, which is on a logarithmic axis.

    Each run is a small circle. Each mean over seeds is a dot with its 95 % interval over test sentences. The power law
    that is fitted to the means is a line, which is dashed beyond the largest subset. The coloured area around it is the
    95 % interval of the F of one further run.

    report (CurveReport): The results.
    title (str): Title of the figure.
    RETURNS (str): The drawing as SVG.
    """
    shown = [*report.band, *report.predictions, *(point.f for point in report.points)]
    scores = [f for one in shown for f in (one.low, one.high)] + [f for point in report.points for f in point.runs]
    axes = _Axes(shown, min(scores), max(scores))
    last = report.points[-1].sentences
    parts = [
        text(LEFT, 24, title or "learning curve", font_size=14, font_weight=600),
        _legend(),
        element("rect", x=LEFT, y=TOP, width=WIDTH, height=HEIGHT, fill="#fff", stroke="#999"),
        *axes.score_ticks(),
        _band(report.band, axes),
        polyline([axes.place(one.size, one.f) for one in report.band if one.size <= last * 1.001], MEASURED),
    ]
    beyond = [axes.place(one.size, one.f) for one in report.band if one.size >= last]
    parts.append(polyline(beyond, PREDICTED, stroke_dasharray="6 4"))
    for point in report.points:
        parts += axes.size_tick(point.sentences, f"{point.percent:g} %")
        parts += [element("circle", cx=x, cy=y, r=3, fill="none", stroke=MEASURED) for x, y in axes.runs(point)]
        parts.append(_whisker(point.f, axes, MEASURED))
    for times, prediction in zip(TIMES, report.predictions, strict=True):
        parts += axes.size_tick(prediction.size, f"{times:g} ×")
        parts.append(_whisker(prediction, axes, PREDICTED))
    parts.append(text(LEFT + WIDTH / 2, TOP + HEIGHT + 52, "sentences (logarithmic)", text_anchor="middle", **SMALL))
    parts.append(text(LEFT - 8, TOP - 12, "F (%)", text_anchor="end", **SMALL))
    return render_svg(LEFT + WIDTH + 32, TOP + HEIGHT + BELOW, parts)


class _Axes:
    """Axes of the diagram: x is the number of sentences, on a logarithmic scale; y is F in percent.

    The y axis begins and ends at multiples of ten. The methods that draw return SVG elements.

    shown (list[SizedScore]): Scores to draw; their sizes are the range of the x axis.
    lowest (float), highest (float): Lowest and highest F to draw, in percent.
    """

    def __init__(self, shown: list[SizedScore], lowest: float, highest: float) -> None:
        sizes = [one.size for one in shown]
        self._first, self._range = math.log(min(sizes)), math.log(max(sizes) / min(sizes))
        self._bottom = 10.0 * math.floor(lowest / 10)
        self._top = max(self._bottom + 10.0, min(100.0, 10.0 * math.ceil(highest / 10)))

    def place(self, size: float, f: float) -> tuple[float, float]:
        """Return the x and y coordinates, in pixels, of a score F, in percent, at a number of sentences."""
        inset = 40  # so that dots and labels at the ends are not cut
        x = LEFT + inset + (WIDTH - 2 * inset) * (math.log(size) - self._first) / self._range
        return x, TOP + HEIGHT * (self._top - f) / (self._top - self._bottom)

    def runs(self, point: CurvePoint) -> list[tuple[float, float]]:
        """Return (x, y) in pixels for the F of each run (one per seed) with one share of the training data."""
        return [self.place(point.sentences, f) for f in point.runs]

    def score_ticks(self) -> list[str]:
        """Draw the horizontal grid lines of the y axis, and the value of F at each; return SVG elements."""
        parts = []
        for tick in round_ticks(self._top - self._bottom):
            y = self.place(math.exp(self._first), self._bottom + tick)[1]
            parts.append(element("line", x1=LEFT + 1, x2=LEFT + WIDTH - 1, y1=y, y2=y, stroke="#e2e8f0"))
            parts.append(text(LEFT - 8, y + 4, f"{self._bottom + tick:g}", text_anchor="end", **SMALL))
        return parts

    def size_tick(self, size: float, label: str) -> list[str]:
        """Draw a tick of the x axis with two labels below it: `label`, and the number of sentences.

        size (float): The number of sentences.
        label (str): Share or multiple of the training data, such as "25 %" or "2 ×".
        """
        x, bottom = self.place(size, self._bottom)
        middle: dict[str, object] = {"text_anchor": "middle"}
        return [
            element("line", x1=x, x2=x, y1=bottom, y2=bottom + 5, stroke="#999"),
            text(x, bottom + 18, label, **middle),
            text(x, bottom + 34, f"{size:,.0f}", **middle, **SMALL),
        ]


def _band(band: list[SizedScore], axes: _Axes) -> str:
    """Draw the area between the ends `low` and `high` of the intervals around the fitted law; return SVG.

    band (list[SizedScore]): F of the fitted law, with its interval, for each of several numbers of sentences.
    """
    path = [axes.place(one.size, one.high) for one in band] + [axes.place(one.size, one.low) for one in reversed(band)]
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in path)
    return element("polygon", points=points, fill=PREDICTED, fill_opacity="0.12")


def _whisker(one: SizedScore, axes: _Axes, colour: str) -> str:
    """Draw a score as a dot with its value, and its interval as a vertical line; return SVG."""
    x, y = axes.place(one.size, one.f)
    low, high = axes.place(one.size, one.low)[1], axes.place(one.size, one.high)[1]
    return (
        element(
            "path", d=f"M{x:.1f} {low:.1f}V{high:.1f}M{x - 4:.1f} {low:.1f}h8M{x - 4:.1f} {high:.1f}h8", stroke=colour
        )
        + element("circle", cx=x, cy=y, r=4, fill=colour)
        + text(x + 8, y + 14, f"{one.f:.1f}", font_size=11)
    )


def _legend() -> str:
    """Draw the legend, in one line below the title: colours of measured and predicted scores; return SVG."""
    entries = ((MEASURED, "measured, 95 % interval over test sentences"), (PREDICTED, "predicted for one run, 95 %"))
    parts, x = [], float(LEFT)
    for colour, name in entries:
        parts.append(element("circle", cx=x + 4, cy=40, r=4, fill=colour))
        parts.append(text(x + 14, 44, name, font_size=11))
        x += 24 + 6.2 * len(name)
    return "".join(parts)
