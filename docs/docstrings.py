"""Extension of mkdocstrings that shows spaCy's docstring style, `name (type): meaning`, as a list."""

import re
from typing import Any

import griffe

ENTRY = re.compile(r"^(\w+) \((.*?)\): ", re.MULTILINE)


class ArgumentList(griffe.Extension):
    """Rewrite docstrings to Markdown before they are rendered."""

    def on_object(self, *, obj: griffe.Object, **kwargs: Any) -> None:
        """Make a list item of each argument, return value and exception."""
        if obj.docstring is not None and ENTRY.search(obj.docstring.value):
            text = ENTRY.sub(r"* **\1** (`\2`): ", obj.docstring.value)
            obj.docstring.value = re.sub(r"(?<!\n)\n(?=\* \*\*)", "\n\n", text, count=1)
