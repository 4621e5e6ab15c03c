"""Windows: every token is an own token of one window, no window is too large, and cuts are after clauses."""

import numpy as np
import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st

from spacy_zh_tw_ner.tokenization.clause_cuts import Window, cut_at_clauses
from spacy_zh_tw_ner.transformer.windows import ClauseWindows, windows_of_spans

NONE = np.empty(0, dtype=np.int64)
NLP = spacy.blank("zh_tw")


@given(
    counts=st.lists(st.integers(1, 4), max_size=120),
    ends=st.sets(st.integers(0, 119), max_size=30),
    size=st.integers(16, 60),
    overlap=st.integers(0, 4),
)
def test_every_token_is_in_one_window_with_all_available_context(
    counts: list[int], ends: set[int], size: int, overlap: int
) -> None:
    marks = np.array(sorted(end for end in ends if end < len(counts)), dtype=np.int64)
    found = cut_at_clauses(np.array(counts, dtype=np.int64), marks, size=size, overlap=overlap)
    assert [i for w in found for i in range(w.own_start, w.own_end)] == list(range(len(counts)))
    for w in found:
        assert w.start <= w.own_start < w.own_end <= w.end
        assert sum(counts[w.start : w.end]) <= size
        # The context has `overlap` wordpieces, less up to one token, as tokens are not cut. After a clause it is empty.
        if w.start == w.own_start:
            assert w.start == 0 or w.start - 1 in ends or overlap < counts[w.start - 1]
        else:
            assert w.start == 0 or sum(counts[w.start : w.own_start]) <= overlap < sum(
                counts[w.start - 1 : w.own_start]
            )
        if w.end == w.own_end:
            assert w.end == len(counts) or w.end - 1 in ends or overlap < counts[w.end]
        else:
            assert w.end == len(counts) or sum(counts[w.own_end : w.end]) <= overlap < sum(
                counts[w.own_end : w.end + 1]
            )


def test_a_document_that_fits_is_one_window() -> None:
    assert cut_at_clauses(np.ones(8, np.int64), NONE, size=8, overlap=2) == [Window(0, 8, 0, 8)]
    assert cut_at_clauses(NONE, NONE, size=8, overlap=2) == []


def test_cuts_come_after_clauses() -> None:
    text = "臺北市政府今天宣布新政策。市民都很高興，記者到場採訪；市長說明細節！"
    doc = NLP.make_doc(text)
    found = ClauseWindows(20, 2).windows(doc, np.ones(len(doc), np.int64))
    assert [text[w.own_start : w.own_end] for w in found] == [
        "臺北市政府今天宣布新政策。",
        "市民都很高興，記者到場採訪；",
        "市長說明細節！",
    ]


def test_windows_without_clauses_have_similar_lengths() -> None:
    found = cut_at_clauses(np.ones(421, np.int64), NONE, size=100, overlap=10)
    sizes = [w.own_end - w.own_start for w in found]
    assert len(sizes) == 6
    assert max(sizes) - min(sizes) <= 20


def test_windows_respect_a_smaller_limit_of_the_model() -> None:
    found = ClauseWindows(254, 16).windows(NLP.make_doc("好" * 100), np.ones(100, np.int64), size=30)
    assert max(w.end - w.start for w in found) <= 30


@pytest.mark.parametrize(("size", "overlap"), [(10, 3), (10, -1), (0, 1)])
def test_an_invalid_overlap_is_an_error(size: int, overlap: int) -> None:
    with pytest.raises(ValueError, match=rf"\[ZT312\] clause_windows has size={size} and overlap={overlap}"):
        ClauseWindows(size, overlap)


def test_clause_windows_is_a_span_getter() -> None:
    docs = [NLP.make_doc(text) for text in ("臺北。", "", "國立臺灣大學位於臺北市大安區")]
    spans = ClauseWindows(8, 2)(docs)
    assert [[span.text for span in of_doc] for of_doc in spans] == [
        ["臺北。"],
        [],
        ["國立臺灣大學位", "灣大學位於臺北", "位於臺北市大安區"],
    ]


def test_overlapping_spans_are_divided_in_the_middle() -> None:
    doc = NLP.make_doc("0123456789")
    assert windows_of_spans([doc[0:6], doc[4:10]]) == [Window(0, 6, 0, 5), Window(4, 10, 5, 10)]
    assert windows_of_spans([doc[7:9], doc[0:3]]) == [Window(0, 3, 0, 3), Window(7, 9, 7, 9)]
    assert windows_of_spans([]) == []
