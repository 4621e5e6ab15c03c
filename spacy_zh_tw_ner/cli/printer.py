"""Print messages on one line each: terminals wrap them, and other programs can search and copy them."""

from typing import Any

from wasabi import Printer  # type: ignore[attr-defined]  # it has no __all__

GLUE = "\x1f"  # a character at which wasabi does not wrap


class LinePrinter(Printer):
    """wasabi's printer without line breaks inside a message."""

    def text(  # type: ignore[override]  # all but the texts by keyword
        self, title: Any = "", text: Any = "", *, icon: str | None = None, **settings: Any
    ) -> Any:
        """Print a message; see `wasabi.Printer.text`."""
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
