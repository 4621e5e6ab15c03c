"""Soft evidence for the recognizer: spans in `doc.spans["gazetteer"]` that are probably entities."""

from collections.abc import Iterable, Sequence
from itertools import accumulate

from spacy.tokens import Doc, Span

from ..entities import Entity
from ..entity_decoding import Evidence, make_evidence
from ..errors import Errors
from ..tag_scheme import TagScheme
from ..tokenization.span_groups import CharacterSpans
from ..tokenization.word_list import DEFAULT_BONUS

EVIDENCE_KEY = "gazetteer"
BONUSES = "bonuses"


def write_evidence(doc: Doc, spans: Iterable[Span], bonus: float) -> None:
    """Add spans to the evidence of a document.

    doc (Doc): The document.
    spans (Iterable[Span]): Any, also overlapping ones.
    bonus (float): What each of their tokens adds to the score of its tag, in log-odds.
    """
    new = list(spans)
    earlier = list(doc.spans.get(EVIDENCE_KEY, []))
    bonuses = [*_bonuses(doc), *[bonus] * len(new)]
    attrs = {BONUSES: bonuses}
    doc.spans[EVIDENCE_KEY] = CharacterSpans(doc, name=EVIDENCE_KEY, spans=[*earlier, *new], attrs=attrs)


def find_evidence(docs: Sequence[Doc], scheme: TagScheme) -> Evidence:
    """Read the evidence of documents.

    A path gains the bonus once a token where its tag is that of the span, so whole spans gain most, and long words more
    than short ones.

    docs (Sequence[Doc]): The documents.
    scheme (TagScheme): What the tags mean.
    RETURNS (Evidence): Rows count through all documents.
    RAISES (ValueError): For a label that is not in the scheme.
    """
    rows: list[int] = []
    tags: list[int] = []
    bonuses: list[float] = []
    for doc, first in zip(docs, accumulate(map(len, docs), initial=0), strict=False):
        for span, bonus in zip(doc.spans.get(EVIDENCE_KEY, ()), _bonuses(doc), strict=True):
            if span.label_ not in scheme.labels:
                raise ValueError(Errors.ZT360.format(label=span.label_, text=span.text, labels=list(scheme.labels)))
            path = scheme.path(Entity(span.start, span.end, span.label_))
            rows += range(first + span.start, first + span.end)
            tags += path
            bonuses += [bonus] * len(path)
    return make_evidence(rows, tags, bonuses)


def _bonuses(doc: Doc) -> list[float]:
    """The bonus of each span that is evidence already."""
    if EVIDENCE_KEY not in doc.spans:
        return []
    group = doc.spans[EVIDENCE_KEY]
    bonuses: list[float] = group.attrs.get(BONUSES, [DEFAULT_BONUS] * len(group))
    if len(bonuses) != len(group):
        raise ValueError(Errors.ZT363.format(key=EVIDENCE_KEY, bonuses=len(bonuses), spans=len(group)))
    return bonuses
