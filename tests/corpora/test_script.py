"""Simplified → Traditional, with the annotations kept in place."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_zh_tw_ner.corpora.records import Record
from spacy_zh_tw_ner.corpora.script import changed_share, is_simplified, record_converter
from spacy_zh_tw_ner.types import Entity

S2TW = record_converter("s2tw")
MIXED = st.text(
    st.one_of(st.sampled_from("头发发布里面台湾台北干杯乾隆后来皇后少数组织万千 A１\n𠮷"), st.characters(codec="utf-8"))
)


def convert(text: str) -> str:
    return S2TW(Record(text, [], "f:1")).text


@pytest.mark.parametrize(
    ("simplified", "traditional"),
    [
        ("国务院发布的文件", "國務院發佈的文件"),
        ("头发", "頭髮"),
        ("互联网和U盘", "互聯網和U盤"),
        ("首席技术官张三", "首席技術官張三"),
        ("皇后大道后面", "皇后大道後面"),
        ("ＡＢＣ，１２３。", "ＡＢＣ，１２３。"),
        ("", ""),
    ],
)
def test_simplified_becomes_traditional_in_context(simplified: str, traditional: str) -> None:
    assert convert(simplified) == traditional


@given(MIXED)
def test_a_conversion_keeps_the_length(text: str) -> None:
    assert len(convert(text)) == len(text)


@given(MIXED)
def test_a_conversion_leaves_every_tai_alone(text: str) -> None:
    converted = convert(text)
    assert [i for i, char in enumerate(converted) if char == "台"] == [i for i, char in enumerate(text) if char == "台"]


@pytest.mark.parametrize("text", ["台北的台积电", "平台", "台風", "臺灣和台湾"])
def test_tai_stays_as_it_is_written(text: str) -> None:
    converted = convert(text)
    assert [c for c in converted if c in "台臺"] == [c for c in text if c in "台臺"]


def test_entities_and_origins_stay() -> None:
    record = Record("台湾的华硕电脑", [Entity(0, 2, "GPE"), Entity(3, 7, "ORG")], "f:9", "doc", ["mended"])
    converted = S2TW(record)
    assert converted == Record("台灣的華碩電腦", record.entities, "f:9", "doc", ["mended"])
    assert [converted.text[e.start : e.end] for e in converted.entities] == ["台灣", "華碩電腦"]
    assert record.text == "台湾的华硕电脑"  # a new record


def test_none_changes_nothing() -> None:
    record = Record("台湾", [Entity(0, 2, "GPE")], "f:1")
    assert record_converter("none")(record) is record


def test_traditional_can_become_simplified() -> None:
    assert record_converter("tw2s")(Record("臺灣的電腦", [], "f:1")).text == "台湾的电脑"


@pytest.mark.parametrize("script", ["s2twp", "S2TW", "", "auto", "traditional"])
def test_an_unknown_script_is_named_with_the_choices(script: str) -> None:
    # s2twp is left out on purpose: it changes words, and so lengths.
    with pytest.raises(ValueError, match=r"^\[ZT004\].*s2tw") as caught:
        record_converter(script)
    assert repr(script) in str(caught.value)


@pytest.mark.parametrize(
    "texts",
    [
        ["彭小军认为，国内银行现在走的是台湾的发卡模式"],
        ["浙商银行企业信贷部叶老桂博士", "则从另一个角度对五道门槛进行了解读。"],
        ["今天天气很好，我们去北京市朝阳区的公园。"],
    ],
)
def test_simplified_text_is_told(texts: list[str]) -> None:
    assert is_simplified(texts)


@pytest.mark.parametrize(
    "texts",
    [
        ["台台台台台台台台"],
        ["台北市政府於7月1日宣布，大安區新增3座公園。", "台積電股價上漲，台塑下跌。"],
        ["國立臺灣大學位於臺北市大安區，裡面有一片湖。"],
        ["１２３ ABC"],
        [""],
        [],
        ["同樣，施力的大小不同，引起的加速度不同，最終的結果也不一樣"],
    ],
)
def test_traditional_text_is_told(texts: list[str]) -> None:
    assert not is_simplified(texts)


def test_the_share_leaves_tai_aside() -> None:
    assert changed_share("台湾台北") == 0.25
    assert changed_share("") == 0.0


def test_real_corpora_are_told_apart(corpora: Path) -> None:
    lines = (corpora / "cluener2020" / "dev.json").read_text(encoding="utf-8").split("\n")[:200]
    assert is_simplified(json.loads(line)["text"] for line in lines)
    uner = (corpora / "uner_zh_gsd" / "zh_gsd-ud-dev.iob2").read_text(encoding="utf-8")
    assert not is_simplified(line.removeprefix("# text = ") for line in uner.split("\n") if line.startswith("# text"))


def test_the_length_holds_on_the_cases_of_opencc_itself(corpora: Path) -> None:
    cases = json.loads((corpora / "opencc" / "testcases.json").read_text(encoding="utf-8"))["cases"]
    assert len(cases) > 100
    for case in cases:
        assert len(convert(case["input"])) == len(case["input"])
