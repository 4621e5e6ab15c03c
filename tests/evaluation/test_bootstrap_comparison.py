"""Test the comparison of two pipelines by the paired bootstrap."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from spacy_zh_tw_ner.evaluation.bootstrap import compare_counts, summarize
from spacy_zh_tw_ner.evaluation.entity_counts import count_entities
from spacy_zh_tw_ner.evaluation.predictions import ComparedDoc

from .helpers import document, documents, entities


@given(st.lists(documents(), min_size=1, max_size=5))
def test_pipeline_does_not_differ_from_itself(found: list[ComparedDoc]) -> None:
    table = count_entities(found)
    comparison = compare_counts(table, table, resamples=30)
    for difference in (comparison.micro, comparison.macro, *comparison.groups.values()):
        assert difference.f == (0, 0, 0)
        assert difference.p_value == 1


@given(st.lists(st.tuples(documents(), entities()), min_size=1, max_size=5))
def test_differences_equal_those_of_the_scores_and_are_antisymmetric(
    found: list[tuple[ComparedDoc, frozenset]],
) -> None:
    first = count_entities([one for one, _ in found])
    second = count_entities([one._replace(found=other) for one, other in found])
    there, back = (compare_counts(a, b, resamples=30) for a, b in ((first, second), (second, first)))
    scores = [summarize(table, resamples=5) for table in (first, second)]
    assert np.isclose(there.micro.f.value, scores[1].micro.f.value - scores[0].micro.f.value)
    assert np.isclose(there.macro.f.value, scores[1].macro.f.value - scores[0].macro.f.value)
    assert np.allclose(there.micro.f, [-back.micro.f.value, -back.micro.f.high, -back.micro.f.low])
    assert there.micro.p_value == back.micro.p_value
    assert set(there.groups) == {*first.groups, *second.groups}


def make(n_better: int, n_worse: int, n_same: int) -> tuple[list[ComparedDoc], list[ComparedDoc]]:
    right, wrong = document("A", "A"), document("A", ".")
    return (
        [wrong] * n_better + [right] * n_worse + [right, wrong] * n_same,
        [right] * n_better + [wrong] * n_worse + [right, wrong] * n_same,
    )


def test_large_differences_are_significant_and_small_ones_are_not() -> None:
    for n_better, n_worse, certain in ((40, 5, True), (12, 10, False)):
        comparison = compare_counts(*map(count_entities, make(n_better, n_worse, 100)))
        assert (comparison.micro.p_value < 0.01) is certain
        assert (comparison.micro.f.low > 0) is certain


def test_paired_intervals_are_narrower_than_unpaired() -> None:
    first, second = map(count_entities, make(20, 5, 200))
    paired = compare_counts(first, second).micro.f
    apart = summarize(first).micro.f
    assert paired.high - paired.low < (apart.high - apart.low) / 2


def test_equal_pipelines_are_seldom_significantly_different() -> None:
    rng = np.random.default_rng(0)
    called = 0
    for _ in range(200):
        tables = [count_entities([document("A", "A" if r else ".") for r in rng.random(80) < 0.7]) for _ in range(2)]
        called += compare_counts(tables[0], tables[1], resamples=200).micro.p_value < 0.05
    assert called / 200 <= 0.1


def test_json_is_in_percentage_points() -> None:
    found = compare_counts(*map(count_entities, make(10, 0, 0)), resamples=99).to_json()
    assert found["micro"] == {"difference": 100.0, "interval": [100.0, 100.0], "p_value": 0.01}
