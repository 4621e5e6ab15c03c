"""Entities and tags, both ways."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_zh_tw_ner.corpora.tags import decode_tags, encode_tags, find_tokens, is_iob1, join_tokens
from spacy_zh_tw_ner.entities import Entity


@pytest.mark.parametrize(
    ("sentences", "expected"),
    [
        (["I-A I-A O"], True),
        (["O I-A B-A O"], True),  # neighbours of one label
        (["I-A I-B O"], True),
        (["I-A O", "B-A O"], False),
        (["B-A I-A O"], False),
        (["I-A B-B O"], False),
        (["I-A E-A O"], False),
        (["I-A O S-A"], False),
        (["M-A O"], False),
        (["O O"], False),
        ([], False),
    ],
)
def test_iob1_is_told_by_what_only_it_does(sentences: list[str], expected: bool) -> None:
    assert is_iob1(sentence.split() for sentence in sentences) is expected


@given(st.lists(st.tuples(st.integers(1, 4), st.none() | st.sampled_from(["A", "B-C", "O"])), max_size=8))
def test_what_is_encoded_is_decoded(runs: list[tuple[int, str | None]]) -> None:
    entities, position = [], 0
    for n, label in runs:
        if label is not None:
            entities.append(Entity(position, position + n, label))
        position += n
    spans = [(i, i + 1) for i in range(position)]
    for scheme in ("bio", "bioes"):
        tags = encode_tags(entities, spans, scheme)
        assert decode_tags(tags, spans) == (entities, 0)
        assert not is_iob1([tags])
    assert {tag[0] for tag in encode_tags(entities, spans, "bio")} <= set("BIO")


def test_bioes_closes_what_it_opens() -> None:
    entities = [Entity(0, 3, "A"), Entity(3, 4, "A")]
    assert encode_tags(entities, [(0, 1), (1, 3), (3, 4), (4, 5)], "bioes") == ["B-A", "E-A", "S-A", "O"]
    assert encode_tags(entities, [(0, 1), (1, 3), (3, 4), (4, 5)], "bio") == ["B-A", "I-A", "B-A", "O"]


@given(st.lists(st.text(max_size=3), max_size=6))
def test_tokens_are_joined_with_nothing_but_blanks_between(tokens: list[str]) -> None:
    text, spans = join_tokens(tokens)
    assert "".join(text[end:start] for (_, end), (start, _) in pairwise([(0, 0), *spans])).strip(" ") == ""
    assert [text[start:end] for start, end in spans] == tokens


@pytest.mark.parametrize(
    ("tokens", "text", "expected"),
    [
        (["New", "York"], "New  York\n", [(0, 3), (5, 9)]),
        (["a", "a"], "aa", [(0, 1), (1, 2)]),
        (["甲", "乙"], "甲x乙", [(0, 1)]),
        (["甲", "乙"], "甲", [(0, 1)]),
        ([], "", []),
    ],
)
def test_tokens_are_found_with_nothing_but_white_space_between(
    tokens: list[str], text: str, expected: list[tuple[int, int]]
) -> None:
    assert find_tokens(tokens, text) == expected
