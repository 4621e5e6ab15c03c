"""Print messages, tables, warnings about labels, and a progress bar to the terminal."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unicodedata import category, east_asian_width

from wasabi import Printer  # type: ignore[attr-defined]  # it has no __all__

if TYPE_CHECKING:
    from spacy.language import Language
    from spacy.tokens import Doc

GLUE = "\x1f"  # a character at which wasabi does not wrap
SPACING = "   "
INVISIBLE = ("Mn", "Me", "Cf")  # categories without width: combining marks and format characters


class LinePrinter(Printer):
    """wasabi's printer, without line breaks inside messages."""

    def text(  # type: ignore[override]  # all but the texts by keyword
        self, title: Any = "", text: Any = "", *, icon: str | None = None, **settings: Any
    ) -> Any:
        """Print a message, or return it, without line breaks at the width of the terminal.

        title (Any): The message.
        text (Any): More text, which is printed on the next line.
        icon (Optional[str]): Name of the symbol before the title, such as "warn".
        settings (Any): Other arguments of `wasabi.Printer.text`, such as `color`; `no_print`, to return the message
            instead of printing it; and `exits`, the status with which the process then ends.
        RETURNS (Any): The message if it is not to be printed, otherwise None.
        """
        symbol = self.icons.get(icon or "", "") if self.pretty else ""
        title, text = (str(part).replace(" ", GLUE) for part in (f"{symbol} {title}".strip(), text))
        shown = {key: settings.pop(key) for key in ("show", "no_print", "exits") if key in settings}
        line = str(super().text(title, text, no_print=True, **settings)).replace(GLUE, " ")
        if shown.get("no_print") or self.no_print:
            return line
        if shown.get("show", True):
            print(line)
        if shown.get("exits") is not None:
            raise SystemExit(shown["exits"])
        return None


msg = LinePrinter()


def warn_of_unknown_labels(nlp: "Language", golds: "Iterable[Doc]", data: Path) -> None:
    """Print a warning if gold documents have labels that a pipeline cannot predict.

    nlp (Language): The pipeline.
    golds (Iterable[Doc]): Documents with gold entities.
    data (Path): The file of the documents, for the message.
    """
    from ..components.inspection import unknown_labels_message

    message = unknown_labels_message(nlp, golds)
    if message is not None:
        msg.warn(f"{data}: {message}")


@contextmanager
def progress(source: Path) -> Iterator[tuple[Callable[[str], object], Callable[[float], object]]]:
    """Show a progress bar for reading a file or folder, if the output is a terminal.

    Otherwise messages are printed without a bar, and advancing the bar does nothing.

    source (Path): The file or folder.
    YIELDS (tuple[Callable[[str], object], Callable[[float], object]]): A function that prints a message; and a function
        that advances the bar. Its argument is the number of bytes read since its last call.
    """
    from tqdm import tqdm

    from ..corpora.splits import data_files

    total = sum(file.stat().st_size for file in data_files(source))
    with tqdm(total=total or None, unit="B", unit_scale=True, leave=False, disable=None) as bar:

        def notify(message: str) -> None:
            bar.clear()
            msg.info(message)

        yield notify, bar.update


def print_table(
    rows: Iterable[Sequence[object]], *, header: Sequence[str], aligns: str = "", divider: bool = True
) -> None:
    """Print a table to stdout. Each column is as wide as its widest cell.

    rows (Iterable[Sequence[object]]): The cells of each row, which are printed as `str(cell)`.
    header (Sequence[str]): The name of each column.
    aligns (str): One letter per column: "l" (left) or "r" (right), such as "lrr". Columns without a letter are aligned
        to the left.
    divider (bool): Print a line of dashes below the header.
    """
    cells = [tuple(header), *(tuple(str(cell) for cell in row) for row in rows)]
    widths = [max(map(display_width, column)) for column in zip(*cells, strict=True)]
    lines = [_row(row, widths, aligns) for row in cells]
    if divider:
        lines.insert(1, _row(["-" * width for width in widths], widths, ""))
    print("\n" + "\n".join(lines) + "\n")


def display_width(text: str) -> int:
    """Return the width of a text in terminal cells; Chinese characters have two."""
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
