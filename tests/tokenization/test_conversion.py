"""Conversion of scripts, and alignment of the characters."""

import json
import pickle
from itertools import pairwise
from pathlib import Path

import opencc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_zh_tw_ner.tokenization import conversion
from spacy_zh_tw_ner.tokenization.conversion import TAIWAN, Conversion, Converter, load_opencc, provenance

SCRIPTS = ("s2t", "s2tw", "t2tw", "tw2t", "t2s", "s2twp", "tw2sp")
PLAIN = {script: Converter(script, exceptions={}) for script in SCRIPTS}
# Words whose conversions are longer or shorter, and characters whose conversion depends on their word
WORDS = [
    *"台岩岳发面里后干 A１，。\n𠮷",
    *["互联网", "U盘", "内存", "SQL注入", "首席技术官", "老挝人民民主共和国", "打印机", "鼠标", "博客", "少数组织"],
    *["公交车", "乙酰胺", "头发", "皇后", "台式机", "網際網路", "記憶體", "寮人民", "伺服器"],
]
TEXTS = st.lists(st.sampled_from(WORDS) | st.characters(codec="utf-8")).map("".join)


def words(conversion: Conversion, source: str) -> list[tuple[str, str]]:
    """Pair the parts of source and conversion between all known offsets."""
    borders = [i for i, place in enumerate(conversion.offsets) if place is not None]
    offsets = conversion.offsets
    return [(source[i:k], conversion.text[offsets[i] : offsets[k]]) for i, k in pairwise(borders)]


@given(st.sampled_from(SCRIPTS), TEXTS)
def test_conversions_equal_opencc_and_offsets_increase(script: str, text: str) -> None:
    converted, offsets = PLAIN[script](text)
    assert converted == "\0".join(map(load_opencc(script).convert, text.split("\0")))
    assert len(offsets) == len(text) + 1
    assert (offsets[0], offsets[-1]) == (0, len(converted))
    places = [place for place in offsets if place is not None]
    assert all(place < following for place, following in pairwise(places))


@given(st.sampled_from(["s2tw", "s2twp", "s2t", "t2tw"]), TEXTS)
def test_only_exceptions_differ_from_opencc(script: str, text: str) -> None:
    plain, (converted, offsets) = PLAIN[script](text), Converter(script)(text)
    assert list(offsets) == list(plain.offsets)
    assert len(converted) == len(plain.text)
    differing = [pair for pair in zip(converted, plain.text, strict=True) if pair[0] != pair[1]]
    assert set(differing) <= set(TAIWAN.items())


@given(TEXTS)
def test_exceptions_are_never_converted(text: str) -> None:
    converted = Converter("s2tw")(text).text
    for made in TAIWAN.values():
        assert converted.count(made) == text.count(made)


@given(TEXTS, TEXTS)
def test_clauses_are_converted_independently(first: str, second: str) -> None:
    left, right = (PLAIN["s2twp"](part) for part in (first + "。", second))
    both = PLAIN["s2twp"](first + "。" + second)
    assert both.text == left.text + right.text
    shifted = [None if place is None else place + len(left.text) for place in right.offsets]
    assert list(both.offsets) == [*left.offsets, *shifted[1:]]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("互联网", [("互联网", "網際網路")]),
        ("用U盘", [("用", "用"), ("U盘", "隨身碟")]),
        ("内存大", [("内存", "記憶體"), ("大", "大")]),
        ("SQL注入", [*zip("SQL", "SQL", strict=True), ("注入", "隱碼攻擊")]),
        ("首席技术官张三", [("首席技术官", "技術長"), ("张", "張"), ("三", "三")]),
        ("老挝人民民主共和国", [("老挝", "寮"), *zip("人民民主共和国", "人民民主共和國", strict=True)]),
        # A character would be converted to nothing, or nothing to a character: it is joined to a neighbour.
        ("阿塞拜疆", [*zip("阿塞拜疆", "亞塞拜然", strict=True)]),
        ("算法和肯尼亚", [("算", "演算"), ("法", "法"), ("和", "和"), ("肯尼", "肯"), ("亚", "亞")]),
        ("去乌兹别克斯坦", [*zip("去乌兹别", "去烏茲別", strict=True), ("克斯坦", "克")]),
        # Two changes of length that compensate each other
        ("U盘和肯尼亚", [("U盘", "隨身碟"), ("和", "和"), ("肯尼", "肯"), ("亚", "亞")]),
    ],
)
def test_replaced_words_are_aligned_as_a_whole(text: str, expected: list[tuple[str, str]]) -> None:
    converted = PLAIN["s2twp"](text)
    assert words(converted, text) == expected


def test_offsets_are_a_range_if_no_word_changes_its_length() -> None:
    assert PLAIN["s2tw"]("皇后的头发") == ("皇后的頭髮", range(6))
    assert PLAIN["s2tw"]("") == ("", range(1))


def test_text_after_a_nul_character_is_converted() -> None:
    assert opencc.OpenCC("s2tw").convert("头\0发") == "頭"  # OpenCC itself drops the rest
    assert PLAIN["s2tw"]("头发\0头发") == ("頭髮\0頭髮", range(6))


def test_a_word_across_two_clauses_is_aligned(monkeypatch: pytest.MonkeyPatch) -> None:
    class Crossing:
        """An OpenCC with a word that has a comma."""

        def convert(self, text: str) -> str:
            return str(opencc.OpenCC("s2tw").convert(text.replace("甲，乙", "丙")))

    monkeypatch.setattr(conversion, "load_opencc", lambda script: Crossing())
    assert Converter("s2tw")("发，甲，乙，后") == ("發，丙，後", [0, 1, 2, None, None, 3, 4, 5])


def test_conversions_pass_the_test_cases_of_opencc(corpora: Path) -> None:
    cases = json.loads((corpora / "opencc" / "testcases.json").read_text(encoding="utf-8"))["cases"]
    assert len(cases) == 232
    wrong = [
        (case["id"], script, text)
        for case in cases
        for script, expected in case["expected"].items()
        if (text := PLAIN.setdefault(script, Converter(script, exceptions={}))(case["input"]).text) != expected
    ]
    assert wrong == []


@pytest.mark.parametrize(
    ("text", "converted"),
    [
        ("台北的台积电", "台北的台積電"),
        ("臺灣和台湾", "臺灣和台灣"),
        ("台风和舞台", "颱風和舞台"),
        ("岩手县的岩洞", "岩手縣的岩洞"),
        ("黄岳的岳父", "黃岳的岳父"),
    ],
)
def test_exceptions_for_taiwan_are_kept(text: str, converted: str) -> None:
    assert Converter("s2tw")(text).text == converted


def test_a_converter_can_be_pickled() -> None:
    converter = pickle.loads(pickle.dumps(Converter("s2twp", {"台": "臺"})))
    assert (converter.script, converter.exceptions) == ("s2twp", {"台": "臺"})
    assert converter("台湾的鼠标").text == "台灣的滑鼠"


def test_provenance_names_version_and_configuration() -> None:
    assert provenance("s2tw") == f"OpenCC {opencc.__version__} s2tw"
