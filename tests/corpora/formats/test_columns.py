"""Columns of tokens and tags are read in all common layouts."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_zh_tw_ner.corpora.formats.columns import read_columns, split_row, tag_column, write_columns
from spacy_zh_tw_ner.corpora.records import Record
from spacy_zh_tw_ner.corpora.tags import decode_tags
from spacy_zh_tw_ner.entities import Entity
from spacy_zh_tw_ner.errors import CorpusError

TOKENS = "臺北市台積電王小明好"
ENTITIES = [Entity(0, 3, "GPE"), Entity(3, 6, "ORG"), Entity(6, 9, "ORG")]
SCHEMES = {
    "IOB1": "I-GPE I-GPE I-GPE I-ORG I-ORG I-ORG B-ORG I-ORG I-ORG O",
    "IOB2": "B-GPE I-GPE I-GPE B-ORG I-ORG I-ORG B-ORG I-ORG I-ORG O",
    "BIOES": "B-GPE I-GPE E-GPE B-ORG I-ORG E-ORG B-ORG I-ORG E-ORG O",
    "BMES": "B-GPE M-GPE E-GPE B-ORG M-ORG E-ORG B-ORG M-ORG E-ORG O",
    "BILOU": "B-GPE I-GPE L-GPE B-ORG I-ORG L-ORG B-ORG I-ORG L-ORG O",
}


def rows(tags: str, *, separator: str = " ", tokens: str = TOKENS) -> str:
    return "".join(f"{token}{separator}{tag}\n" for token, tag in zip(tokens, tags.split(), strict=True))


def read(tmp_path: Path, content: str | bytes) -> list[Record]:
    path = tmp_path / "corpus.bio"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return list(read_columns(path))


def message_of(tmp_path: Path, content: str) -> str:
    with pytest.raises(CorpusError) as caught:
        read(tmp_path, content)
    return str(caught.value)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_scheme_gives_the_same_entities(scheme: str, tmp_path: Path) -> None:
    (record,) = read(tmp_path, rows(SCHEMES[scheme]) + "\n")
    assert (record.text, record.entities) == (TOKENS, ENTITIES)


@pytest.mark.parametrize("single", ["B-LOC", "S-LOC", "U-LOC", "I-LOC"])
def test_an_entity_of_one_token_is_read_in_every_scheme(single: str, tmp_path: Path) -> None:
    (record,) = read(tmp_path, f"在 O\n台 {single}\n好 O\n\n")
    assert record.entities == [Entity(1, 2, "LOC")]


@pytest.mark.parametrize("pair", ["S-LOC S-LOC", "U-LOC U-LOC", "B-LOC B-LOC"])
def test_adjacent_entities_of_one_label_are_separate(pair: str, tmp_path: Path) -> None:
    (record,) = read(tmp_path, rows(pair, tokens="中台"))
    assert record.entities == [Entity(0, 1, "LOC"), Entity(1, 2, "LOC")]


@pytest.mark.parametrize("separator", ["\t", " ", "  ", "    "])
def test_tabs_and_spaces_separate_columns(separator: str, tmp_path: Path) -> None:
    (record,) = read(tmp_path, rows(SCHEMES["IOB2"], separator=separator))
    assert (record.text, record.entities) == (TOKENS, ENTITIES)


def test_trailing_spaces_carriage_returns_and_a_bom_are_removed(tmp_path: Path) -> None:
    content = "\ufeff" + rows(SCHEMES["BIOES"]).replace("\n", "  \r\n") + "\r\n" + "好 O \r\n"
    first, second = read(tmp_path, content)
    assert (first.text, first.entities, second.text) == (TOKENS, ENTITIES, "好")


def test_the_last_sentence_needs_no_blank_line(tmp_path: Path) -> None:
    content = rows(SCHEMES["IOB2"]) + "\n" + rows(SCHEMES["IOB2"])
    for ending in ("", "\n", "\n\n\n"):
        assert [r.entities for r in read(tmp_path, content.rstrip("\n") + ending)] == [ENTITIES, ENTITIES]


def test_origins_are_the_lines_of_the_first_tokens(tmp_path: Path) -> None:
    found = read(tmp_path, "\n好 O\n的 O\n\n\n好 O\n")
    assert [r.origin.rpartition(":")[2] for r in found] == ["2", "6"]


@pytest.mark.parametrize("line", ["-DOCSTART- -X- O O", "-DOCSTART- O", "-DOCSTART-"])
def test_docstart_is_not_a_token(line: str, tmp_path: Path) -> None:
    found = read(tmp_path, f"{line}\n\n好 O\n\n{line}\n\n台 B-LOC\n")
    assert [(r.text, r.entities) for r in found] == [("好", []), ("台", [Entity(0, 1, "LOC")])]


def test_several_docstarts_separate_documents_but_a_single_one_does_not(tmp_path: Path) -> None:
    content = "-DOCSTART- O\n\n好 O\n\n的 O\n\n-DOCSTART- O\n台 B-LOC\n"
    assert [r.doc_id for r in read(tmp_path, content)] == ["corpus-1", "corpus-1", "corpus-2"]
    assert [r.doc_id for r in read(tmp_path, "-DOCSTART- O\n\n好 O\n\n的 O\n")] == ["", ""]


def test_docstart_without_blank_lines_ends_a_sentence(tmp_path: Path) -> None:
    assert [r.text for r in read(tmp_path, "好 O\n-DOCSTART- O\n的 O\n")] == ["好", "的"]


def test_a_text_comment_gives_the_spacing(tmp_path: Path) -> None:
    content = "# text = 在 New York 的 台北\n1\t在\tO\n2\tNew\tB-LOC\n3\tYork\tI-LOC\n4\t的\tO\n5\t台北\tB-LOC\n"
    (record,) = read(tmp_path, content)
    assert record.text == "在 New York 的 台北"
    assert [record.text[e.start : e.end] for e in record.entities] == ["New York", "台北"]


def test_a_text_comment_is_for_one_sentence_only(tmp_path: Path) -> None:
    found = read(tmp_path, "# text = 好 的\n好 O\n的 O\n\n好 O\n的 O\n")
    assert [r.text for r in found] == ["好 的", "好的"]


def test_a_document_comment_names_the_sentences_that_follow(tmp_path: Path) -> None:
    found = read(tmp_path, "# newdoc id = a-1\n# sent_id = 1\n好 O\n\n# sent_id = 2\n的 O\n\n# newdoc id = b\n了 O\n")
    assert [r.doc_id for r in found] == ["a-1", "a-1", "b"]


def test_a_hash_inside_a_sentence_is_a_token(tmp_path: Path) -> None:
    (record,) = read(tmp_path, "好 O\n# O\n台 B-LOC\n")
    assert (record.text, record.entities) == ("好#台", [Entity(2, 3, "LOC")])


@pytest.mark.parametrize("label", ["GPE-NAM", "LOC-city", "a-b-c", "地名"])
def test_labels_may_hold_hyphens_and_chinese(label: str, tmp_path: Path) -> None:
    (record,) = read(tmp_path, f"台 B-{label}\n北 I-{label}\n")
    assert record.entities == [Entity(0, 2, label)]


def test_a_label_named_o_is_a_label(tmp_path: Path) -> None:
    (record,) = read(tmp_path, "台 B-O\n北 I-O\n的 O\n")
    assert record.entities == [Entity(0, 2, "O")]


@pytest.mark.parametrize(
    ("tags", "entities", "n_repaired"),
    [
        ("O I-A I-A", [(1, 3, "A")], 1),
        ("O M-A E-A", [(1, 3, "A")], 1),
        ("E-A O L-A", [(0, 1, "A"), (2, 3, "A")], 2),
        ("B-A I-B I-B", [(0, 1, "A"), (1, 3, "B")], 1),
        ("B-A E-A I-A", [(0, 2, "A"), (2, 3, "A")], 1),
        ("S-A I-A O", [(0, 1, "A"), (1, 2, "A")], 1),
        ("B-A I-A B-A", [(0, 2, "A"), (2, 3, "A")], 0),
        ("B-A B-A E-A", [(0, 1, "A"), (1, 3, "A")], 0),
        ("O O O", [], 0),
    ],
)
def test_inside_tags_without_a_beginning_start_an_entity_and_are_counted(
    tags: str, entities: list[tuple[int, int, str]], n_repaired: int
) -> None:
    assert decode_tags(tags.split(), [(0, 1), (1, 2), (2, 3)]) == ([Entity(*e) for e in entities], n_repaired)


def test_repairs_are_reported_on_the_record(tmp_path: Path) -> None:
    broken, sound = read(tmp_path, "好 O\n台 M-LOC\n北 E-LOC\n\n台 B-LOC\n")
    assert broken.repairs == ["1 inside tags without a beginning"]
    assert sound.repairs == []


LABELS = st.sampled_from(["A", "B-C", "地"])


@given(st.lists(st.tuples(st.integers(1, 4), st.one_of(st.none(), LABELS)), max_size=8))
def test_tags_of_every_strict_scheme_are_decoded(runs: list[tuple[int, str | None]]) -> None:
    entities, position, encoded = [], 0, {"BIOES": [], "BMES": [], "BILOU": [], "IOB2": []}  # type: ignore[var-annotated]
    letters = {"BIOES": "BIES", "BMES": "BMES", "BILOU": "BILU", "IOB2": "BIIB"}
    for length, label in runs:
        if label is not None:
            entities.append(Entity(position, position + length, label))
        for scheme, (begin, inside, end, single) in letters.items():
            kinds = single if length == 1 else begin + inside * (length - 2) + end
            encoded[scheme] += ["O" if label is None else f"{kind}-{label}" for kind in kinds]
        position += length
    spans = [(i, i + 1) for i in range(position)]
    for tags in encoded.values():
        assert decode_tags(tags, spans) == (entities, 0)


def test_tokens_are_in_the_first_column_or_after_a_counter(tmp_path: Path) -> None:
    (conll,) = read(tmp_path, "台北 NNP B-NP B-LOC\n好 JJ O O\n")
    assert conll.text == "台北好"
    (conllu,) = read(tmp_path, "1\t台北\tB-LOC\t-\t-\n2\t好\tO\t-\t-\n")
    assert (conllu.text, conllu.entities) == ("台北好", [Entity(0, 2, "LOC")])


def test_the_last_column_with_most_tags_is_chosen() -> None:
    assert tag_column([["台", "N", "B-LOC"], ["好", "A", "O"]]) == 2
    assert tag_column([["O", "B-LOC"], ["O", "O"]]) == 1  # never the column of tokens
    assert tag_column([["台", "N"], ["好", "O"]]) is None
    assert tag_column([]) is None


def test_rows_with_tabs_are_split_at_tabs_only() -> None:
    assert split_row("New York\tB-LOC ") == ["New York", "B-LOC"]
    assert split_row("臺  B-LOC \r") == ["臺", "B-LOC"]


def test_a_line_without_a_tag_is_an_error(tmp_path: Path) -> None:
    message = message_of(tmp_path, "好 O\n\n台 B-LOC\n北\n")
    assert f"[ZT201] {tmp_path / 'corpus.bio'}:4 cannot be used: this line has no tag" in message
    assert "'北'" in message


def test_an_invalid_tag_is_an_error_that_quotes_the_line(tmp_path: Path) -> None:
    message = message_of(tmp_path, "好 O\n\n台 X-LOC\n")
    assert f"{tmp_path / 'corpus.bio'}:3 cannot be used: this line has no tag" in message
    assert "'台 X-LOC'" in message


@pytest.mark.parametrize("text", ["好 天", "天好的", "的 好", "好", ""])
def test_tokens_that_differ_from_their_text_are_an_error(text: str, tmp_path: Path) -> None:
    message = message_of(tmp_path, f"# text = {text}\n好 O\n的 O\n")
    assert "the token is not next in `# text`" in message
    assert "Correct the comment" in message


def test_text_after_the_last_token_is_an_error(tmp_path: Path) -> None:
    assert f"{tmp_path / 'corpus.bio'}:" in message_of(tmp_path, "# text = 好的天\n好 O\n的 O\n")


def test_white_space_at_the_end_of_a_text_is_kept(tmp_path: Path) -> None:
    (record,) = read(tmp_path, "# text = 好的 \n好 O\n的 B-X\n")
    assert (record.text, record.entities) == ("好的 ", [Entity(1, 2, "X")])


def test_numbers_in_the_first_column_are_tokens_unless_they_count(tmp_path: Path) -> None:
    assert [r.text for r in read(tmp_path, "1996 CD O\n8 CD O\n\n22 CD B-X\n")] == ["19968", "22"]
    assert [r.text for r in read(tmp_path, "1 CD O\n2 VB O\n\n1 NN B-X\n")] == ["CD VB", "NN"]


@pytest.mark.parametrize(
    "white", ["\u3000", "\xa0", "\u2003", "\u200a", "\u2028", "\x85", "\x0b", "\x0c", "\x1c", "\ufeff"]
)
@pytest.mark.parametrize("separator", [" ", "\t", "  ", " \t", "\t "])
def test_only_ascii_spaces_and_tabs_separate_columns(white: str, separator: str, tmp_path: Path) -> None:
    content = "".join(
        f"{token}{separator}{tag}\n" for token, tag in (("林", "B-P"), (white, "I-P"), (f"小{white}華", "I-P"))
    )
    (record,) = read(tmp_path, f"{content}在{separator}O\n")
    assert record.text == f"林{white}小{white}華在"
    assert record.entities == [Entity(0, 5, "P")]


@pytest.mark.parametrize(
    "line", ["林 \tB-P", "林\t B-P", " 林\tB-P ", "林  B-P  ", "  林 B-P", "林\t\tB-P", "林\tN \tB-P\t"]
)
def test_cells_are_trimmed(line: str, tmp_path: Path) -> None:
    other = line.replace("林", "小").replace("B-P", "I-P")
    (record,) = read(tmp_path, f"{line}\n{other}\n")
    assert (record.text, record.entities) == ("林小", [Entity(0, 2, "P")])


@pytest.mark.parametrize("line", [" \tI-P", "  I-P", " I-P", "   I-P"])
def test_a_token_may_be_a_space(line: str, tmp_path: Path) -> None:
    separator = "\t" if "\t" in line else " "
    (record,) = read(tmp_path, f"New{separator}B-P\n{line}\nYork{separator}I-P\n")
    assert (record.text, record.entities) == ("New York", [Entity(0, 8, "P")])


def test_a_line_with_a_tag_alone_is_an_error(tmp_path: Path) -> None:
    assert "'O'" in message_of(tmp_path, "好 O\n台 B-LOC\n北 I-LOC\nO\n")


@pytest.mark.parametrize("text", ["\tO", "a\tO", "a\tB-GPE", "\tO\tO"])
def test_a_text_that_ends_like_a_row_is_a_comment(text: str, tmp_path: Path) -> None:
    path = tmp_path / "a.bio"
    path.write_text(write_columns(Record(text, [], "x:1"), "bio") + "臺\tB-GPE\n", encoding="utf-8")
    assert [record.text for record in read_columns(path)] == [text, "臺"]
