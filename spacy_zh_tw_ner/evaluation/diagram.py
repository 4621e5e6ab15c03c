"""Reliabilities → one SVG picture: how often entities of a score are right, against the score."""

from collections.abc import Mapping
from html import escape

from ..crf import Reliability
from ..svg import points, render_svg

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
