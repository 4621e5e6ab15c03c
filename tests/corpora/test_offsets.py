"""The unit of offsets (code points, UTF-16, graphemes) is detected, and reported unless it is the default."""

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
def test_annotated_texts_determine_the_unit(unit: str, inclusive: bool) -> None:
    (record,), messages = resolve(RawRecord(TEXT, [span(unit, inclusive=inclusive)], "a:1"))
    assert record.entities == [Entity(9, 12, "ORG")]
    assert (record.repairs, record.rejects) == ([], [])
    name = f"{unit}{'-inclusive' * inclusive}"
    if name == "codepoint":
        assert messages == []
    else:
        assert messages == [
            f"{PATH}: offsets are read as {name}: 1 of 1 spans match the annotated texts in the file, "
            "but only 0 as codepoint."
        ]


def test_the_majority_determines_the_unit_and_other_spans_are_repaired() -> None:
    spans = [span("utf16"), span("utf16"), span("codepoint"), RawSpan(0, 1, "X", "家")]
    (record,), messages = resolve(RawRecord(TEXT, spans, "a:1"))
    assert record.entities == [Entity(9, 12, "ORG")] * 3
    assert record.repairs == ["'消防局' has offsets in codepoint"]
    assert [tuple(reject) for reject in record.rejects] == [
        (Entity(0, 1, "X"), "the file repeats the text as '家', but the offsets select nothing")
    ]
    assert "utf16: 2 of 4" in messages[0]


def test_plain_text_does_not_determine_the_unit() -> None:
    plain = RawRecord("台北消防局", [RawSpan(2, 5, "ORG", "消防局")] * 5, "a:1")
    found, messages = resolve(plain, RawRecord(TEXT, [span("grapheme")], "a:2"))
    assert found[1].entities == [Entity(9, 12, "ORG")]
    assert "read as grapheme: 6 of 6 spans" in messages[0]


def test_the_default_is_preferred_among_fitting_conventions() -> None:
    for default in CONVENTIONS:
        inclusive = default.endswith("-inclusive")
        record = RawRecord("台北消防局", [RawSpan(2, 5 - inclusive, "ORG", "消防局")], "a:1")
        assert resolve(record, default=default)[1] == []


@pytest.mark.parametrize("written", ["臺 北", r"臺\n北", "臺\n北", "臺\u2028北"])
def test_annotated_texts_may_replace_line_breaks(written: str) -> None:
    (record,), _ = resolve(RawRecord("在臺\n北", [RawSpan(1, 4, "GPE", written)], "a:1"))
    assert record.entities == [Entity(1, 4, "GPE")]


def test_impossible_offsets_determine_utf16_without_annotated_texts() -> None:
    first = RawRecord("𠮷野家店", [RawSpan(2, 4, "ORG")], "a:1")  # valid in both units, but the file has one unit
    found, messages = resolve(first, RawRecord(TEXT, [span("utf16", surface=None)], "a:2"))
    assert [record.entities for record in found] == [[Entity(1, 3, "ORG")], [Entity(9, 12, "ORG")]]
    assert messages == [
        f"{PATH}: offsets are read as utf16, because 1 spans are outside their texts or cut a character as codepoint. "
        "Set --offsets if that is wrong."
    ]


@pytest.mark.parametrize("unit", ["codepoint", "grapheme"])
def test_ambiguous_offsets_use_the_default_and_are_reported(unit: str) -> None:
    (record,), messages = resolve(RawRecord(TEXT, [span(unit, surface=None)], "a:1"))
    assert record.entities == [Entity(STARTS[unit], STARTS[unit] + 3, "ORG")]
    assert len(messages) == 1
    assert "offsets are read as codepoint. 1 spans are ambiguous" in messages[0]
    assert "--offsets" in messages[0]


def test_unambiguous_offsets_are_not_reported() -> None:
    bad = RawRecord("台北", [RawSpan(0, 2, "GPE"), RawSpan(1, 9, "GPE")], "a:1")
    found, messages = resolve(bad, RawRecord("𠮷", [], "a:2"), RawRecord("台𠮷", [RawSpan(0, 1, "GPE")], "a:3"))
    assert [record.entities for record in found] == [[Entity(0, 2, "GPE")], [], [Entity(0, 1, "GPE")]]
    assert [reject.reason for reject in found[0].rejects] == [
        "outside the text of 2 characters, or empty (offsets in codepoint)"
    ]
    assert messages == []


def test_a_span_invalid_in_every_unit_does_not_determine_the_unit() -> None:
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
    reason = "the file repeats the text as '消防局', but the offsets select nothing"
    assert [reject.reason for reject in record.rejects] == [reason]


def test_an_unknown_unit_is_an_error_that_lists_the_choices() -> None:
    with pytest.raises(CorpusError, match=r"^\[ZT221\] Unknown unit of offsets 'bytes'.*utf16-inclusive"):
        resolve(offsets="bytes")


@pytest.mark.parametrize(("start", "end"), [(-1, 2), (0, 0), (2, 1), (1, 5), (0, 1)])
def test_invalid_spans_have_no_code_point_offsets(start: int, end: int) -> None:
    assert place(RawSpan(start, end, "X"), "𠮷野", CONVENTIONS["utf16"]) is None  # (0, 1) ends inside the pair


@given(st.text())
def test_boundaries_are_the_starts_of_units(text: str) -> None:
    for unit in STARTS:
        starts = boundaries(text, unit)
        assert (starts[0], starts[-1]) == (0, len(text))
    assert len(boundaries(text, "utf16")) - 1 == len(text.encode("utf-16-le")) // 2
    units = boundaries(text, "utf16")
    assert [len(text[:start].encode("utf-16-le")) // 2 for start in units if start >= 0] == [
        unit for unit, start in enumerate(units) if start >= 0
    ]


def test_plain_characters_are_one_unit_in_every_convention() -> None:
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
def test_annotated_texts_may_have_collapsed_white_space(stands: str, written: str, default: str) -> None:
    inclusive = default.endswith("-inclusive")
    text = f"在{stands}的"
    end = 1 + len(stands) - inclusive - ("-lf" in default or "grapheme" in default) * text.count("\r\n")
    (record,), messages = resolve(RawRecord(text, [RawSpan(1, end, "X", written)], "a:1"), default=default)
    assert record.entities == [Entity(1, 1 + len(stands), "X")]
    assert (record.rejects, record.repairs, messages) == ([], [], [])


def test_exact_matches_are_preferred_to_matches_without_white_space() -> None:
    spans = [RawSpan(0, 2, "X", "台北"), RawSpan(3, 5, "X", "台中")]
    (record,), messages = resolve(RawRecord("台北 台中 ", spans, "a:1"), default="codepoint-inclusive")
    assert record.entities == [Entity(0, 2, "X"), Entity(3, 5, "X")]
    assert "offsets are read as codepoint: 2 of 2" in messages[0]
    (record,), messages = resolve(RawRecord("台北 台中", [RawSpan(0, 1, "X", "台 北")], "a:1"))
    assert record.entities == [Entity(0, 2, "X")]


@pytest.mark.parametrize("written", ["", " ", "台北。", "北台", "台"])
def test_a_different_annotated_text_is_rejected(written: str) -> None:
    (record,), _ = resolve(RawRecord("在台北 市", [RawSpan(1, 3, "X", written)], "a:1"))
    assert (record.entities, len(record.rejects)) == ([], 1)


CRLF = "第一行\r\n𠮷野家的林小華\r\n在臺北市。"
PLACES = {"codepoint-lf": (8, 13), "utf16-lf": (9, 14), "grapheme": (8, 13), "codepoint": (9, 15), "utf16": (10, 16)}


@pytest.mark.parametrize("default", ["codepoint", "utf16", "codepoint-inclusive"])
@pytest.mark.parametrize("inclusive", [False, True])
@pytest.mark.parametrize("unit", PLACES)
def test_cr_lf_counted_as_one_is_detected_in_every_unit(unit: str, inclusive: bool, default: str) -> None:
    spans = [
        RawSpan(start, start + 3 - inclusive, "X", surface)
        for start, surface in zip(PLACES[unit], ("林小華", "臺北市"), strict=True)
    ]
    (record,), _ = resolve(RawRecord(CRLF, spans, "a:1"), default=default)
    assert record.entities == [Entity(9, 12, "X"), Entity(15, 18, "X")]
    assert (record.rejects, record.repairs) == ([], [])


@pytest.mark.parametrize("unit", PLACES)
def test_the_cr_lf_convention_can_be_given(unit: str) -> None:
    spans = [RawSpan(start, start + 3, "X") for start in PLACES[unit]]
    (record,), messages = resolve(RawRecord(CRLF, spans, "a:1"), offsets=unit)
    assert (record.entities, messages) == ([Entity(9, 12, "X"), Entity(15, 18, "X")], [])


def test_ambiguous_offsets_after_cr_lf_are_reported() -> None:
    (record,), messages = resolve(RawRecord("一\r\n林小華", [RawSpan(3, 6, "X")], "a:1"))
    assert record.entities == [Entity(3, 6, "X")]
    assert "or CR LF" in messages[0]
    assert "--offsets" in messages[0]


@given(st.text("台\r\n𠮷a\u0301", max_size=12))
def test_boundaries_with_cr_lf_as_one_equal_those_with_line_feeds(text: str) -> None:
    normalized = text.replace("\r\n", "\n")
    for unit in ("codepoint", "utf16"):
        assert len(boundaries(text, unit, True)) == len(boundaries(normalized, unit))
        for start, other in zip(boundaries(text, unit, True), boundaries(normalized, unit), strict=True):
            assert (start < 0) == (other < 0)
            assert start < 0 or text[start:].replace("\r\n", "\n") == normalized[other:]
