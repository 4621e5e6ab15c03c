"""Pairs of brat files, a text and its annotations, are read."""

from pathlib import Path

import pytest

from spacy_zh_tw_ner.corpora.convert import ConvertSettings, convert
from spacy_zh_tw_ner.corpora.formats.brat import read_brat
from spacy_zh_tw_ner.corpora.records import Reading, Record
from spacy_zh_tw_ner.entities import Entity
from spacy_zh_tw_ner.errors import CorpusError

TEXT = "國立臺灣大學\n位於臺北市"


def read(tmp_path: Path, annotations: str, *, text: str = TEXT, messages: list[str] | None = None) -> Record:
    (tmp_path / "a.txt").write_bytes(text.encode())
    (tmp_path / "a.ann").write_bytes(annotations.encode())
    (record,) = read_brat(tmp_path / "a.txt", Reading(notify=[].append if messages is None else messages.append))
    (other,) = read_brat(tmp_path / "a.ann")
    assert record == other
    return record


def test_a_text_is_one_record_and_keeps_its_line_breaks(tmp_path: Path) -> None:
    record = read(tmp_path, "T1\tORG 0 6\t國立臺灣大學\nT2\tGPE 9 12\t臺北市\n")
    assert (record.text, record.doc_id, record.origin) == (TEXT, "a", str(tmp_path / "a.ann"))
    assert record.entities == [Entity(0, 6, "ORG"), Entity(9, 12, "GPE")]


def test_the_annotated_text_may_be_missing_or_have_a_space_for_a_line_break(tmp_path: Path) -> None:
    record = read(tmp_path, "T1\tORG 2 9\t臺灣大學 位於\nT2\tGPE 9 12\n")
    assert record.entities == [Entity(2, 9, "ORG"), Entity(9, 12, "GPE")]


@pytest.mark.parametrize("shift", [0, 1])
def test_carriage_returns_may_be_counted_or_not(shift: int, tmp_path: Path) -> None:
    """Graphemes count CR LF as one, and so do tools that normalize line ends."""
    text = TEXT.replace("\n", "\r\n")
    record = read(tmp_path, f"T2\tGPE {9 + shift} {12 + shift}\t臺北市\r\n", text=text)
    assert (record.text, record.entities) == (text, [Entity(10, 13, "GPE")])


def test_discontinuous_spans_are_rejected_with_their_line(tmp_path: Path) -> None:
    record = read(tmp_path, "T1\tORG 0 2;4 6\t國立 大學\nT2\tGPE 9 12\t臺北市\n")
    assert record.entities == [Entity(9, 12, "GPE")]
    assert [tuple(reject) for reject in record.rejects] == [(Entity(0, 6, "ORG"), "discontinuous (0 2;4 6), line 1")]


def test_annotations_other_than_entities_are_left_out_and_reported(tmp_path: Path) -> None:
    messages: list[str] = []
    others = "R1\tIn Arg1:T1 Arg2:T2\nE1\tX:T1\nA1\tOld T1\nM1\tOld T1\n*\tEquiv T1 T2\n#1\tNote T1\tx\nN1\tR T1 W:1\n"
    record = read(tmp_path, f"{others}\nT1\tORG 0 6\t國立臺灣大學\n", messages=messages)
    assert record.entities == [Entity(0, 6, "ORG")]
    assert messages == [
        f"{tmp_path / 'a.ann'}: 1 relations, 1 events, 2 attributes, 2 links, 1 notes are left out, "
        "because only entities are read."
    ]


@pytest.mark.parametrize(
    "line", ["T1 ORG 0 6", "T1\tORG 0\tx", "T1\tORG a b\tx", "好", "T1\t0 6\tx", "T1\tORG 0 6;7\tx"]
)
def test_a_line_that_is_not_an_annotation_is_an_error(line: str, tmp_path: Path) -> None:
    with pytest.raises(CorpusError) as caught:
        read(tmp_path, f"T1\tORG 0 6\t國立臺灣大學\n{line}\n")
    assert f"{tmp_path / 'a.ann'}:2 cannot be used: not a brat annotation" in str(caught.value)


def test_only_the_beginning_of_a_long_line_is_quoted(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="ZT201") as refusal:
        read(tmp_path, "]" * 100_000)
    assert len(str(refusal.value)) < 500 + len(str(tmp_path))


@pytest.mark.parametrize("there", ["a.txt", "a.ann"])
def test_a_missing_file_of_the_pair_is_an_error(there: str, tmp_path: Path) -> None:
    (tmp_path / there).write_text("", encoding="utf-8")
    missing = tmp_path / ("a.ann" if there == "a.txt" else "a.txt")
    with pytest.raises(CorpusError, match=r"^\[ZT202\] There is no file or folder ") as caught:
        list(read_brat(tmp_path / there))
    assert str(missing) in str(caught.value)


def test_a_text_that_is_not_utf8_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.ann").write_text("")
    (tmp_path / "a.txt").write_bytes("好\n".encode() + b"\xff")
    with pytest.raises(CorpusError, match=r"a\.txt:2: byte 4 is not UTF-8"):
        list(read_brat(tmp_path / "a.txt"))


def test_a_folder_of_pairs_becomes_one_file(tmp_path: Path) -> None:
    for name in "ba":
        (tmp_path / "in" / name).mkdir(parents=True)
        (tmp_path / "in" / name / "x.txt").write_text(f"在臺北{name}", encoding="utf-8")
        (tmp_path / "in" / name / "x.ann").write_text("T1\tGPE 1 3\t臺北\n", encoding="utf-8")
    (tally,) = convert(tmp_path / "in", tmp_path / "out.spacy", ConvertSettings(script="none")).values()
    assert (tally.sentences, tally.entities) == (2, 2)


def test_annotations_without_a_text_are_an_error(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "x.ann").write_text("T1\tGPE 1 3\t臺北\n", encoding="utf-8")
    with pytest.raises(CorpusError, match=r"x\.txt"):
        convert(tmp_path / "in", tmp_path / "out.spacy", ConvertSettings())


FRAGMENTS = [
    ("台積電股份\n有限公司在新竹", "0 5;6 10", "台積電股份\n有限公司"),
    ("台積電股份\r\n有限公司在新竹", "0 5;7 11", "台積電股份\r\n有限公司"),
    ("台積電股份\r\n有限公司在新竹", "0 5;6 10", "台積電股份\r\n有限公司"),  # CR LF counts as one
    ("台積電\n  股份\n公司", "0 3;6 8;9 11", "台積電\n  股份\n公司"),
    ("台積電 \n公司", "0 3;5 7", "台積電 \n公司"),
    ("𠮷\n野家", "0 2;3 5", "𠮷\n野家"),  # in UTF-16 units
    ("New York好", "0 3;4 8", "New York"),
    ("台積電公司", "0 3;3 5", "台積電公司"),
    ("台積電\n公司", "4 6;0 3", "台積電\n公司"),
    ("台\n\n\u3000積", "0 1;4 5", "台\n\n\u3000積"),
]


@pytest.mark.parametrize("with_surface", [True, False])
@pytest.mark.parametrize(("text", "places", "expected"), FRAGMENTS)
def test_fragments_separated_by_white_space_are_joined(
    text: str, places: str, expected: str, with_surface: bool, tmp_path: Path
) -> None:
    if not with_surface and places in ("0 5;6 10", "0 2;3 5") and text[1] != "積":
        pytest.skip("then nothing tells the unit")
    if not with_surface and "\r\n" in text and places == "0 5;6 10":
        pytest.skip("then nothing tells the unit")
    surface = "\t" + " ".join(expected.split()) if with_surface else ""
    record = read(tmp_path, f"T1\tORG {places}{surface}\n", text=text)
    assert [text[e.start : e.end] for e in record.entities] == [expected]
    assert record.rejects == []


@pytest.mark.parametrize(
    ("text", "places", "surface"),
    [
        ("國立臺灣大學", "0 2;4 6", "國立 大學"),
        ("國立、臺灣", "0 2;3 5", "國立 臺灣"),
        ("甲\n乙丙丁", "0 1;2 3;4 5", "甲 乙 丁"),
        ("國立臺灣", "0 2;9 11", "國立 大學"),
    ],
)
def test_fragments_separated_by_text_are_rejected(text: str, places: str, surface: str, tmp_path: Path) -> None:
    for written in (f"\t{surface}", ""):
        record = read(tmp_path, f"T1\tORG {places}{written}\n", text=text)
        assert record.entities == []
        assert [reject.reason for reject in record.rejects] == [f"discontinuous ({places}), line 1"]


def test_a_repeated_annotation_is_kept_once(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(TEXT, encoding="utf-8")
    (tmp_path / "a.ann").write_text("T1\tORG 0 6\t國立臺灣大學\nT2\tORG 0 6\t國立臺灣大學\n", encoding="utf-8")
    (tally,) = convert(tmp_path / "a.txt", tmp_path / "out.spacy", ConvertSettings(script="none")).values()
    assert (tally.entities, tally.duplicates, tally.rejected) == (1, 1, 0)
