"""Reports of a run → one SVG picture: loss, scores, learning rates and memory over the steps."""

import math
import sys
from collections.abc import Sequence
from html import escape
from typing import NamedTuple

from ..svg import points, render_svg
from .progress import ProgressReport

WIDTH, HEIGHT, LEFT, TOP, GAP_X, GAP_Y = 340, 170, 56, 52, 84, 92  # of one panel and around it, in pixels
COLOURS = ("#2b6cb0", "#c05621", "#2f855a", "#6b46c1", "#b83280")
STYLE = """
.line { fill: none; stroke-width: 2; stroke-linejoin: round } .grid { stroke: #e2e8f0 }
.told { stroke: #c53030; stroke-dasharray: 3 3 }
"""


class Curve(NamedTuple):
    """A line: its name as shown above the panel, and a value for each report, None or NaN where there is none."""

    name: str
    values: Sequence[float | None]


def draw_curves(reports: Sequence[ProgressReport]) -> str:
    """Draw four panels, each over the steps.

    Learning rates of several parts lie orders of magnitude apart: each is drawn as a share of its own highest. A red
    dashed line stands where a pitfall was told.

    reports (Sequence[ProgressReport]): Of one run, at least one.
    RETURNS (str): SVG.
    """
    panels = [_loss(reports), _scores(reports), _rates(reports), _memory(reports)]
    last = max(1, reports[-1].step)
    told = [WIDTH * report.step / last for report in reports if report.warnings]
    drawn = []
    for i, (title, curves, top) in enumerate(panels):
        at = LEFT + (i % 2) * (WIDTH + GAP_X), TOP + (i // 2) * (HEIGHT + GAP_Y)
        drawn.append(f'<g transform="translate({at[0]},{at[1]})">{_panel(title, curves, top, reports, told)}</g>')
    width, height = LEFT + 2 * WIDTH + GAP_X + 24, TOP + 2 * HEIGHT + GAP_Y + 48
    return render_svg(width, height, "".join(drawn), STYLE)


PanelT = tuple[str, list[Curve], float]


def _loss(reports: Sequence[ProgressReport]) -> PanelT:
    # Before it has learnt anything, a pipeline is so much worse than ever after that all else would lie flat.
    losses = [report.loss if report.step or len(reports) == 1 else None for report in reports]
    highest = max((loss for loss in losses if loss is not None and math.isfinite(loss)), default=1.0)
    return "loss per character", [Curve("", losses)], highest


def _scores(reports: Sequence[ProgressReport]) -> PanelT:
    curves = [Curve("F", [report.f for report in reports])]
    curves += [Curve("P", [report.p for report in reports]), Curve("R", [report.r for report in reports])]
    best = max((report for report in reports if report.f is not None), key=lambda report: report.f or 0.0, default=None)
    title = "score" if best is None else f"best F {best.f:.2f}, step {best.step}"
    return title, curves, 100.0


def _rates(reports: Sequence[ProgressReport]) -> PanelT:
    curves = []
    for part in reports[-1].rates:
        rates = [report.rates.get(part, 0.0) for report in reports]
        highest = max(rates) or 1.0
        name = f"{highest:.2g} at most" if part == "all" else f"{part}, {highest:.2g} at most"
        curves.append(Curve(name, [100 * rate / highest for rate in rates]))
    return "learning rate, %", curves, 100.0


def _memory(reports: Sequence[ProgressReport]) -> PanelT:
    sizes = [report.peak_memory_mib for report in reports]
    highest = max((size for size in sizes if size is not None), default=0.0)
    name = next((report.memory for report in reports[::-1] if report.memory), "unknown")
    of = {"GPU": "on the GPU", "RSS": "of the process"}.get(name, name)
    return f"peak memory {of}, MiB", [Curve(f"{highest:.0f} at the end", sizes)], highest


def _panel(title: str, curves: list[Curve], top: float, reports: Sequence[ProgressReport], told: list[float]) -> str:
    ticks = _ticks(top)
    top = max(top, ticks[-1])
    last = max(1, reports[-1].step)
    parts = [f'<text class="title" y="-26">{escape(title)}</text>']
    parts.append(f'<rect class="frame" width="{WIDTH}" height="{HEIGHT}"/>')
    for tick in ticks:
        y = HEIGHT * (1 - tick / top)
        parts.append(f'<line class="grid" x1="1" x2="{WIDTH - 1}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text class="axis" x="-6" y="{y + 4:.1f}" text-anchor="end">{tick:g}</text>')
    for tick in _ticks(last):
        x = WIDTH * tick / last
        parts.append(f'<text class="axis" x="{x:.1f}" y="{HEIGHT + 16}" text-anchor="middle">{tick:g}</text>')
    parts += [f'<line class="told" x1="{x:.1f}" x2="{x:.1f}" y1="0" y2="{HEIGHT}"/>' for x in told]
    # The first curve lies above the others.
    for i, curve in reversed(list(enumerate(curves))):
        parts += _lines(curve, COLOURS[i % len(COLOURS)], top, reports)
    names = [(curve.name, COLOURS[i % len(COLOURS)]) for i, curve in enumerate(curves) if curve.name]
    legend = "   ".join(f'<tspan style="fill:{colour}">{escape(name)}</tspan>' for name, colour in names)
    parts.append(f'<text y="-9" xml:space="preserve">{legend}</text>')
    return "".join(parts)


def _lines(curve: Curve, colour: str, top: float, reports: Sequence[ProgressReport]) -> list[str]:
    """A line over each stretch of reports that have a value; a single one is a dot."""
    last = max(1, reports[-1].step)
    stretches: list[list[tuple[float, float]]] = [[]]
    for report, value in zip(reports, curve.values, strict=True):
        if value is None or not math.isfinite(value):
            stretches.append([])
        else:
            y = HEIGHT * (1 - value / top) if top else HEIGHT
            stretches[-1].append((WIDTH * report.step / last, y))
    drawn = []
    for path in filter(None, stretches):
        if len(path) == 1:
            drawn.append(f'<circle cx="{path[0][0]:.1f}" cy="{path[0][1]:.1f}" r="3" fill="{colour}"/>')
        else:
            drawn.append(f'<polyline class="line" style="stroke:{colour}" points="{points(path)}"/>')
    return drawn


def _ticks(top: float) -> list[float]:
    """Round values from 0 up to the highest, three to six of them."""
    if not top >= sys.float_info.min:  # of smaller numbers the half may be 0
        return [0.0, 1.0]
    power = 10.0 ** math.floor(math.log10(top / 2))
    step = next(step for step in (power, 2 * power, 5 * power, 10 * power) if top / step < 6)
    return [float(f"{step * i:.6g}") for i in range(math.floor(top / step + 1e-9) + 1)]
