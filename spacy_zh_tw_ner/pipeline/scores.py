"""`span._.score`: how probable an entity is, read from `doc.spans[key].attrs["scores"]`, which a DocBin keeps."""

import warnings
from bisect import bisect_left

from spacy.tokens import Doc, Span

from ..errors import Warnings
from ..types import Prediction

SPANS_KEY = "ner"
SCORES = "scores"


def get_score(span: Span) -> float | None:
    """Look up the score of an entity.

    span (Span): A span of any document.
    RETURNS (Optional[float]): Its probability, or None where no `zh_tw_crf_ner` has found this very entity.
    """
    group = span.doc.spans.get(SPANS_KEY)
    if group is None or SCORES not in group.attrs:
        return None
    # The group is in the order of the text and holds no overlap.
    index = bisect_left(group, span.start, key=lambda entity: entity.start)
    if index == len(group) or (group[index].start, group[index].end, group[index].label) != (
        span.start,
        span.end,
        span.label,
    ):
        return None
    return float(group.attrs[SCORES][index])


def register_extension() -> None:
    """Define `Span._.score` once; warn where another package's definition would hide ours."""
    if not Span.has_extension("score"):
        Span.set_extension("score", getter=get_score)
    elif Span.get_extension("score")[2] is not get_score:
        warnings.warn(Warnings.ZT901.format(key=SPANS_KEY), stacklevel=2)


def write_scores(doc: Doc, prediction: Prediction) -> None:
    """Keep the predicted entities and their scores on the document."""
    spans = [Span(doc, start, end, label=label) for start, end, label in prediction.ents]
    doc.spans[SPANS_KEY] = spans
    doc.spans[SPANS_KEY].attrs[SCORES] = list(prediction.scores)
