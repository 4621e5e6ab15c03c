"""Compute seqeval's classification report, which most papers cite, from compared documents."""

from collections.abc import Iterable, Sequence
from typing import Any

from ..entities import Entity
from ..errors import Errors
from ..extras import has_seqeval, install_hint
from .compared import Compared

MODES = ("strict", "default")


def require_seqeval() -> None:
    """Raise where seqeval is not installed.

    RAISES (ValueError): With how to install it.
    """
    if not has_seqeval():
        raise ValueError(Errors.ZT402.format(hint=install_hint("evaluate")))


def seqeval_reports(documents: Sequence[Compared]) -> dict[str, dict[str, dict[str, float]]]:
    """Score with seqeval, in both of its modes.

    "strict" takes legal IOB2 tags only as entities, "default" reads tags as conlleval does. From entities, as here,
    every tag is legal, so the two agree; they differ for taggers that write tags of their own.

    documents (Sequence[Compared]): What was predicted, and the gold.
    RETURNS (dict): By mode, then by label and kind of average: precision, recall, f1-score and support, as shares.
    RAISES (ValueError): Where seqeval is not installed.
    """
    require_seqeval()
    from seqeval.metrics import classification_report
    from seqeval.scheme import IOB2

    if not any(document.expected or document.found for document in documents):
        return {mode: {} for mode in MODES}  # seqeval takes no data without an entity
    gold = [iob2_tags(document.expected, len(document.text)) for document in documents]
    predicted = [iob2_tags(document.found, len(document.text)) for document in documents]
    strict: dict[str, Any] = {"mode": "strict", "scheme": IOB2}
    return {
        mode: {
            name: {key: float(value) for key, value in row.items()}
            for name, row in classification_report(
                gold, predicted, output_dict=True, zero_division=0, **(strict if mode == "strict" else {})
            ).items()
        }
        for mode in MODES
    }


def iob2_tags(entities: Iterable[Entity], length: int) -> list[str]:
    """Write entities as one IOB2 tag a character.

    entities (Iterable[Entity]): By character.
    length (int): Of the text.
    RETURNS (list[str]): The tags.
    """
    tags = ["O"] * length
    for start, end, label in entities:
        tags[start:end] = [f"B-{label}", *[f"I-{label}"] * (end - start - 1)]
    return tags
