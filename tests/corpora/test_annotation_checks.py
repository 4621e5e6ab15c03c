"""Invalid annotations are repaired or rejected, and counted."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_zh_tw_ner.corpora.annotation_checks import Tally, check_record
from spacy_zh_tw_ner.corpora.records import Record
from spacy_zh_tw_ner.entities import Entity


def check(text: str, *entities: tuple[int, int, str]) -> tuple[list[tuple[int, int, str]], Tally]:
    tally = Tally()
    record = check_record(Record(text, [Entity(*e) for e in entities], "news.txt:7", "a"), tally)
    assert (record.text, record.origin, record.doc_id) == (text, "news.txt:7", "a")
    return [tuple(e) for e in record.entities], tally


def test_valid_annotations_are_kept_and_sorted() -> None:
    kept, tally = check("臺北市的台積電", (4, 7, "ORG"), (0, 3, "GPE"))
    assert kept == [(0, 3, "GPE"), (4, 7, "ORG")]
    assert (tally.sentences, tally.entities, tally.repaired, tally.rejected) == (1, 2, 0, 0)


@pytest.mark.parametrize("edge", [" ", "  ", "\n", "\t", "\u3000", "\xa0", "\r\n", "\u2028"])
def test_white_space_at_the_edges_is_trimmed_and_counted(edge: str) -> None:
    n = len(edge)
    kept, tally = check(f"在{edge}臺北{edge}的", (1, 3 + 2 * n, "GPE"))
    assert kept == [(1 + n, 3 + n, "GPE")]
    assert (tally.entities, tally.repaired, tally.rejected) == (1, 1, 0)


def test_white_space_inside_an_entity_is_kept() -> None:
    assert check("在 New York 的", (2, 10, "GPE"))[0] == [(2, 10, "GPE")]


@pytest.mark.parametrize(
    ("start", "end", "surface"),
    [(2, 9, "好"), (3, 4, ""), (-1, 2, "今天"), (-2, -1, ""), (1, 1, ""), (0, 0, ""), (2, 1, ""), (40, 41, "")],
)
def test_spans_out_of_range_empty_or_reversed_are_rejected(start: int, end: int, surface: str) -> None:
    kept, tally = check("今天好", (start, end, "X"))
    assert kept == []
    assert (tally.entities, tally.rejected) == (0, 1)
    assert tally.rejects == [
        {
            "origin": "news.txt:7",
            "start": start,
            "end": end,
            "label": "X",
            "surface": surface,
            "reason": "outside the text of 3 characters, or empty",
            "text": "今天好",
        }
    ]


def test_a_span_of_white_space_alone_is_rejected() -> None:
    kept, tally = check("好\u3000 的", (1, 3, "X"))
    assert kept == []
    assert [reject["reason"] for reject in tally.rejects] == ["nothing but white space"]
    assert tally.repaired == 0


@pytest.mark.parametrize("order", [1, -1])
def test_the_longer_of_two_overlapping_spans_is_kept(order: int) -> None:
    kept, tally = check("臺北市政府警察局", *[(0, 3, "GPE"), (0, 5, "ORG")][::order])
    assert kept == [(0, 5, "ORG")]
    (reject,) = tally.rejects
    assert (reject["surface"], reject["label"], reject["reason"]) == ("臺北市", "GPE", "overlaps ORG at 0–5")


@pytest.mark.parametrize("order", [1, -1])
def test_the_first_of_two_overlapping_spans_of_equal_length_is_kept(order: int) -> None:
    kept, tally = check("甲乙丙丁", *[(0, 2, "A"), (1, 3, "B")][::order])
    assert (kept, tally.rejected) == ([(0, 2, "A")], 1)


def test_the_first_annotation_in_the_file_is_kept_for_equal_spans() -> None:
    assert check("甲乙", (0, 2, "B"), (0, 2, "A"))[0] == [(0, 2, "B")]


@pytest.mark.parametrize("again", [(0, 2, "A"), (0, 3, "A"), (-0, 2, "A")])
def test_a_repeated_annotation_is_kept_once_and_counted(again: tuple[int, int, str]) -> None:
    kept, tally = check("甲乙 丙", (0, 2, "A"), again, (0, 2, "A"))
    assert (kept, tally.entities, tally.duplicates, tally.rejected) == ([(0, 2, "A")], 1, 2, 0)


def test_equal_spans_with_two_labels_are_not_duplicates() -> None:
    kept, tally = check("甲乙", (0, 2, "A"), (0, 2, "B"))
    assert (kept, tally.duplicates, tally.rejected) == ([(0, 2, "A")], 0, 1)


def test_neighbours_do_not_overlap() -> None:
    assert check("甲乙丙", (0, 2, "A"), (2, 3, "A"))[0] == [(0, 2, "A"), (2, 3, "A")]


def test_the_longest_span_of_a_chain_of_overlaps_is_kept() -> None:
    kept, tally = check("甲乙丙丁戊己", (0, 2, "A"), (1, 4, "B"), (3, 6, "C"))
    assert kept == [(1, 4, "B")]
    assert [reject["label"] for reject in tally.rejects] == ["C", "A"]


def test_a_tally_sums_over_records() -> None:
    tally = Tally()
    check_record(Record("甲乙", [Entity(0, 2, "A")], "f:1", repairs=["1 inside tags without a beginning"]), tally)
    check_record(Record("甲 ", [Entity(0, 2, "A"), Entity(0, 9, "A")], "f:2"), tally)
    check_record(Record("", [], "f:3"), tally)
    assert (tally.sentences, tally.entities, tally.repaired, tally.rejected) == (3, 2, 2, 1)


@given(
    st.text("甲乙 \u3000", max_size=12),
    st.lists(st.tuples(st.integers(-2, 14), st.integers(-2, 14), st.sampled_from("AB")), max_size=8),
)
def test_every_annotation_is_counted_and_kept_ones_are_valid(text: str, entities: list[tuple[int, int, str]]) -> None:
    kept, tally = check(text, *entities)
    assert len(kept) + tally.rejected + tally.duplicates == len(entities)
    assert len(kept) == tally.entities
    position = 0
    for start, end, _ in kept:
        assert position <= start < end <= len(text)
        assert text[start:end] == text[start:end].strip()
        position = end
