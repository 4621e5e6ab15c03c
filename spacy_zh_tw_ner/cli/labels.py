"""Warn about gold labels that a pipeline cannot predict."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from .printer import msg

if TYPE_CHECKING:
    from spacy.language import Language
    from spacy.tokens import Doc


def warn_of_unknown_labels(nlp: "Language", golds: "Iterable[Doc]", data: Path) -> None:
    """Print a warning if gold documents have labels that a pipeline cannot predict; each label is reported once.

    nlp (Language): The pipeline.
    golds (Iterable[Doc]): Documents with gold entities.
    data (Path): The file that they are from.
    """
    from ..components.inspection import unknown_labels_message

    message = unknown_labels_message(nlp, golds)
    if message is not None:
        msg.warn(f"{data}: {message}")
