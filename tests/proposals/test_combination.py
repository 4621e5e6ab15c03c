"""Agreement is annotated, contradictions become alternatives, and every result has a legal reading."""

import tracemalloc

from hypothesis import given, settings
from hypothesis import strategies as st

from spacy_zh_tw_ner.components.partial_annotations import INSIDE_LABEL, OUTSIDE_LABEL
from spacy_zh_tw_ner.entities import Entity
from spacy_zh_tw_ner.proposals import Suggestion, combine


def suggest(start: int, end: int, label: str, source: str, precision: float) -> Suggestion:
    return Suggestion(Entity(start, end, label), source, precision)


def test_sources_that_agree_are_accepted_together() -> None:
    found = combine(
        [suggest(0, 2, "ORG", "a", 0.6), suggest(0, 2, "ORG", "b", 0.6), suggest(4, 6, "LOC", "a", 0.6)],
        accept=0.8,
        consider=0.2,
    )
    assert found.entities == [Entity(0, 2, "ORG")]  # 1 − 0.4² = 0.84
    assert found.alternatives == [Entity(4, 6, "LOC"), Entity(4, 6, "O")]


def test_a_source_does_not_agree_with_itself() -> None:
    found = combine([suggest(0, 2, "ORG", "a", 0.6)] * 3, accept=0.8, consider=0.2)
    assert not found.entities


def test_labels_that_contradict_each_other_are_alternatives_without_o() -> None:
    found = combine([suggest(0, 2, "ORG", "a", 0.9), suggest(0, 2, "LOC", "b", 0.9)], accept=0.8, consider=0.2)
    assert found.alternatives == [Entity(0, 2, "LOC"), Entity(0, 2, "ORG")]
    assert not found.entities
    assert len(found.conflicts) == 1


def test_ends_that_contradict_each_other_allow_o_where_only_one_reaches() -> None:
    found = combine([suggest(0, 2, "ORG", "a", 0.9), suggest(0, 4, "ORG", "b", 0.9)], accept=0.8, consider=0.2)
    assert found.alternatives == [Entity(0, 2, "ORG"), Entity(0, 4, "ORG"), Entity(2, 4, "O")]


def test_an_accepted_entity_outweighs_one_that_is_only_considered() -> None:
    found = combine([suggest(0, 2, "ORG", "a", 0.9), suggest(1, 4, "LOC", "b", 0.5)], accept=0.8, consider=0.2)
    assert (found.entities, found.alternatives) == ([Entity(0, 2, "ORG")], [])


def test_o_is_annotated_except_at_entities() -> None:
    found = combine([suggest(0, 6, "O", "a", 0.85), suggest(2, 4, "ORG", "b", 0.9)], accept=0.8, consider=0.2)
    assert found.outside == [Entity(0, 2, "O"), Entity(4, 6, "O")]
    assert found.entities == [Entity(2, 4, "ORG")]


def test_an_o_with_more_precision_contradicts_an_entity() -> None:
    found = combine([suggest(0, 6, "O", "a", 0.95), suggest(2, 4, "ORG", "b", 0.9)], accept=0.8, consider=0.2)
    assert found.alternatives == [Entity(2, 4, "ORG"), Entity(2, 4, "O")]
    assert len(found.conflicts) == 1


def test_parts_of_entities_count_where_no_entity_is_annotated() -> None:
    found = combine(
        [suggest(0, 6, "*", "a", 0.9), suggest(2, 4, "ORG", "b", 0.9), suggest(0, 9, "O", "c", 0.85)],
        accept=0.8,
        consider=0.2,
    )
    assert found.entities == [Entity(2, 4, "ORG")]
    assert found.alternatives == [Entity(0, 2, "*"), Entity(4, 6, "*")]
    assert found.outside == [Entity(6, 9, "O")]


def test_what_is_improbable_is_not_annotated() -> None:
    found = combine([suggest(0, 2, "ORG", "a", 0.1), suggest(3, 5, "O", "a", 0.5)], accept=0.8, consider=0.2)
    assert not any(found)


SUGGESTIONS = st.lists(
    st.builds(
        lambda start, length, label, source, precision: suggest(start, start + length, label, source, precision),
        st.integers(0, 8),
        st.integers(1, 4),
        st.sampled_from(["A", "B", OUTSIDE_LABEL, INSIDE_LABEL]),
        st.sampled_from(["one", "two", "three"]),
        st.sampled_from([0.1, 0.3, 0.5, 0.9, 1.0]),
    ),
    max_size=8,
)


@settings(max_examples=300, deadline=None)
@given(SUGGESTIONS)
def test_entities_alternatives_and_o_are_apart_and_each_alternative_can_be_read(suggestions: list[Suggestion]) -> None:
    found = combine(suggestions, accept=0.8, consider=0.2)
    kinds = [{i for e in found[kind] for i in range(e.start, e.end)} for kind in range(3)]
    assert not kinds[0] & kinds[1]
    assert not kinds[2] & (kinds[0] | kinds[1])
    assert len(kinds[0]) == sum(e.end - e.start for e in found.entities)
    assert combine(reversed(suggestions), accept=0.8, consider=0.2)[:3] == found[:3]
    # With one alternative as an entity, each other character of its group may be O or have a tag of another entity.
    allows_o = {i for e in found.alternatives if e.label == OUTSIDE_LABEL for i in range(e.start, e.end)}
    entities = [e for e in found.alternatives if e.label not in (OUTSIDE_LABEL, INSIDE_LABEL)]
    for one in entities:
        others = [e for e in entities if e.start < one.end and one.start < e.end]
        for i in {i for e in others for i in range(e.start, e.end)} - set(range(one.start, one.end)):
            assert i in allows_o


def test_thousands_of_long_overlapping_entities_take_little_memory() -> None:
    nested = [suggest(i, 4_000 - i, "ORG", "a", 0.9) for i in range(1_500)]
    tracemalloc.start()
    try:
        found = combine(nested, accept=0.8, consider=0.2)
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()
    assert found.alternatives[-2:] == [Entity(0, 1_499, "O"), Entity(2_501, 4_000, "O")]
