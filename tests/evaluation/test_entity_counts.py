"""Test counts of entities by document and group."""

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_zh_tw_ner.entities import Entity
from spacy_zh_tw_ner.evaluation.entity_counts import (
    LENGTHS,
    LONGER,
    EntityCounts,
    by_length,
    by_surface,
    count_boundaries,
    count_entities,
    count_types,
)
from spacy_zh_tw_ner.evaluation.predictions import ComparedDoc

from .helpers import document, documents


def totals(table: EntityCounts) -> dict[str, tuple[int, ...]]:
    return {name: tuple(map(int, table.counts[:, i].sum(axis=0))) for i, name in enumerate(table.groups)}


@given(st.lists(documents(), max_size=4))
def test_counts_equal_those_of_each_document(found: list[ComparedDoc]) -> None:
    table = count_entities(found)
    assert table.counts.shape == (len(found), len(table.groups), 3)
    for i, one in enumerate(found):
        for j, label in enumerate(table.groups):
            expected = [entity for entity in one.expected if entity.label == label]
            predicted = [entity for entity in one.found if entity.label == label]
            right = sum(entity in one.expected for entity in predicted)
            assert table.counts[i, j].tolist() == [right, len(predicted) - right, len(expected) - right]


@given(st.lists(documents(), max_size=4), st.sampled_from([by_length, by_surface(frozenset("臺北市"))]))
def test_groups_sum_to_the_total(found: list[ComparedDoc], group: object) -> None:
    one = totals(count_entities(found, lambda entity, surface: "all")).get("all", (0, 0, 0))
    parts = totals(count_entities(found, group)).values()  # type: ignore[arg-type]
    assert tuple(map(sum, zip(*parts, strict=True))) == (one if parts else ())


def test_boundaries_ignore_labels() -> None:
    table = count_boundaries([document("Aa.Bb.Cc", "Bb.B..Cc")])
    assert totals(table) == {"boundary": (2, 1, 1)}


def test_types_count_overlapping_entities() -> None:
    table = count_types([document("Aaa.Bb.C", "Aa..Aa..")])
    assert totals(table) == {"A": (1, 1, 0), "B": (0, 0, 1), "C": (0, 0, 1)}


def test_one_prediction_is_paired_with_one_entity() -> None:
    assert totals(count_types([document("Aa.Aa", "Aaaaa")])) == {"A": (1, 0, 1)}


@given(documents())
def test_as_many_entities_as_possible_are_paired(one: ComparedDoc) -> None:
    """Compare with an enumeration of all pairings."""
    edges = [(a, b) for a in one.expected for b in one.found if a.label == b.label and a.start < b.end > a.start]
    edges = [(a, b) for a, b in edges if b.start < a.end]

    def is_pairing(chosen: tuple[tuple[Entity, Entity], ...]) -> bool:
        return all(a != c and b != d for (a, b), (c, d) in combinations(chosen, 2))

    most = max(size for size in range(len(edges) + 1) if any(map(is_pairing, combinations(edges, size))))
    table = count_types([one])
    assert table.counts[..., 0].sum() == most
    assert table.counts[..., [0, 1]].sum() == len(one.found)
    assert table.counts[..., [0, 2]].sum() == len(one.expected)


@given(documents())
def test_exact_entities_are_right_by_boundary_and_type(one: ComparedDoc) -> None:
    right = count_entities([one]).counts[..., 0].sum()
    assert right <= count_boundaries([one]).counts[..., 0].sum()
    assert right <= count_types([one]).counts[..., 0].sum()


@pytest.mark.parametrize(
    ("length", "name"), [(1, "1"), (4, "4"), (5, "5–6"), (6, "5–6"), (8, "7–8"), (9, "9+"), (99, "9+")]
)
def test_groups_by_length(length: int, name: str) -> None:
    assert by_length(Entity(0, length, "A"), "甲" * length) == name
    assert [*LENGTHS.values(), LONGER] == sorted([*LENGTHS.values(), LONGER])  # sorted tables are in this order


def test_seen_entities_may_have_another_label() -> None:
    group = by_surface(frozenset({"臺北市"}))
    assert [group(Entity(0, 3, label), "臺北市") for label in "AB"] == ["seen"] * 2
    assert group(Entity(0, 2, "A"), "臺北") == "unseen"


def test_counts_without_documents_or_entities_are_empty() -> None:
    assert count_entities([]).counts.shape == (0, 0, 3)
    assert count_entities([document("...", "...")]).counts.shape == (1, 0, 3)
