"""Inline markup is parsed and written."""

from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from spacy_zh_tw_ner.corpora.formats.markup import parse_line, read_markup
from spacy_zh_tw_ner.entities import Entity
from spacy_zh_tw_ner.errors import CorpusError
from tests.annotated_docs import write_markup

TEXTS = st.text(
    st.one_of(st.sampled_from("[]()\\#臺台 　𠮷\u2028\u200b\x00\t\r\nn"), st.characters()),
    max_size=40,
)
LABELS = st.text(st.characters(categories=("L", "N"), include_characters="_-[]\\#"), min_size=1, max_size=8)


@st.composite
def annotated(draw: st.DrawFn) -> tuple[str, list[Entity]]:
    text = draw(TEXTS)
    cuts = sorted(draw(st.sets(st.integers(0, len(text)), max_size=8)))
    pairs = zip(cuts[::2], cuts[1::2], strict=False)
    return text, [Entity(start, end, draw(LABELS)) for start, end in pairs]


@given(annotated())
@example(("# doc = x", []))
@example(("#", [Entity(0, 1, "A")]))
@example(("[](ORG)", [Entity(0, 7, "ORG")]))
@example(("\\", []))
@example(("\\#", [Entity(1, 2, "A")]))
@example(("\\n\n", [Entity(1, 3, "A")]))
@example(("台北市", [Entity(0, 2, "GPE"), Entity(2, 3, "GPE")]))
def test_written_markup_is_parsed_to_the_same_entities(sentence: tuple[str, list[Entity]]) -> None:
    text, entities = sentence
    assert parse_line(write_markup(text, entities)) == (text, entities)


@given(annotated())
def test_a_written_line_is_never_a_header(sentence: tuple[str, list[Entity]]) -> None:
    assert not write_markup(*sentence).startswith("#")


def test_entities_are_written_in_the_order_of_the_text() -> None:
    line = write_markup("臺北市的夏天", [Entity(4, 6, "DATE"), Entity(0, 3, "GPE")])
    assert line == "[臺北市](GPE)的[夏天](DATE)"


def test_round_brackets_need_no_backslash() -> None:
    assert parse_line("台積電(2330)[上漲](X)(了)") == ("台積電(2330)上漲(了)", [Entity(9, 11, "X")])


def test_a_line_break_is_one_character_of_the_text() -> None:
    assert parse_line(r"電話[02\n123](X)") == ("電話02\n123", [Entity(2, 8, "X")])


def test_offsets_count_code_points() -> None:
    assert parse_line(r"𠮷野家\[台\][台北](GPE)") == ("𠮷野家[台]台北", [Entity(6, 8, "GPE")])


BROKEN = {
    "[臺北市](GPE)的[夏天": "not closed",
    "的[臺北[市](GPE)](GPE)": "an entity inside an entity",
    "[](GPE)": "empty or unopened",
    "市](GPE)": "empty or unopened",
    "[臺北市](GPE": "stray bracket",
    "[臺北市]GPE": "stray bracket",
    "[臺北市](G PE)": "stray bracket",
    "[臺北市]()": "stray bracket",
    "夏]天": "stray bracket",
    "夏\\天": "backslash",
    "夏天\\": "backslash",
    "# dok = news-01": "is not a document header",
    "#臺灣": "is not a document header",
    "# doc =": "is not a document header",
}


@pytest.mark.parametrize("line", BROKEN)
def test_an_invalid_line_is_an_error_with_file_and_line(line: str, tmp_path: Path) -> None:
    path = tmp_path / "news.txt"
    path.write_text(f"# doc = a\n好天氣。\n\n{line}\n好天氣。\n", encoding="utf-8")
    with pytest.raises(CorpusError) as caught:
        list(read_markup(path))
    message = str(caught.value)
    assert message.startswith(f"[ZT201] {path}:4 cannot be used: ")
    assert BROKEN[line] in message
    assert "Write" in message  # the remedy


def test_records_have_document_ids_and_line_numbers(tmp_path: Path) -> None:
    path = tmp_path / "news.txt"
    path.write_bytes("\ufeff# doc = a\r\n[臺北](GPE)\r\n\r\n#  doc=b \r\n\\#台灣\u2028好\r\n   \r\n尾".encode())
    found = [(r.text, r.entities, r.origin, r.doc_id) for r in read_markup(path)]
    assert found == [
        ("臺北", [Entity(0, 2, "GPE")], f"{path}:2", "a"),
        ("#台灣\u2028好", [], f"{path}:5", "b"),
        ("尾", [], f"{path}:7", "b"),
    ]


def test_a_sentence_before_the_first_header_belongs_to_no_document(tmp_path: Path) -> None:
    path = tmp_path / "news.txt"
    path.write_text("好", encoding="utf-8")
    assert [r.doc_id for r in read_markup(path)] == [""]
