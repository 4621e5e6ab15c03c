"""Test the rows of Kangxi radicals, which follow from the order of code points."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_zh_tw_ner.encoders.char_ngrams import N_ROWS, STARTS, radical_row


@pytest.mark.parametrize(
    ("number", "characters"),
    [(1, "一丁七"), (9, "人仁他"), (30, "口台名"), (85, "水江河海"), (140, "艸花草"), (167, "金鋼銅鐵"), (214, "龠龢")],
)
def test_characters_have_the_number_of_their_kangxi_radical(number: int, characters: str) -> None:
    assert {radical_row(character) for character in characters} == {number}


def test_first_character_of_each_radical_is_the_radical() -> None:
    assert len(set(STARTS)) == 214
    assert [radical_row(chr(code)) for code in STARTS] == list(range(1, 215))
    assert [radical_row(chr(code - 1)) for code in STARTS[1:]] == list(range(1, 214))


def test_other_characters_have_rows_by_kind() -> None:
    assert radical_row("") == 0
    assert radical_row("a") == radical_row("z") == radical_row("taiwan")
    assert len({radical_row(c) for c in ("a", "A", "1", "，", "ア", "\uffff", " ", "臺")}) == 8


@given(st.text(max_size=2))
def test_every_norm_has_a_row(norm: str) -> None:
    assert 0 <= radical_row(norm) < N_ROWS
