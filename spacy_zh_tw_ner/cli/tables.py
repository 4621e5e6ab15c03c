"""Print tables whose columns align on a terminal, where Chinese characters are two cells wide."""

from collections.abc import Iterable, Sequence
from unicodedata import category, east_asian_width

SPACING = "   "
INVISIBLE = ("Mn", "Me", "Cf")  # marks that are drawn over the character before, and format characters


def print_table(
    rows: Iterable[Sequence[object]], *, header: Sequence[str], aligns: str = "", divider: bool = True
) -> None:
    """Print a table.

    rows (Iterable[Sequence[object]]): The cells of each row.
    header (Sequence[str]): One name per column.
    aligns (str): One letter per column, "l" or "r"; columns without one are aligned left.
    divider (bool): Print a line below the header.
    """
    cells = [tuple(header), *(tuple(str(cell) for cell in row) for row in rows)]
    widths = [max(map(display_width, column)) for column in zip(*cells, strict=True)]
    lines = [_row(row, widths, aligns) for row in cells]
    if divider:
        lines.insert(1, _row(["-" * width for width in widths], widths, ""))
    print("\n" + "\n".join(lines) + "\n")


def display_width(text: str) -> int:
    """Return the width of a text in terminal cells."""
    return sum(_cells(char) for char in text)


def _cells(char: str) -> int:
    if category(char) in INVISIBLE:
        return 0
    return 2 if east_asian_width(char) in "WF" else 1


def _row(cells: Sequence[str], widths: Sequence[int], aligns: str) -> str:
    padded = []
    for i, (cell, width) in enumerate(zip(cells, widths, strict=True)):
        space = " " * (width - display_width(cell))
        padded.append(space + cell if aligns[i : i + 1] == "r" else cell + space)
    return SPACING.join(padded).rstrip()
