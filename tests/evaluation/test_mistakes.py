"""Test the kinds of mistakes, and the confusion matrix."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_zh_tw_ner.entities import Entity
from spacy_zh_tw_ner.evaluation.mistakes import KINDS, Mistake, confusion, find_mistakes
from spacy_zh_tw_ner.evaluation.predictions import ComparedDoc

from .helpers import document, documents


@pytest.mark.parametrize(
    ("expected", "found", "kinds"),
    [
        ("Aaa", "Aaa", []),
        ("Aaa", "...", ["missed"]),
        ("...", "Aaa", ["spurious"]),
        ("Aaa", "Aa.", ["boundary"]),
        ("Aa.", "Aaa", ["boundary"]),
        ("Aaa", "Bbb", ["type"]),
        ("Aaa", "Bb.", ["both"]),
        ("Aa.Bb", "Aaaaa", ["boundary", "missed"]),
        ("Aaaaa", "Bb.Aa", ["boundary", "spurious"]),  # the entity of the same label is paired
        ("Aa.Bb", "Ccccc", ["both", "missed"]),
        ("AA", "Aa", ["boundary", "missed"]),
        ("Aa..", "..Aa", ["missed", "spurious"]),  # adjacent entities do not overlap
        ("AaBb", "BbAa", ["type", "type"]),
    ],
)
def test_mistakes_have_a_kind(expected: str, found: str, kinds: list[str]) -> None:
    assert [mistake.kind for mistake in find_mistakes(document(expected, found))] == kinds


def test_mistake_holds_gold_and_predicted_entity() -> None:
    (mistake,) = find_mistakes(document(".Aaa", ".Bb."))
    assert mistake == Mistake("both", Entity(1, 4, "A"), Entity(1, 3, "B"))
    assert mistake.labels == {"A", "B"}
    assert find_mistakes(document("A", "."))[0].labels == {"A"}


@given(documents())
def test_every_wrong_entity_is_in_one_mistake(one: ComparedDoc) -> None:
    mistakes = find_mistakes(one)
    expected = [m.expected for m in mistakes if m.expected]
    found = [m.found for m in mistakes if m.found]
    assert (sorted(expected), sorted(found)) == (sorted(one.expected - one.found), sorted(one.found - one.expected))
    assert {m.kind for m in mistakes} <= set(KINDS)
    assert (mistakes == []) is one.is_right


@given(st.lists(documents(), max_size=3))
def test_matrix_counts_every_entity_once(found: list[ComparedDoc]) -> None:
    labels, exact, inexact = confusion(found)
    both = exact + inexact
    for i, label in enumerate(labels):
        assert both[i].sum() == sum(entity.label == label for one in found for entity in one.expected)
        assert both[:, i].sum() == sum(entity.label == label for one in found for entity in one.found)
    assert exact.diagonal().sum() == sum(len(one.expected & one.found) for one in found)
    assert both[-1, -1] == 0


def test_matrix_by_example() -> None:
    found = confusion([document("Aa.Bb.Aa.", "Aa.Aa.Bbb"), document("A.B", "..."), document(".", "C")])
    assert found.to_json() == {
        "labels": ["A", "B", "C"],
        "exact": [[1, 0, 0, 1], [1, 0, 0, 1], [0, 0, 0, 0], [0, 0, 1, 0]],
        "inexact": [[0, 1, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]],
    }
    assert confusion([]).to_json() == {"labels": [], "exact": [[0]], "inexact": [[0]]}
