"""Draw figures for papers as SVG or PNG: scores with intervals, the confusion matrix, and reliability diagrams."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from ..crf import Reliability
from ..errors import Errors, MissingExtraError, UsageError
from ..extras import has_resvg, install_hint
from ..outputs import require_report
from ..svg import COLOURS, colour_of, element, group, polyline, render_svg, text, text_width
from .bootstrap import Scores, Summary
from .mistakes import Confusion

FORMATS = (".svg", ".png")
PNG_ZOOM = 3  # 288 dots per inch instead of 96, enough for print
ROW, BAR, PLOT = 12, 12, 420  # pixels: space between groups, height of a bar, width of the axis from 0 to 100
CELL = 52  # pixels: side of a cell of the confusion matrix
PANEL, LEFT, TOP, BELOW = 240, 52, 56, 84  # pixels: side of a reliability diagram, and its margins
BLUE, RED = COLOURS[0], COLOURS[5]


def draw_scores(summaries: Mapping[str, Summary]) -> str:
    """Draw micro F, macro F and F by label as bars with 95 % intervals. Each score has one bar per pipeline.

    summaries (Mapping[str, Summary]): Name of each pipeline → its scores.
    RETURNS (str): The drawing as SVG.
    """
    groups = sorted({name for summary in summaries.values() for name in summary.groups})
    rows: list[tuple[str, list[Scores | None]]] = [
        ("micro", [summary.micro for summary in summaries.values()]),
        ("macro", [summary.macro for summary in summaries.values()]),
        *((name, [summary.groups.get(name) for summary in summaries.values()]) for name in groups),
    ]
    legend = list(summaries) if len(summaries) > 1 else []
    step = BAR * len(summaries) + ROW
    left, top = 24 + max(text_width(name) for name, _ in rows), 16 + 18 * len(legend)
    bottom = top + step * len(rows)
    parts = []
    for i, name in enumerate(legend):
        parts.append(element("rect", x=left, y=4 + 18 * i, width=12, height=12, fill=colour_of(i)))
        parts.append(text(left + 18, 14 + 18 * i, name))
    for percent in range(0, 101, 20):
        x = left + PLOT * percent / 100
        parts.append(element("line", x1=x, y1=top, x2=x, y2=bottom, stroke="#ddd"))
        parts.append(text(x, bottom + 16, str(percent), text_anchor="middle"))
    parts.append(text(left + PLOT / 2, bottom + 34, "F (%), 95 % interval", text_anchor="middle"))
    for i, (name, scores) in enumerate(rows):
        y = top + step * i + ROW / 2
        weight: dict[str, object] = {"font_weight": 600} if i < 2 else {}
        parts.append(text(left - 8, y + (step - ROW) / 2 + 4, name, text_anchor="end", **weight))
        parts += [_bar(left, y + BAR * j, score, colour_of(j)) for j, score in enumerate(scores) if score is not None]
    width = left + max(PLOT + 64, *(18 + text_width(name) + 12 for name in summaries))
    return render_svg(width, bottom + 44, parts)


def draw_confusion(found: Confusion) -> str:
    """Draw the confusion matrix: one row per gold label, one column per predicted label.

    A cell shows the number of entities with equal boundaries. After a plus sign, it shows the number of entities that
    overlap and have different boundaries. The last column, "(missed)", has the gold entities without a predicted one;
    the last row, "(none)", has the predicted entities without a gold one. Darker cells hold a larger share of their
    row.

    found (Confusion): The matrix.
    RETURNS (str): The drawing as SVG.
    """
    rows, columns = [*found.labels, "(none)"], [*found.labels, "(missed)"]
    left, above = 32 + max(map(text_width, rows)), 40 + max(map(text_width, columns))
    side = CELL * len(rows)
    shares = found.row_shares()
    heading: dict[str, object] = {"text_anchor": "middle", "font_weight": 600}
    parts = [text(left + side / 2, 18, "predicted", **heading)]
    parts.append(group(16, above + side / 2, text(0, 0, "gold", **heading), rotate=-90))
    for j, name in enumerate(columns):
        parts.append(group(left + CELL * (j + 0.5) + 4, above - 8, text(0, 0, name), rotate=-90))
    for i, name in enumerate(rows):
        y = above + CELL * i
        parts.append(text(left - 8, y + CELL / 2 + 4, name, text_anchor="end"))
        for j in range(len(columns)):
            if i == j == len(found.labels):
                continue  # neither gold nor predicted: always empty
            x, exact, inexact, share = left + CELL * j, int(found.exact[i, j]), int(found.inexact[i, j]), shares[i, j]
            shade = {"fill": BLUE if i == j else RED, "fill_opacity": f"{share:.3f}"}
            parts.append(element("rect", x=x, y=y, width=CELL, height=CELL, stroke="#ccc", **shade))
            ink: dict[str, object] = {"text_anchor": "middle", "fill": "#fff" if share > 0.55 else "#222"}
            middle = x + CELL / 2, y + CELL / 2
            if exact or inexact:
                parts.append(text(middle[0], middle[1] + (-3 if inexact else 4), str(exact), **ink))
            if inexact:
                parts.append(text(middle[0], middle[1] + 14, f"+{inexact}", font_size=10, **ink))
    parts.append(text(left, above + side + 20, "n: same boundaries · +n: overlapping", font_size=10))
    return render_svg(left + max(side, 200) + 16, above + side + 32, parts)


def draw_reliability(panels: Mapping[str, Reliability]) -> str:
    """Draw reliability diagrams (DeGroot and Fienberg 1983) side by side.

    The predicted entities are sorted by score and divided into bins of equal size. Each bin is a point: x is the mean
    score of its entities, and y is the share of them that are right. The dashed diagonal is perfect calibration. A red
    line connects each point with the diagonal. Below the diagram, the range of scores of each bin is drawn.

    panels (Mapping[str, Reliability]): Title of each diagram → its data.
    RETURNS (str): The drawing as SVG.
    """
    step = LEFT + PANEL + 28
    drawn = [group(LEFT + i * step, TOP, *_panel(title, found)) for i, (title, found) in enumerate(panels.items())]
    return render_svg(step * len(panels) + 12, TOP + PANEL + BELOW, drawn)


def picture_format(path: Path) -> str:
    """Return the format of a picture file, according to its suffix.

    path (Path): Path of the file, which need not exist.
    RETURNS (str): ".svg" or ".png".
    RAISES (UsageError): For another suffix.
    RAISES (MissingExtraError): For a PNG if resvg-py is not installed.
    """
    suffix = path.suffix.lower()
    if suffix not in FORMATS:
        raise UsageError(Errors.ZT404.format(value=str(path), choices=", ".join(FORMATS)))
    if suffix == ".png" and not has_resvg():
        raise MissingExtraError(Errors.ZT403.format(path=path, hint=install_hint("evaluate")))
    return suffix


def require_picture(path: Path, *, inputs: Iterable[Path] = ()) -> None:
    """Check that a picture can be written to a path.

    The suffix must be that of a supported format. A file that exists must be empty or a picture of this format, so that
    no other file is replaced.

    path (Path): Path of the picture.
    inputs (Iterable[Path]): Files and folders that the command reads, which the picture must not replace.
    RAISES (ZhTwNerError): If the suffix or the existing file is of another kind, the path is one of `inputs`, or
        resvg-py is needed and not installed.
    """
    require_report(path, picture_format(path).removeprefix(".").upper(), inputs=inputs)


def picture_bytes(svg: str, path: Path) -> bytes:
    """Return the content of a picture file for an SVG drawing: SVG or PNG, according to the suffix of `path`.

    Nothing is written. Errors are those of `picture_format`.
    """
    if picture_format(path) == ".svg":
        return svg.encode()
    import resvg_py

    return bytes(resvg_py.svg_to_bytes(svg_string=svg, zoom=PNG_ZOOM, background="#ffffff"))


def _bar(left: float, y: float, scores: Scores, colour: str) -> str:
    """Draw the bar of one F score, with its interval as a line and its value in percent as text; return the SVG.

    left (float), y (float): Left end and upper edge of the bar in pixels.
    scores (Scores): Of the scores, only `f` is drawn: F and the limits of its interval, from 0 to 1.
    colour (str): Colour of the bar.
    """
    value, low, high = (left + PLOT * share for share in scores.f)
    middle = y + BAR / 2
    whiskers = f"M{low:.1f} {middle}H{high:.1f}M{low:.1f} {middle - 3}v6M{high:.1f} {middle - 3}v6"
    return (
        element("rect", x=left, y=y + 1, width=value - left, height=BAR - 2, fill=colour)
        + element("path", d=whiskers, stroke="#222")
        + text(max(value, high) + 6, middle + 4, f"{100 * scores.f.value:.1f}", font_size=10)
    )


def _panel(title: str, found: Reliability) -> list[str]:
    """Draw one reliability diagram, with the expected calibration error below its title; return its SVG elements."""
    bins = list(zip(*(column.tolist() for column in found), strict=True))
    path = [(PANEL * confidence, PANEL * (1 - accuracy)) for _, _, confidence, accuracy, _ in bins]
    error, n_entities = found.expected_calibration_error, int(found.counts.sum())
    parts = [
        text(0, -30, title, font_size=14, font_weight=600),
        text(0, -12, f"expected calibration error {error:.3f} · {n_entities} entities"),
        element("rect", width=PANEL, height=PANEL, fill="#fff", stroke="#999"),
        element("line", x1=0, y1=PANEL, x2=PANEL, y2=0, stroke="#999", stroke_dasharray="4 4"),
    ]
    small: dict[str, object] = {"font_size": 11, "fill": "#666"}
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        parts.append(text(PANEL * share, PANEL + 16, f"{share:g}", text_anchor="middle", **small))
        parts.append(text(-8, PANEL * (1 - share) + 4, f"{share:g}", text_anchor="end", **small))
    for x, y in path:
        parts.append(element("line", x1=x, y1=y, x2=x, y2=PANEL - x, stroke=RED, stroke_width=2))
        parts.append(element("circle", cx=x, cy=y, r=4, fill=BLUE))
    parts.append(polyline(path, BLUE))
    parts.append(text(PANEL / 2, PANEL + 34, "score", text_anchor="middle"))
    parts.append(group(-36, PANEL / 2, text(0, 0, "share correct", text_anchor="middle"), rotate=-90))
    for lowest, highest, _, _, count in bins:
        hint = element("title", f"{count} entities scored {lowest:.3f} to {highest:.3f}")
        width = max(1.5, PANEL * (highest - lowest) - 1)
        place: dict[str, object] = {"x": PANEL * lowest, "y": PANEL + 44, "width": width, "height": 10}
        parts.append(element("rect", hint, **place, fill=BLUE, fill_opacity="0.25"))
    legend = f"each bin: {max(row[-1] for row in bins)} entities" if bins else "no entities"
    return [*parts, text(PANEL / 2, PANEL + 70, legend, text_anchor="middle", **small)]
