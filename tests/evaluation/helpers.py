"""Hypothesis strategies and helpers that create gold and predicted entities without spaCy."""

from hypothesis import strategies as st

from spacy_zh_tw_ner.entities import Entity
from spacy_zh_tw_ner.evaluation.predictions import ComparedDoc

TEXT = "臺北市政府警察局大安分局"


@st.composite
def entities(draw: st.DrawFn, length: int = len(TEXT)) -> frozenset[Entity]:
    """Draw entities that do not overlap."""
    cuts = sorted(draw(st.sets(st.integers(0, length), max_size=8)))
    pairs = zip(cuts[::2], cuts[1::2], strict=False)
    return frozenset(Entity(start, end, draw(st.sampled_from("ABC"))) for start, end in pairs)


@st.composite
def documents(draw: st.DrawFn) -> ComparedDoc:
    expected = draw(entities())
    # As for a real pipeline, the prediction is often right.
    return ComparedDoc(TEXT, expected, draw(st.one_of(st.just(expected), entities())))


def document(expected: str, found: str) -> ComparedDoc:
    """Create a document from two strings: "Aa.B" has an entity A of two characters, and a B at the fourth."""
    length = max(len(expected), len(found))
    return ComparedDoc(TEXT[:length], _entities(expected), _entities(found))


def _entities(drawn: str) -> frozenset[Entity]:
    found, start = set(), 0
    for end in range(1, len(drawn) + 1):
        if end == len(drawn) or drawn[end] != drawn[start].lower() or not drawn[end].isalpha():
            if drawn[start].isalpha():
                found.add(Entity(start, end, drawn[start].upper()))
            start = end
    return frozenset(found)
