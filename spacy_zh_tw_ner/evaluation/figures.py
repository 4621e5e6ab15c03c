"""Draw figures for a paper: scores with intervals, and the confusion matrix of labels, as SVG or PNG."""

from collections.abc import Iterable, Mapping
from html import escape
from pathlib import Path

from ..crf import Reliability
from ..errors import Errors, MissingExtraError, SettingError
from ..extras import has_resvg, install_hint
from ..outputs import require_report
from ..svg import points, render_svg
from .bootstrap import Scores, Summary
from .mistakes import Confusion

FORMATS = (".svg", ".png")
PNG_ZOOM = 3  # 96 dots an inch become 288, about what printers ask for
# Okabe and Ito (2008): told apart by colour-blind readers, too, and in print.
COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00")
FONT = 'font-family="Noto Sans TC, Noto Sans CJK TC, PingFang TC, Microsoft JhengHei, sans-serif"'
ROW, BAR, PLOT = 12, 12, 420  # space between groups, height of a bar, width of 0 to 100, in pixels
CELL = 52
WIDE, NARROW = 12.0, 7.2  # of a Chinese character and of a Latin one, at 12 pixels


def draw_scores(summaries: Mapping[str, Summary]) -> str:
    """Draw F by label, with micro and macro, as bars with intervals: one a pipeline.

    summaries (Mapping[str, Summary]): By name of the pipeline.
    RETURNS (str): SVG.
    """
    groups = sorted({name for summary in summaries.values() for name in summary.groups})
    rows: list[tuple[str, list[Scores | None]]] = [
        ("micro", [summary.micro for summary in summaries.values()]),
        ("macro", [summary.macro for summary in summaries.values()]),
        *((name, [summary.groups.get(name) for summary in summaries.values()]) for name in groups),
    ]
    step = BAR * len(summaries) + ROW
    left, top = 24 + max(_width(name) for name, _ in rows), 16 + 18 * (len(summaries) if len(summaries) > 1 else 0)
    bottom = top + step * len(rows)
    parts = []
    if len(summaries) > 1:
        for i, name in enumerate(summaries):
            parts.append(f'<rect x="{left}" y="{4 + 18 * i}" width="12" height="12" fill="{_colour(i)}"/>')
            parts.append(_text(left + 18, 14 + 18 * i, name))
    for share in range(0, 101, 20):
        x = left + PLOT * share / 100
        parts.append(f'<line x1="{x:.1f}" y1="{top}" x2="{x:.1f}" y2="{bottom}" stroke="#ddd"/>')
        parts.append(_text(x, bottom + 16, str(share), anchor="middle"))
    parts.append(_text(left + PLOT / 2, bottom + 34, "F (%), 95 % interval", anchor="middle"))
    for i, (name, scores) in enumerate(rows):
        y = top + step * i + ROW / 2
        parts.append(_text(left - 8, y + (step - ROW) / 2 + 4, name, anchor="end", bold=i < 2))
        parts += [_bar(left, y + BAR * j, score, _colour(j)) for j, score in enumerate(scores) if score is not None]
    width = left + max(PLOT + 64, *(18 + _width(name) + 12 for name in summaries))
    return _svg(width, bottom + 44, parts)


def draw_confusion(found: Confusion) -> str:
    """Draw the matrix of labels: a row a gold label, a column what it became.

    A cell holds how many entities have the very same boundaries, and behind a plus how many only overlap. The darker,
    the larger the share of the row.

    found (Confusion): The matrix.
    RETURNS (str): SVG.
    """
    rows, columns = [*found.labels, "(none)"], [*found.labels, "(missed)"]
    left, above = 32 + max(map(_width, rows)), 40 + max(map(_width, columns))
    side = CELL * len(rows)
    totals = (found.exact + found.inexact).sum(axis=1).tolist()
    parts = [_text(left + side / 2, 18, "predicted", anchor="middle", bold=True)]
    middle = f"{above + side / 2:.1f}"
    parts.append(
        f'<g transform="translate(16,{middle}) rotate(-90)">{_text(0, 0, "gold", anchor="middle", bold=True)}</g>'
    )
    for j, name in enumerate(columns):
        x = left + CELL * (j + 0.5) + 4
        parts.append(f'<g transform="translate({x:.1f},{above - 8}) rotate(-90)">{_text(0, 0, name)}</g>')
    for i, name in enumerate(rows):
        y = above + CELL * i
        parts.append(_text(left - 8, y + CELL / 2 + 4, name, anchor="end"))
        for j in range(len(columns)):
            if i == j == len(found.labels):
                continue  # nothing predicted where nothing was: nobody can count that
            x, exact, inexact = left + CELL * j, int(found.exact[i, j]), int(found.inexact[i, j])
            share = (exact + inexact) / max(1, totals[i])
            shade = COLOURS[0] if i == j else COLOURS[5]
            parts.append(
                f'<rect x="{x}" y="{y}" width="{CELL}" height="{CELL}" fill="{shade}" fill-opacity="{share:.3f}" '
                'stroke="#ccc"/>'
            )
            ink = "#fff" if share > 0.55 else "#222"
            if exact or inexact:
                at = y + CELL / 2 + (4 if not inexact else -3)
                parts.append(_text(x + CELL / 2, at, str(exact), anchor="middle", fill=ink))
            if inexact:
                parts.append(_text(x + CELL / 2, y + CELL / 2 + 14, f"+{inexact}", anchor="middle", fill=ink, size=10))
    parts.append(_text(left, above + side + 20, "n: same boundaries · +n: overlapping", size=10))
    return _svg(left + max(side, 200) + 16, above + side + 32, parts)


def picture_format(path: Path) -> str:
    """The format of a picture, by the end of its name.

    path (Path): Where it will be written.
    RETURNS (str): One of FORMATS.
    RAISES (ValueError): For another one, and for a PNG where resvg-py is not installed.
    """
    suffix = path.suffix.lower()
    if suffix not in FORMATS:
        raise SettingError(Errors.ZT404.format(value=str(path), choices=", ".join(FORMATS)))
    if suffix == ".png" and not has_resvg():
        raise MissingExtraError(Errors.ZT403.format(path=path, hint=install_hint("evaluate")))
    return suffix


def require_picture(path: Path, *, inputs: Iterable[Path] = ()) -> None:
    """Check that a picture may be written: its format, and what is there already.

    path (Path): Where it will be written.
    inputs (Iterable[Path]): Files and folders that it must not replace.
    RAISES (ValueError): See `picture_format`.
    RAISES (OutputError): See `require_report`.
    """
    require_report(path, picture_format(path).removeprefix(".").upper(), inputs=inputs)


def picture_bytes(svg: str, path: Path) -> bytes:
    """Bring a drawing to the format that a path asks for; see `picture_format`."""
    if picture_format(path) == ".svg":
        return svg.encode()
    import resvg_py

    return bytes(resvg_py.svg_to_bytes(svg_string=svg, zoom=PNG_ZOOM, background="#ffffff"))


def _bar(left: float, y: float, scores: Scores, colour: str) -> str:
    value, low, high = (left + PLOT * share for share in scores.f)
    middle = y + BAR / 2
    return (
        f'<rect x="{left}" y="{y + 1}" width="{value - left:.1f}" height="{BAR - 2}" fill="{colour}"/>'
        f'<path d="M{low:.1f} {middle}H{high:.1f}M{low:.1f} {middle - 3}v6M{high:.1f} {middle - 3}v6" stroke="#222"/>'
        + _text(max(value, high) + 6, middle + 4, f"{100 * scores.f.value:.1f}", size=10)
    )


def _text(
    x: float, y: float, text: str, *, anchor: str = "start", bold: bool = False, fill: str = "#222", size: int = 12
) -> str:
    weight = ' font-weight="600"' if bold else ""
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
    return f'<text {place} font-size="{size}" fill="{fill}"{weight}>{escape(text)}</text>'


def _width(text: str) -> int:
    return round(sum(NARROW if char.isascii() else WIDE for char in text))


def _colour(i: int) -> str:
    return COLOURS[i % len(COLOURS)]


def _svg(width: float, height: float, parts: list[str]) -> str:
    size = f'viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" height="{height:.0f}"'
    paper = '<rect width="100%" height="100%" fill="#fff"/>'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" {FONT}>{paper}{"".join(parts)}</svg>\n'


SIZE, LEFT, TOP, BELOW = 240, 52, 56, 84  # of one panel, in pixels
STRIP = 10  # height of the bins, drawn below
STYLE = """
.ideal { stroke: #999; stroke-dasharray: 4 4 } .bin { fill: #2b6cb0; fill-opacity: .25 }
.line { fill: none; stroke: #2b6cb0; stroke-width: 2 } .point { fill: #2b6cb0 }
.gap { stroke: #c53030; stroke-width: 2 }
"""


def draw_reliability(panels: Mapping[str, Reliability]) -> str:
    """Draw reliability diagrams (DeGroot and Fienberg 1983) side by side.

    Each bin is a point at its mean score and its share of right entities. On the dashed line both are equal; the red
    stroke is the gap. Below lie the bins: where they are narrow, there are many entities.

    panels (Mapping[str, Reliability]): By title.
    RETURNS (str): SVG.
    """
    step = LEFT + SIZE + 28
    width, height = step * len(panels) + 12, TOP + SIZE + BELOW
    drawn = "".join(
        f'<g transform="translate({LEFT + i * step},{TOP})">{_panel(title, found)}</g>'
        for i, (title, found) in enumerate(panels.items())
    )
    return render_svg(width, height, drawn, STYLE)


def _panel(title: str, found: Reliability) -> str:
    total = int(found.counts.sum())
    rows = list(zip(*(column.tolist() for column in found), strict=True))
    path = [(SIZE * confidence, SIZE * (1 - accuracy)) for _, _, confidence, accuracy, _ in rows]
    error = found.expected_calibration_error
    parts = [
        f'<text class="title" y="-30">{escape(title)}</text>',
        f'<text y="-12">expected calibration error {error:.3f} · {total} entities</text>',
        f'<rect class="frame" width="{SIZE}" height="{SIZE}"/>',
        f'<line class="ideal" x1="0" y1="{SIZE}" x2="{SIZE}" y2="0"/>',
    ]
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        at = SIZE * share
        parts.append(f'<text class="axis" x="{at:.0f}" y="{SIZE + 16}" text-anchor="middle">{share:g}</text>')
        parts.append(f'<text class="axis" x="-8" y="{SIZE - at + 4:.0f}" text-anchor="end">{share:g}</text>')
    parts += [
        f'<line class="gap" x1="{x:.1f}" y1="{y:.1f}" x2="{x:.1f}" y2="{SIZE - x:.1f}"/>'
        f'<circle class="point" cx="{x:.1f}" cy="{y:.1f}" r="4"/>'
        for x, y in path
    ]
    parts.append(f'<polyline class="line" points="{points(path)}"/>')
    parts.append(f'<text x="{SIZE / 2}" y="{SIZE + 34}" text-anchor="middle">score</text>')
    parts.append(f'<text transform="translate(-36,{SIZE / 2}) rotate(-90)" text-anchor="middle">share right</text>')
    for lowest, highest, _, _, count in rows:
        x, across = SIZE * lowest, max(1.5, SIZE * (highest - lowest) - 1)
        parts.append(
            f'<rect class="bin" x="{x:.1f}" y="{SIZE + 44}" width="{across:.1f}" height="{STRIP}">'
            f"<title>{count} entities scored {lowest:.3f} to {highest:.3f}</title></rect>"
        )
    legend = f"each stretch: {max(row[-1] for row in rows)} entities" if rows else "no entities"
    parts.append(f'<text class="axis" x="{SIZE / 2}" y="{SIZE + 60 + STRIP}" text-anchor="middle">{legend}</text>')
    return "".join(parts)
