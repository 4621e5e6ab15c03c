"""Columns of the chains: every label has its own, and a new label moves none."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from spacy_zh_tw_ner.entities import Entity
from spacy_zh_tw_ner.tag_chains import TagChains

LABELS = ["A", "B", "C", "D", "E"]


def test_columns_are_those_of_the_diagram() -> None:
    chains = TagChains(["GPE", "ORG", "PERSON"], [["GPE", "PERSON"]])
    assert [columns.tolist() for columns in chains.columns] == [[0, 1, 2, 3, 4, 10, 11, 12, 13], [5, 6, 7, 8, 9]]
    assert [scheme.labels for scheme in chains.schemes] == [("GPE", "PERSON"), ("ORG",)]
    assert len(chains) == 14
    assert chains.path(Entity(0, 3, "PERSON")) == [10, 11, 12]
    assert chains.path(Entity(2, 3, "ORG")) == [9]


@given(st.permutations(LABELS), st.sets(st.sampled_from(LABELS)), st.integers(0, 4))
def test_a_new_label_moves_no_column(labels: list[str], group: set[str], n: int) -> None:
    groups = [sorted(group)] if group else []
    fewer, chains = TagChains(labels[:n], groups), TagChains(labels, groups)
    assert sorted(np.concatenate(chains.columns).tolist()) == list(range(len(chains)))
    for before, columns in zip(fewer.columns, chains.columns, strict=False):
        assert columns[: len(before)].tolist() == before.tolist()
    for label in labels[:n]:
        assert fewer.path(Entity(0, 4, label)) == chains.path(Entity(0, 4, label))


def test_entities_are_divided_by_chain() -> None:
    chains = TagChains(["A", "B", "C"], [["A", "C"]])
    entities = [Entity(0, 1, "B"), Entity(0, 2, "C"), Entity(1, 2, "A"), Entity(3, 4, "X")]
    assert chains.by_chain(entities) == [[Entity(0, 2, "C"), Entity(1, 2, "A")], [Entity(0, 1, "B")]]


def test_groups_of_one_label_change_nothing() -> None:
    assert TagChains(["A", "B"], [["B"]]).partition == TagChains(["A", "B"]).partition
    assert TagChains(["A", "B"], [["B", "A"]]).partition != TagChains(["A", "B"]).partition
