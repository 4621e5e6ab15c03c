"""Tags and entities are converted both ways; tokens are joined to texts with spaces between Latin words."""

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_zh_tw_ner.corpora.tags import blanks_before, decode_tags, encode_tags, find_tokens, is_iob1, join_tokens
from spacy_zh_tw_ner.entities import Entity
from tests.corpora.conversions import converted, lines


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
def test_iob1_is_detected_by_tags_invalid_in_iob2(sentences: list[str], expected: bool) -> None:
    assert is_iob1(sentence.split() for sentence in sentences) is expected


@given(st.lists(st.tuples(st.integers(1, 4), st.none() | st.sampled_from(["A", "B-C", "O"])), max_size=8))
def test_encoding_and_decoding_are_inverse(runs: list[tuple[int, str | None]]) -> None:
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


def test_bioes_marks_ends_and_single_tokens() -> None:
    entities = [Entity(0, 3, "A"), Entity(3, 4, "A")]
    assert encode_tags(entities, [(0, 1), (1, 3), (3, 4), (4, 5)], "bioes") == ["B-A", "E-A", "S-A", "O"]
    assert encode_tags(entities, [(0, 1), (1, 3), (3, 4), (4, 5)], "bio") == ["B-A", "I-A", "B-A", "O"]


@given(st.lists(st.text(max_size=3), max_size=6))
def test_joined_tokens_are_separated_by_spaces_only(tokens: list[str]) -> None:
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
def test_tokens_are_found_if_only_white_space_separates_them(
    tokens: list[str], text: str, expected: list[tuple[int, int]]
) -> None:
    assert find_tokens(tokens, text) == expected


SENTENCES = [
    "在|New York|的",
    "Steve Jobs|在|New York|。",
    "José García",
    "Jean-Luc Picard",
    "O’Brien Jr.",
    "St. Louis",
    "AT&T Inc.",
    "3M Company",
    "GPT-4 Turbo",
    "J K Rowling",
    "Vitamin C",
    "Лев Толстой Σωκράτης|的",
    "Nguyễn Văn",
    "e\u0301t e\u0301té",
    "김 대중|在",
    "iPhone|15",
    "Windows|11",
    "T|-|shirt",
    "rock|-|n|-|roll",
    "New York|,|USA",
    "(|IBM|)",
    "C|++|Builder",
    "do|n't go",
    "don|’t",
    "Steve|'s",
    "l'|homme",
    "A|型",
    "AI|晶片|ASUS|華碩",
    "S|t|e|v|e",
    "G|P|T|台",
    "ＡＢＣ|ＤＥＦ",
    "สวัสดี|ครับ",
    "ありがとう|カード",
    "2024|年",
    "12|34",
    "😀|OK",
]


@pytest.mark.parametrize("sentence", SENTENCES)
def test_adjacent_words_are_separated_by_a_space(sentence: str) -> None:
    pieces = sentence.split("|")
    tokens = [token for piece in pieces for token in piece.split(" ")]
    text = "".join(" " * blank + token for token, blank in zip(tokens, blanks_before(tokens), strict=True))
    assert text == "".join(pieces)


def test_column_and_hugging_face_files_are_joined_alike(tmp_path: Path) -> None:
    rows = [("Steve", "B-P"), ("Jobs", "I-P"), ("在", "O"), ("New", "B-G"), ("York", "I-G"), ("。", "O")]
    expected = [("Steve Jobs在New York。", [("Steve Jobs", "P"), ("New York", "G")])]
    columns = "".join(f"{token} {tag}\n" for token, tag in rows)
    assert converted(tmp_path / "1", {"a.bio": columns}).docs == expected
    tokens, tags = zip(*rows, strict=True)
    assert converted(tmp_path / "2", {"a.jsonl": lines({"tokens": tokens, "tags": tags})}).docs == expected


def test_empty_tokens_and_no_tokens_have_no_spaces() -> None:
    assert blanks_before([]) == []
    assert blanks_before(["", "New", "", "York"]) == [False] * 4
