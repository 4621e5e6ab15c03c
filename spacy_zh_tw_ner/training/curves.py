"""Draw the training curves of a run as SVG: loss, scores, learning rates and memory over the steps."""

import math
from collections.abc import Sequence
from html import escape
from typing import NamedTuple

from ..svg import colour_of, element, group, polyline, render_svg, round_ticks, text
from .progress import ProgressReport

WIDTH, HEIGHT, LEFT, TOP, GAP_X, GAP_Y = 340, 170, 56, 52, 84, 92  # size of a panel, margins and gaps in pixels
SMALL: dict[str, object] = {"font_size": 11, "fill": "#666"}


class Curve(NamedTuple):
    """A curve of a panel.

    name: Its name in the legend; may be empty. values: One per evaluation of the run, None or NaN if it is missing.
    """

    name: str
    values: Sequence[float | None]


class Panel(NamedTuple):
    """One of the four diagrams of a run.

    title: Its title. curves: Its curves. top: Value that the y axis, which begins at 0, must reach at least.
    """

    title: str
    curves: list[Curve]
    top: float


def draw_curves(reports: Sequence[ProgressReport]) -> str:
    """Draw four panels with loss, scores, learning rates and peak memory over the steps.

    Learning rates of encoder and head differ by orders of magnitude, so each rate is drawn in percent of its highest
    value. A red dashed line marks each evaluation with a warning.

    reports (Sequence[ProgressReport]): Reports of one run, at least one.
    RETURNS (str): The SVG document.
    """
    panels = [_loss(reports), _scores(reports), _rates(reports), _memory(reports)]
    drawn = [
        group(LEFT + (i % 2) * (WIDTH + GAP_X), TOP + (i // 2) * (HEIGHT + GAP_Y), *_draw_panel(panel, reports))
        for i, panel in enumerate(panels)
    ]
    return render_svg(LEFT + 2 * WIDTH + GAP_X + 24, TOP + 2 * HEIGHT + GAP_Y + 48, drawn)


def _loss(reports: Sequence[ProgressReport]) -> Panel:
    # The loss before the first update is so high that all later values would form a flat line.
    losses = [report.loss if report.step or len(reports) == 1 else None for report in reports]
    highest = max((loss for loss in losses if loss is not None and math.isfinite(loss)), default=1.0)
    return Panel("loss per character", [Curve("", losses)], highest)


def _scores(reports: Sequence[ProgressReport]) -> Panel:
    measured = [report for report in reports if math.isfinite(report.score)]
    if measured and all(report.f is None for report in reports):  # no spans, or none of them annotated
        highest = max(measured, key=lambda report: report.score)
        # The y axis begins at 0; R², for example, may be less.
        scores = [max(0.0, report.score) if math.isfinite(report.score) else None for report in reports]
        return Panel(f"best score {highest.score:.4f}, step {highest.step}", [Curve("", scores)], 1.0)
    curves = [Curve("F", [report.f for report in reports])]
    curves += [Curve("P", [report.p for report in reports]), Curve("R", [report.r for report in reports])]
    best = max((report for report in reports if report.f is not None), key=lambda report: report.f or 0.0, default=None)
    return Panel("score" if best is None else f"best F {best.f:.2f}, step {best.step}", curves, 100.0)


def _rates(reports: Sequence[ProgressReport]) -> Panel:
    curves = []
    for part in reports[-1].rates:
        rates = [report.rates.get(part, 0.0) for report in reports]
        highest = max(rates) or 1.0
        name = f"{highest:.2g} at most" if part == "all" else f"{part}, {highest:.2g} at most"
        curves.append(Curve(name, [100 * rate / highest for rate in rates]))
    return Panel("learning rate, %", curves, 100.0)


def _memory(reports: Sequence[ProgressReport]) -> Panel:
    sizes = [report.peak_memory_mib for report in reports]
    highest = max((size for size in sizes if size is not None), default=0.0)
    name = next((report.memory for report in reports[::-1] if report.memory), "unknown")
    of = {"GPU": "on the GPU", "RSS": "of the process"}.get(name, name)
    return Panel(f"peak memory {of}, MiB", [Curve(f"{highest:.0f} at the end", sizes)], highest)


def _draw_panel(panel: Panel, reports: Sequence[ProgressReport]) -> list[str]:
    """Draw the frame, ticks, warnings, curves and legend of a panel.

    reports (Sequence[ProgressReport]): The reports, for the steps on the x axis and the warnings.
    RETURNS (list[str]): SVG elements.
    """
    ticks, last = round_ticks(panel.top), max(1, reports[-1].step)
    top = max(panel.top, ticks[-1])
    parts = [text(0, -26, panel.title, font_size=14, font_weight=600)]
    parts.append(element("rect", width=WIDTH, height=HEIGHT, fill="#fff", stroke="#999"))
    for tick in ticks:
        y = HEIGHT * (1 - tick / top)
        parts.append(element("line", x1=1, x2=WIDTH - 1, y1=y, y2=y, stroke="#e2e8f0"))
        parts.append(text(-6, y + 4, f"{tick:g}", text_anchor="end", **SMALL))
    for tick in round_ticks(last):
        parts.append(text(WIDTH * tick / last, HEIGHT + 16, f"{tick:g}", text_anchor="middle", **SMALL))
    for report in reports:
        if report.warnings:
            x = WIDTH * report.step / last
            parts.append(
                element("line", class_="warning", x1=x, x2=x, y1=0, y2=HEIGHT, stroke="#c53030", stroke_dasharray="3 3")
            )
    # The first curve is drawn above the others.
    for i, curve in reversed(list(enumerate(panel.curves))):
        parts += _draw_curve(curve, colour_of(i), top, reports)
    names = [element("tspan", escape(curve.name), fill=colour_of(i)) for i, curve in enumerate(panel.curves)]
    parts.append(element("text", "   ".join(names), **{"y": -9, "font_size": 12, "xml:space": "preserve"}))
    return parts


def _draw_curve(curve: Curve, colour: str, top: float, reports: Sequence[ProgressReport]) -> list[str]:
    """Draw a curve. It is interrupted at reports without a value; a value between two such reports is drawn as a dot.

    colour (str): Colour of the line, in SVG.
    top (float): The value at the top of the panel.
    reports (Sequence[ProgressReport]): The reports, for the steps on the x axis.
    RETURNS (list[str]): SVG elements.
    """
    last = max(1, reports[-1].step)
    paths: list[list[tuple[float, float]]] = [[]]
    for report, value in zip(reports, curve.values, strict=True):
        if value is None or not math.isfinite(value):
            paths.append([])
        else:
            paths[-1].append((WIDTH * report.step / last, HEIGHT * (1 - value / top) if top else HEIGHT))
    return [
        polyline(path, colour) if len(path) > 1 else element("circle", cx=path[0][0], cy=path[0][1], r=3, fill=colour)
        for path in filter(None, paths)
    ]
