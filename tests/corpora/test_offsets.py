"""Code points, UTF-16 units and graphemes are distinguished, and the choice is reported."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from spacy_zh_tw_ner.corpora.offsets import (
    CONVENTIONS,
    PLAIN,
    RawRecord,
    RawSpan,
    boundaries,
    place,
    resolve_offsets,
)
from spacy_zh_tw_ner.corpora.records import Reading, Record
from spacy_zh_tw_ner.entities import Entity
from spacy_zh_tw_ner.errors import CorpusError

TEXT = "𠮷野家台北👨🏻\u200d🚒消防局"  # 消防局 stands at 9 by code points, 13 by UTF-16 units, 6 by graphemes
STARTS = {"codepoint": 9, "utf16": 13, "grapheme": 6}
PATH = Path("news.jsonl")


def resolve(*records: RawRecord, offsets: str = "auto", default: str = "codepoint") -> tuple[list[Record], list[str]]:
    def read(path: Path, reading: Reading) -> Iterator[RawRecord]:
        assert path == PATH
        yield from records

    messages: list[str] = []
    reading = Reading(offsets, notify=messages.append)
    return list(resolve_offsets(read, PATH, reading, default=CONVENTIONS[default])), messages


def span(unit: str, *, inclusive: bool = False, surface: str | None = "消防局") -> RawSpan:
    return RawSpan(STARTS[unit], STARTS[unit] + 3 - inclusive, "ORG", surface)


@pytest.mark.parametrize("inclusive", [False, True])
@pytest.mark.parametrize("unit", STARTS)
def test_the_surface_tells_the_unit(unit: str, inclusive: bool) -> None:
    (record,), messages = resolve(RawRecord(TEXT, [span(unit, inclusive=inclusive)], "a:1"))
    assert record.entities == [Entity(9, 12, "ORG")]
    assert (record.repairs, record.rejects) == ([], [])
    name = f"{unit}{'-inclusive' * inclusive}"
    if name == "codepoint":
        assert messages == []
    else:
        assert messages == [
            f"{PATH}: offsets are read as {name}: 1 of 1 spans then match the texts in the file, and 0 as codepoint."
        ]


def test_the_unit_is_that_of_most_spans_and_the_others_are_repaired_and_counted() -> None:
    spans = [span("utf16"), span("utf16"), span("codepoint"), RawSpan(0, 1, "X", "家")]
    (record,), messages = resolve(RawRecord(TEXT, spans, "a:1"))
    assert record.entities == [Entity(9, 12, "ORG")] * 3
    assert record.repairs == ["'消防局' has offsets in codepoint"]
    assert [tuple(reject) for reject in record.rejects] == [
        (Entity(0, 1, "X"), "the file says '家', but the text has nothing there")
    ]
    assert "utf16: 2 of 4" in messages[0]


def test_plain_text_says_nothing_of_the_unit() -> None:
    plain = RawRecord("台北消防局", [RawSpan(2, 5, "ORG", "消防局")] * 5, "a:1")
    found, messages = resolve(plain, RawRecord(TEXT, [span("grapheme")], "a:2"))
    assert found[1].entities == [Entity(9, 12, "ORG")]
    assert "read as grapheme: 6 of 6 spans" in messages[0]


def test_of_several_that_fit_the_default_is_taken() -> None:
    for default in CONVENTIONS:
        inclusive = default.endswith("-inclusive")
        record = RawRecord("台北消防局", [RawSpan(2, 5 - inclusive, "ORG", "消防局")], "a:1")
        assert resolve(record, default=default)[1] == []


@pytest.mark.parametrize("written", ["臺 北", r"臺\n北", "臺\n北", "臺\u2028北"])
def test_a_line_break_within_a_surface_may_be_written_otherwise(written: str) -> None:
    (record,), _ = resolve(RawRecord("在臺\n北", [RawSpan(1, 4, "GPE", written)], "a:1"))
    assert record.entities == [Entity(1, 4, "GPE")]


def test_without_surfaces_an_impossible_offset_tells_utf16() -> None:
    first = RawRecord("𠮷野家店", [RawSpan(2, 4, "ORG")], "a:1")  # possible both ways, but not both in one file
    found, messages = resolve(first, RawRecord(TEXT, [span("utf16", surface=None)], "a:2"))
    assert [record.entities for record in found] == [[Entity(1, 3, "ORG")], [Entity(9, 12, "ORG")]]
    assert messages == [
        f"{PATH}: offsets are read as utf16: as codepoint, 1 spans are impossible in their texts. "
        "Set --offsets if that is wrong."
    ]


@pytest.mark.parametrize("unit", ["codepoint", "grapheme"])
def test_without_surfaces_and_proof_the_default_is_taken_and_reported(unit: str) -> None:
    (record,), messages = resolve(RawRecord(TEXT, [span(unit, surface=None)], "a:1"))
    assert record.entities == [Entity(STARTS[unit], STARTS[unit] + 3, "ORG")]
    assert len(messages) == 1
    assert "offsets are read as codepoint. For 1 spans" in messages[0]
    assert "--offsets" in messages[0]


def test_nothing_is_reported_where_nothing_can_differ() -> None:
    bad = RawRecord("台北", [RawSpan(0, 2, "GPE"), RawSpan(1, 9, "GPE")], "a:1")
    found, messages = resolve(bad, RawRecord("𠮷", [], "a:2"), RawRecord("台𠮷", [RawSpan(0, 1, "GPE")], "a:3"))
    assert [record.entities for record in found] == [[Entity(0, 2, "GPE")], [], [Entity(0, 1, "GPE")]]
    assert [reject.reason for reject in found[0].rejects] == [
        "outside the text of 2 characters, or empty (offsets in codepoint)"
    ]
    assert messages == []


def test_a_bad_span_alone_proves_nothing() -> None:
    found, messages = resolve(
        RawRecord(TEXT, [RawSpan(0, 99, "X")], "a:1"), RawRecord(TEXT, [span("codepoint", surface=None)], "a:2")
    )
    assert [record.entities for record in found] == [[], [Entity(9, 12, "ORG")]]
    assert "read as codepoint" in messages[0]


@pytest.mark.parametrize("unit", STARTS)
def test_the_unit_can_be_given(unit: str) -> None:
    for surface in (None, "消防局"):
        (record,), messages = resolve(RawRecord(TEXT, [span(unit, surface=surface)], "a:1"), offsets=unit)
        assert (record.entities, messages) == ([Entity(9, 12, "ORG")], [])
    (record,), _ = resolve(RawRecord(TEXT, [span("utf16")], "a:1"), offsets="codepoint")
    assert [reject.reason for reject in record.rejects] == ["the file says '消防局', but the text has nothing there"]


def test_an_unknown_unit_names_the_choices() -> None:
    with pytest.raises(CorpusError, match=r"^\[ZT221\] There is no unit of offsets 'bytes'.*utf16-inclusive"):
        resolve(offsets="bytes")


@pytest.mark.parametrize(("start", "end"), [(-1, 2), (0, 0), (2, 1), (1, 5), (0, 1)])
def test_what_cannot_stand_in_a_text_has_no_place(start: int, end: int) -> None:
    assert place(RawSpan(start, end, "X"), "𠮷野", CONVENTIONS["utf16"]) is None  # (0, 1) ends inside the pair


@given(st.text())
def test_boundaries_cut_a_text_into_its_units(text: str) -> None:
    for unit in STARTS:
        starts = boundaries(text, unit)
        assert (starts[0], starts[-1]) == (0, len(text))
    assert len(boundaries(text, "utf16")) - 1 == len(text.encode("utf-16-le")) // 2
    units = boundaries(text, "utf16")
    assert [len(text[:start].encode("utf-16-le")) // 2 for start in units if start >= 0] == [
        unit for unit, start in enumerate(units) if start >= 0
    ]


def test_plain_characters_are_one_of_everything() -> None:
    plain = [chr(code) for code in range(0x110000) if not 0xD800 <= code < 0xE000 and PLAIN.fullmatch(chr(code))]
    assert len(plain) > 30_000
    assert max(plain) < "\U00010000"
    for neighbour in "台a\u3042":
        text = neighbour.join(plain)
        assert len(regex.findall(r"\X", text)) == len(text)
    assert len(regex.findall(r"\X", "".join(plain))) == len(plain)


WHITE = [
    ("Berlin,  Germany", "Berlin, Germany"),
    ("台積電\u3000公司", "台積電 公司"),
    ("A\xa0B", "A B"),
    ("甲\n  乙", "甲 乙"),
    ("甲\n  乙", "甲\\n 乙"),
    ("甲\t乙", "甲 乙"),
    ("甲\r\n乙", "甲 乙"),
    ("甲\u2003乙", "甲 乙"),
    ("甲\n乙", "甲乙"),
    (" 甲乙\n", "甲乙"),
    ("甲乙", " 甲乙 "),
]


@pytest.mark.parametrize("default", CONVENTIONS)
@pytest.mark.parametrize(("stands", "written"), WHITE)
def test_a_surface_with_its_white_space_collapsed_is_right(stands: str, written: str, default: str) -> None:
    inclusive = default.endswith("-inclusive")
    text = f"在{stands}的"
    end = 1 + len(stands) - inclusive - ("-lf" in default or "grapheme" in default) * text.count("\r\n")
    (record,), messages = resolve(RawRecord(text, [RawSpan(1, end, "X", written)], "a:1"), default=default)
    assert record.entities == [Entity(1, 1 + len(stands), "X")]
    assert (record.rejects, record.repairs, messages) == ([], [], [])


def test_white_space_alone_never_decides_against_what_is_exact() -> None:
    spans = [RawSpan(0, 2, "X", "台北"), RawSpan(3, 5, "X", "台中")]
    (record,), messages = resolve(RawRecord("台北 台中 ", spans, "a:1"), default="codepoint-inclusive")
    assert record.entities == [Entity(0, 2, "X"), Entity(3, 5, "X")]
    assert "offsets are read as codepoint: 2 of 2" in messages[0]
    (record,), messages = resolve(RawRecord("台北 台中", [RawSpan(0, 1, "X", "台 北")], "a:1"))
    assert record.entities == [Entity(0, 2, "X")]


@pytest.mark.parametrize("written", ["", " ", "台北。", "北台", "台"])
def test_another_surface_is_still_wrong(written: str) -> None:
    (record,), _ = resolve(RawRecord("在台北 市", [RawSpan(1, 3, "X", written)], "a:1"))
    assert (record.entities, len(record.rejects)) == ([], 1)


CRLF = "第一行\r\n𠮷野家的林小華\r\n在臺北市。"
PLACES = {"codepoint-lf": (8, 13), "utf16-lf": (9, 14), "grapheme": (8, 13), "codepoint": (9, 15), "utf16": (10, 16)}


@pytest.mark.parametrize("default", ["codepoint", "utf16", "codepoint-inclusive"])
@pytest.mark.parametrize("inclusive", [False, True])
@pytest.mark.parametrize("unit", PLACES)
def test_cr_lf_may_count_as_one_in_any_unit(unit: str, inclusive: bool, default: str) -> None:
    spans = [
        RawSpan(start, start + 3 - inclusive, "X", surface)
        for start, surface in zip(PLACES[unit], ("林小華", "臺北市"), strict=True)
    ]
    (record,), _ = resolve(RawRecord(CRLF, spans, "a:1"), default=default)
    assert record.entities == [Entity(9, 12, "X"), Entity(15, 18, "X")]
    assert (record.rejects, record.repairs) == ([], [])


@pytest.mark.parametrize("unit", PLACES)
def test_whether_cr_lf_is_one_can_be_given(unit: str) -> None:
    spans = [RawSpan(start, start + 3, "X") for start in PLACES[unit]]
    (record,), messages = resolve(RawRecord(CRLF, spans, "a:1"), offsets=unit)
    assert (record.entities, messages) == ([Entity(9, 12, "X"), Entity(15, 18, "X")], [])


def test_without_surfaces_cr_lf_is_reported() -> None:
    (record,), messages = resolve(RawRecord("一\r\n林小華", [RawSpan(3, 6, "X")], "a:1"))
    assert record.entities == [Entity(3, 6, "X")]
    assert "or CR LF" in messages[0]
    assert "--offsets" in messages[0]


@given(st.text("台\r\n𠮷a\u0301", max_size=12))
def test_boundaries_with_cr_lf_as_one_are_those_of_the_text_with_line_feeds(text: str) -> None:
    normalized = text.replace("\r\n", "\n")
    for unit in ("codepoint", "utf16"):
        assert len(boundaries(text, unit, True)) == len(boundaries(normalized, unit))
        for start, other in zip(boundaries(text, unit, True), boundaries(normalized, unit), strict=True):
            assert (start < 0) == (other < 0)
            assert start < 0 or text[start:].replace("\r\n", "\n") == normalized[other:]
