"""Write self-contained SVG figures, without style sheets, fonts or scripts."""

import math
import sys
from collections.abc import Iterable
from html import escape

# Okabe and Ito (2008): distinguishable for colour-blind readers and in print.
COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00")
FONTS = "Noto Sans TC, Noto Sans CJK TC, PingFang TC, Microsoft JhengHei, sans-serif"
WIDE, NARROW = 12.0, 7.2  # width of a Chinese and of a Latin character at 12 pixels


def render_svg(width: float, height: float, parts: Iterable[str]) -> str:
    """Write a figure on a white background.

    width, height (float): Size in pixels.
    parts (Iterable[str]): The elements of the figure, as SVG.
    RETURNS (str): SVG, with a line break at its end.
    """
    size = f'viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" height="{height:.0f}"'
    opening = f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" font-family="{FONTS}">'
    return f"{opening}{element('rect', width='100%', height='100%', fill='#fff')}{''.join(parts)}</svg>\n"


def element(tag: str, *children: str, **attributes: object) -> str:
    """Return an SVG element.

    tag (str): Name of the element.
    children (str): Content of the element: SVG, or escaped text.
    attributes (object): Attributes by name, with "_" for "-", as in `stroke_width`. Floats are rounded to one decimal.
    RETURNS (str): SVG.
    """
    written = "".join(f' {name.rstrip("_").replace("_", "-")}="{_value(value)}"' for name, value in attributes.items())
    return f"<{tag}{written}>{''.join(children)}</{tag}>" if children else f"<{tag}{written}/>"


def text(x: float, y: float, content: str, **attributes: object) -> str:
    """Return an SVG element for text whose baseline begins at (x, y) in pixels.

    content (str): The text, which is escaped here.
    attributes (object): SVG attributes, with "_" for "-". `text_anchor="middle"` centres the text at x; the default
        `font_size` is 12 pixels.
    """
    return element("text", escape(content), **{"x": x, "y": y, "font_size": 12, "fill": "#222"} | attributes)


def group(x: float, y: float, *children: str, rotate: int = 0) -> str:
    """Return an SVG group of elements, whose origin is moved to (x, y) in pixels and rotated by `rotate` degrees."""
    return element("g", *children, transform=f"translate({x:.1f},{y:.1f})" + (f" rotate({rotate})" if rotate else ""))


def polyline(path: Iterable[tuple[float, float]], colour: str, **attributes: object) -> str:
    """Return an SVG line through points (x, y) in pixels.

    path (Iterable[tuple[float, float]]): The points.
    colour (str): Any SVG colour, such as one from `colour_of`.
    attributes (object): Further SVG attributes, with "_" for "-", such as `stroke_dasharray`.
    """
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in path)
    return element(
        "polyline", points=points, fill="none", stroke=colour, stroke_width=2, stroke_linejoin="round", **attributes
    )


def text_width(content: str) -> int:
    """Estimate the width of text in pixels, for a font size of 12 pixels."""
    return round(sum(NARROW if char.isascii() else WIDE for char in content))


def colour_of(i: int) -> str:
    """Return the colour, such as #0072b2, of data series `i`, from 0; the colours repeat after six."""
    return COLOURS[i % len(COLOURS)]


def round_ticks(top: float) -> list[float]:
    """Return three to six round values from 0 to at most `top`, for the ticks of an axis."""
    if not top >= sys.float_info.min:  # half of a subnormal number may be 0, which has no logarithm
        return [0.0, 1.0]
    power = 10.0 ** math.floor(math.log10(top / 2))
    step = next(step for step in (power, 2 * power, 5 * power, 10 * power) if top / step < 6)
    return [float(f"{step * i:.6g}") for i in range(math.floor(top / step + 1e-9) + 1)]


def _value(value: object) -> str:
    """Convert the value of an attribute to text: a float gets one decimal, any other value is escaped for SVG."""
    return f"{value:.1f}" if isinstance(value, float) else escape(str(value))
