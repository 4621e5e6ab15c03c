"""Costs and probabilities of annotations equal those of an enumeration of all paths."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spacy_zh_tw_ner.crf import Transitions
from spacy_zh_tw_ner.entities import Entity
from spacy_zh_tw_ner.error_detection.batch_posterior import BatchPosterior
from spacy_zh_tw_ner.tag_scheme import TagScheme

from .helpers import NLP, GivenEmissions, paths

TEXT = "台積電在竹"


@st.composite
def batches(draw: st.DrawFn) -> tuple[BatchPosterior, dict[tuple[Entity, ...], float]]:
    """Draw a sentence of up to four characters with random scores, and its paths with their log probabilities."""
    length, labels = draw(st.sampled_from([(1, ["ORG", "GPE"]), (2, ["ORG", "GPE"]), (4, ["ORG"])]))
    random = np.random.RandomState(draw(st.integers(0, 9999)))
    scheme, size = TagScheme(labels), draw(st.sampled_from([0.5, 3.0]))
    emissions = (random.randn(length, len(scheme)) * size).astype(np.float32)
    shapes = [(len(scheme), len(scheme)), (len(scheme),), (len(scheme),)]
    scores = Transitions(*(random.randn(*shape).astype(np.float32) for shape in shapes))
    temperature = draw(st.sampled_from([1.0, 2.0]))
    component = GivenEmissions(labels, emissions, scores)
    component.temperature = temperature
    batch = BatchPosterior(component, [NLP.make_doc(TEXT[:length])])
    cooled = Transitions(*(each / temperature for each in scores))
    return batch, paths(scheme, emissions / temperature, cooled)


@settings(max_examples=25)
@given(batches(), st.data())
def test_the_cost_of_gold_equals_brute_force(
    drawn: tuple[BatchPosterior, dict[tuple[Entity, ...], float]], data: st.DataObject
) -> None:
    batch, log_p = drawn
    gold = data.draw(st.sampled_from(sorted(log_p)))
    (cost,) = batch.costs([batch.gold(0, gold)])
    assert cost == pytest.approx(-log_p[gold], abs=2e-4)


@settings(max_examples=25)
@given(batches())
def test_the_best_cost_equals_brute_force(drawn: tuple[BatchPosterior, dict[tuple[Entity, ...], float]]) -> None:
    batch, log_p = drawn
    assert batch.best_costs()[0] == pytest.approx(-max(log_p.values()), abs=2e-4)
    assert log_p[tuple(batch.best(0))] == pytest.approx(max(log_p.values()), abs=2e-4)


@settings(max_examples=25)
@given(batches(), st.data())
def test_an_unknown_label_leaves_its_tokens_free(
    drawn: tuple[BatchPosterior, dict[tuple[Entity, ...], float]], data: st.DataObject
) -> None:
    batch, log_p = drawn
    start = data.draw(st.integers(0, batch.lengths[0] - 1))
    end = data.draw(st.integers(start + 1, batch.lengths[0]))
    gold = batch.gold(0, [Entity(start, end, "UNKNOWN")])
    assert gold.unjudged == (Entity(start, end, "UNKNOWN"),)
    inside = [p for found, p in log_p.items() if all(start <= e.start and e.end <= end for e in found)]
    assert batch.costs([gold])[0] == pytest.approx(-np.logaddexp.reduce(inside), abs=2e-4)


@settings(max_examples=25)
@given(batches())
def test_span_probabilities_equal_brute_force(drawn: tuple[BatchPosterior, dict[tuple[Entity, ...], float]]) -> None:
    batch, log_p = drawn
    length = batch.lengths[0]
    spans = [Entity(a, b, "ORG") for a in range(length) for b in range(a + 1, length + 1)]
    found = batch.span_probabilities([(0, span) for span in spans])
    outside = batch.outside_probabilities([(0, span) for span in spans])
    for span, p, q in zip(spans, found, outside, strict=True):
        assert p == pytest.approx(sum(np.exp(v) for k, v in log_p.items() if span in k), abs=1e-4)
        free = (v for k, v in log_p.items() if not any(e.start < span.end and span.start < e.end for e in k))
        assert q == pytest.approx(sum(map(np.exp, free)), abs=1e-4)


def test_offsets_of_grouped_tokens() -> None:
    import spacy

    nlp = spacy.blank("zh_tw", config={"nlp": {"tokenizer": {"group": ["latin"]}}})
    scheme = TagScheme(["ORG"])
    docs = [nlp.make_doc("在ASUS"), nlp.make_doc("ASUS")]
    scores = Transitions(*(np.zeros(shape, np.float32) for shape in [(5, 5), (5,), (5,)]))
    batch = BatchPosterior(GivenEmissions(["ORG"], np.zeros((3, len(scheme)), np.float32), scores), docs)
    whole, part = Entity(1, 5, "ORG"), Entity(1, 3, "ORG")
    assert batch.gold(0, [whole]).entities == {whole: Entity(1, 2, "ORG")}
    assert batch.gold(0, [part]).unjudged == (part,)
    assert batch.characters_of(0, 1, 2, "ORG") == whole
    # O or S for the first token, and any tag that can be a whole text for the second sentence
    assert batch.costs([batch.gold(0, [part]), batch.gold(1, [])]) == pytest.approx(
        [np.log(5 / 2), np.log(2)], abs=1e-4
    )
