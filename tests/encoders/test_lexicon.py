"""Test word lists: all occurrences of words are found, and nothing else."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from spacy_zh_tw_ner.encoders.lexicon_embed import LONGEST, N_CLASSES, N_LENGTHS, Lexicon, read_words

CHARACTERS = "台北市大"  # few characters, so that words overlap, repeat and are prefixes of each other
BEGINS, CONTINUES, ENDS = range(3)


def by_hand(lists: list[list[str]], norms: list[str]) -> np.ndarray:
    """Compute `Lexicon.places` by comparing every part of the text with every list."""
    places = np.zeros((len(norms), len(lists), 3, N_LENGTHS))
    for start in range(len(norms)):
        for end in range(start + 2, len(norms) + 1):
            for index, words in enumerate(lists):
                if "".join(norms[start:end]) in words:
                    length = min(end - start, LONGEST) - 2
                    places[start, index, BEGINS, length] = 1
                    places[end - 1, index, ENDS, length] = 1
                    for inner in range(start + 1, end - 1):
                        places[inner, index, CONTINUES, length] = 1
    return places.reshape(len(norms), len(lists) * N_CLASSES)


@given(
    st.lists(st.lists(st.text(CHARACTERS, min_size=1, max_size=7), max_size=6), max_size=3),
    st.lists(st.sampled_from([*CHARACTERS, "台北", "\uffff"]), max_size=20),
)
@example([["台北"], ["北市", "台北"]], list("台北市"))  # a word of two lists
def test_all_words_are_found_and_nothing_else(lists: list[list[str]], norms: list[str]) -> None:
    places = Lexicon(lists).places(norms)
    assert places.dtype == np.float32
    np.testing.assert_array_equal(places, by_hand(lists, norms))


@given(st.lists(st.text(min_size=2, max_size=7), min_size=1, max_size=4), st.text(max_size=12))
def test_words_of_any_characters_are_found(words: list[str], text: str) -> None:
    norms = list(text + words[0] + text)
    np.testing.assert_array_equal(Lexicon([words]).places(norms), by_hand([words], norms))
    assert Lexicon([words]).places(norms).any()


def test_classes_are_position_in_the_word_and_length() -> None:
    places = Lexicon([["台北"], ["台北市政府"]]).places(list("在台北市政府")).reshape(6, 2, 3, N_LENGTHS)
    assert np.argwhere(places).tolist() == [
        [1, 0, BEGINS, 0],
        [1, 1, BEGINS, 3],
        [2, 0, ENDS, 0],
        [2, 1, CONTINUES, 3],
        [3, 1, CONTINUES, 3],
        [4, 1, CONTINUES, 3],
        [5, 1, ENDS, 3],
    ]


def test_word_list_has_one_word_per_line(tmp_path: Path) -> None:
    path = tmp_path / "words.txt"
    path.write_bytes("\ufeff台北市\r\n\n  大安區 \r\n北\nTaipei 101\n".encode())
    assert read_words(path) == ["台北市", "大安區", "Taipei101"]


def test_unusable_word_list_raises(tmp_path: Path) -> None:
    path = tmp_path / "words.txt"
    with pytest.raises(ValueError, match=r"\[ZT556\] The word list .*words.txt cannot be read: No such file"):
        read_words(path)
    path.write_bytes("台北".encode("big5"))
    with pytest.raises(ValueError, match=r"\[ZT557\] The word list .*words.txt is not UTF-8: byte 0xa5 at offset 0"):
        read_words(path)
    path.write_text("北\n\n市\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"\[ZT558\] The word list .*words.txt has 3 lines and no word of two"):
        read_words(path)
