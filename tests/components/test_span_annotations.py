"""Test which emissions the evidence of documents raises, and by how much."""

import numpy as np
import pytest
import spacy
from spacy.tokens import Doc, Span

from spacy_zh_tw_ner.components.span_annotations import DEFAULT_BONUS, find_evidence, write_evidence
from spacy_zh_tw_ner.entity_decoding import add_evidence
from spacy_zh_tw_ner.tag_scheme import TagScheme

SCHEME = TagScheme(["LOC", "ORG"])
NLP = spacy.blank("zh_tw")


def raised(docs: list[Doc]) -> dict[tuple[int, str], float]:
    """Return (row, tag) → increase for every emission that evidence raises."""
    emissions = np.ones((sum(map(len, docs)), len(SCHEME)), np.float32)
    rows = add_evidence(emissions, find_evidence(docs, SCHEME)) - emissions
    return {(row, SCHEME.tags[tag]): float(rows[row, tag]) for row, tag in np.argwhere(rows).tolist()}


def test_each_token_of_a_span_raises_its_tag() -> None:
    docs = [NLP.make_doc(text) for text in ("台北", "", "聯發科在", "好")]
    write_evidence(docs[2], [Span(docs[2], 0, 3, "ORG"), Span(docs[2], 3, 4, "LOC")], 1.5)
    write_evidence(docs[0], [Span(docs[0], 0, 2, "LOC")], 0.5)
    first = {(0, "B-LOC"): 0.5, (1, "E-LOC"): 0.5}
    assert raised(docs) == first | {(2, "B-ORG"): 1.5, (3, "I-ORG"): 1.5, (4, "E-ORG"): 1.5, (5, "S-LOC"): 1.5}


@pytest.mark.parametrize("bonuses", [(0.5, 2.0), (2.0, 0.5)])
def test_higher_of_two_bonuses_for_one_tag_counts(bonuses: tuple[float, float]) -> None:
    doc = NLP.make_doc("台大醫院")
    for bonus, end in zip(bonuses, (2, 4), strict=True):
        write_evidence(doc, [Span(doc, 0, end, "ORG")], bonus)
    short, long = bonuses
    assert raised([doc]) == {
        (0, "B-ORG"): 2.0,
        (1, "E-ORG"): short,
        (1, "I-ORG"): long,
        (2, "I-ORG"): long,
        (3, "E-ORG"): long,
    }


def test_spans_without_bonuses_have_the_default_bonus() -> None:
    doc = NLP.make_doc("台北")
    doc.spans["gazetteer"] = [Span(doc, 0, 2, "LOC")]
    write_evidence(doc, [Span(doc, 1, 2, "ORG")], 1.0)
    assert raised([doc]) == {(0, "B-LOC"): DEFAULT_BONUS, (1, "E-LOC"): DEFAULT_BONUS, (1, "S-ORG"): 1.0}


def test_emissions_without_evidence_are_not_copied() -> None:
    emissions = np.zeros((2, len(SCHEME)), np.float32)
    assert add_evidence(emissions, find_evidence([NLP.make_doc("台北")], SCHEME)) is emissions
