"""Two words of a script with blanks have one between them when tokens are joined; nothing else has."""

from pathlib import Path

import pytest
from conversions import converted, lines

from spacy_zh_tw_ner.corpora.tags import blanks_before

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
def test_words_side_by_side_have_a_blank_between_them(sentence: str) -> None:
    pieces = sentence.split("|")
    tokens = [token for piece in pieces for token in piece.split(" ")]
    text = "".join(" " * blank + token for token, blank in zip(tokens, blanks_before(tokens), strict=True))
    assert text == "".join(pieces)


def test_columns_and_tokens_are_joined_alike(tmp_path: Path) -> None:
    rows = [("Steve", "B-P"), ("Jobs", "I-P"), ("在", "O"), ("New", "B-G"), ("York", "I-G"), ("。", "O")]
    expected = [("Steve Jobs在New York。", [("Steve Jobs", "P"), ("New York", "G")])]
    columns = "".join(f"{token} {tag}\n" for token, tag in rows)
    assert converted(tmp_path / "1", {"a.bio": columns}).docs == expected
    tokens, tags = zip(*rows, strict=True)
    assert converted(tmp_path / "2", {"a.jsonl": lines({"tokens": tokens, "tags": tags})}).docs == expected


def test_nothing_and_no_tokens_have_no_blanks() -> None:
    assert blanks_before([]) == []
    assert blanks_before(["", "New", "", "York"]) == [False] * 4
