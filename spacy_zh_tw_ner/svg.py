"""Shared layout and style of the SVG figures, which are self-contained files."""

from collections.abc import Iterable

STYLE = """
text { font: 12px system-ui, "Noto Sans TC", sans-serif; fill: #333 }
.title { font-weight: 600; font-size: 14px } .frame { fill: #fff; stroke: #999 } .axis { fill: #666; font-size: 11px }
"""


def render_svg(width: float, height: float, body: str, style: str = "") -> str:
    """Make a picture.

    width, height (float): In pixels.
    body (str): What is drawn, escaped already.
    style (str): CSS beside the common one.
    RETURNS (str): SVG, with a line break at its end.
    """
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'role="img"><style>{STYLE}{style}</style><rect width="100%" height="100%" fill="#fff"/>{body}</svg>\n'
    )


def points(path: Iterable[tuple[float, float]]) -> str:
    """Write points as a `polyline` wants them."""
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in path)
