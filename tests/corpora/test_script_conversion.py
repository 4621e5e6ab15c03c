"""Simplified texts are detected and converted, and entities keep their texts."""

import json
from collections.abc import Iterable
from itertools import accumulate
from pathlib import Path

import opencc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_zh_tw_ner.corpora.annotation_checks import Tally, check_record
from spacy_zh_tw_ner.corpora.convert import ConvertSettings, read_records
from spacy_zh_tw_ner.corpora.formats.detection import FORMATS, guess_format
from spacy_zh_tw_ner.corpora.records import Record
from spacy_zh_tw_ner.corpora.script_conversion import RecordConverter, ScriptCounter, ScriptDecision, record_converter
from spacy_zh_tw_ner.corpora.splits import find_splits
from spacy_zh_tw_ner.entities import Entity
from spacy_zh_tw_ner.tokenization.conversion import Converter

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
def test_characters_are_converted_by_context(simplified: str, traditional: str) -> None:
    assert convert(simplified) == traditional


@given(MIXED)
def test_a_conversion_keeps_the_length(text: str) -> None:
    assert len(convert(text)) == len(text)


@given(MIXED)
def test_a_conversion_keeps_the_positions_of_tai(text: str) -> None:
    converted = convert(text)
    assert [i for i, char in enumerate(converted) if char == "台"] == [i for i, char in enumerate(text) if char == "台"]


@pytest.mark.parametrize("text", ["台北的台积电", "平台", "台風", "臺灣和台湾"])
def test_both_forms_of_tai_are_kept(text: str) -> None:
    converted = convert(text)
    assert [c for c in converted if c in "台臺"] == [c for c in text if c in "台臺"]


def test_entities_origin_and_repairs_are_kept() -> None:
    record = Record("台湾的华硕电脑", [Entity(0, 2, "GPE"), Entity(3, 7, "ORG")], "f:9", "doc", ["mended"])
    converted = S2TW(record)
    converted_by = f"OpenCC {opencc.__version__} s2tw"
    assert converted == Record("台灣的華碩電腦", record.entities, "f:9", "doc", ["mended"], converted_by)
    assert [converted.text[e.start : e.end] for e in converted.entities] == ["台灣", "華碩電腦"]
    assert record.text == "台湾的华硕电脑"  # a new record


def test_script_none_returns_the_record_itself() -> None:
    record = Record("台湾", [Entity(0, 2, "GPE")], "f:1")
    assert record_converter("none")(record) is record


def test_traditional_can_become_simplified() -> None:
    assert record_converter("tw2s")(Record("臺灣的電腦", [], "f:1")).text == "台湾的电脑"


@pytest.mark.parametrize("script", ["S2TW", "", "auto", "traditional"])
def test_an_unknown_script_is_an_error_that_lists_the_choices(script: str) -> None:
    with pytest.raises(ValueError, match=r"^\[ZT004\].*s2tw") as caught:
        record_converter(script)
    assert repr(script) in str(caught.value)


def decided(texts: Iterable[str]) -> list[bool]:
    """Return, for each text of one file, whether it is detected as Simplified."""
    decision, found = ScriptDecision(), list(texts)
    decision.begin_file(found[:200])
    return [decision.is_simplified(text) for text in found]


@pytest.mark.parametrize(
    "texts",
    [
        ["彭小军认为，国内银行现在走的是台湾的发卡模式"],
        ["浙商银行企业信贷部叶老桂博士", "则从另一个角度对五道门槛进行了解读。"],
        ["今天天气很好，我们去北京市朝阳区的公园。"],
    ],
)
def test_simplified_texts_are_detected(texts: list[str]) -> None:
    assert all(decided(texts))


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
def test_traditional_texts_are_not_detected_as_simplified(texts: list[str]) -> None:
    assert not any(decided(texts))


TRADITIONAL = [
    "臺北市大安區龍安里三鄰新生南路",
    "新上里、莊敬里、何安里",
    "龍安里",
    "里長于先生與后小姐",
    "范仲淹、余光中、沈從文、游錫堃、于右任、干寶、后羿、只有面子",
    "國分太一與宮沢りえ、浜崎あゆみ",
    "国分太一住大安里",
    "才、云、丑、几、卷、向、周、志、折、朴、松、板、杯、舍、表、谷、采、郁、制、占",
    "余生、游泳、沈默、系統、制度、台灣、岳飛、準備、隻身",
    "温小姐、黄先生、吴先生、吕先生和强先生住在没有户口的里",
    "台北后里",
]
SIMPLIFIED = ["这个国家发展很快，后面还有", "我们说", "林小华在台北市。", "台湾银行发布报告"]


@pytest.mark.parametrize("text", TRADITIONAL)
def test_a_traditional_text_is_never_converted(text: str, tmp_path: Path) -> None:
    for name, lines in {
        "alone": [text],
        "many": [text] * 300,
        "first": [text, "他們說"],
        "last": ["他們說", text],
    }.items():
        path = tmp_path / f"{name}.txt"
        path.write_text("".join(f"[{line[0]}](X){line[1:]}\n" for line in lines), encoding="utf-8")
        tally = Tally()
        records = read_records([path], ConvertSettings(), tally)
        assert [record.text for record in records] == lines
        assert tally.scripts == {"Traditional": len(lines)}


@pytest.mark.parametrize("text", SIMPLIFIED)
def test_neutral_texts_in_a_simplified_file_are_simplified(text: str) -> None:
    assert decided([text]) == [True]
    assert decided([text] * 3 + ["后天下雨", "台北", ""]) == [True] * 6  # neutral texts have the script of their file


def test_each_text_of_a_mixed_file_has_its_own_script() -> None:
    simplified = ["这个国家发展很快", "国务院发布的规定", "他们说这样"]
    traditional = ["臺北市大安區龍安里", "他們說這樣", "高雄市長說"]
    for few, many in ((simplified, traditional), (traditional, simplified)):
        texts = [*many * 20, *few]
        assert decided(texts) == [text in simplified for text in texts]


def test_a_neutral_file_has_the_script_of_earlier_files() -> None:
    for before, expected in (("这个国家发展很快", True), ("這個國家發展很快", False), ("台北", False)):
        decision = ScriptDecision()
        decision.begin_file([before])
        decision.begin_file(["后面"])
        assert decision.is_simplified("后面") == expected
    decision = ScriptDecision()
    decision.begin_file(["這個國家發展很快"] * 9)
    decision.begin_file(["这个国家发展很快", "后面"])
    assert decision.is_simplified("后面")  # the own file takes precedence over earlier ones


EVIDENCE = {
    "们说门马华话": (1, 0, 0),
    "們說門馬華灣臺龍": (0, 1, 0),
    "国学会湾来": (0, 0, 1),
    "台里后面只干余范于沈游温黄Aア。 ": (0, 0, 0),
}


@pytest.mark.parametrize(("char", "evidence"), [(char, found) for chars, found in EVIDENCE.items() for char in chars])
def test_only_characters_of_one_script_are_counted(char: str, evidence: tuple[int, int, int]) -> None:
    assert ScriptCounter()(char) == evidence
    assert ScriptCounter()(char * 2)[2] == evidence[2]


@pytest.mark.parametrize("texts", [["台湾大学"], ["中国", "学校"], ["在台湾", "国会"]])
def test_characters_shared_with_japanese_decide_if_there_are_no_others(texts: list[str]) -> None:
    assert all(decided(texts))
    assert decided([*texts, "他們說"]) == [False] * (len(texts) + 1)
    assert not any(decided([*texts, "りえ"]))


def test_the_script_of_real_corpora_is_detected(corpora: Path) -> None:
    lines = (corpora / "cluener2020" / "dev.json").read_text(encoding="utf-8").split("\n")[:200]
    assert all(decided(json.loads(line)["text"] for line in lines))
    uner = (corpora / "uner_zh_gsd" / "zh_gsd-ud-dev.iob2").read_text(encoding="utf-8")
    texts = [line.removeprefix("# text = ") for line in uner.split("\n") if line.startswith("# text")]
    assert not any(decided(texts))


def converted(script: str, text: str, *surfaces: str) -> tuple[str, list[str], int]:
    """Return a converted text, the texts of its entities, and the number of separately converted entities."""
    converter = RecordConverter(script)
    entities = [Entity(text.index(surface), text.index(surface) + len(surface), "X") for surface in surfaces]
    record = converter(Record(text, entities, "f:1"))
    assert [entity.label for entity in record.entities] == ["X"] * len(surfaces)
    return record.text, [record.text[e.start : e.end] for e in record.entities], converter.rescued


def test_offsets_follow_words_that_change_their_length() -> None:
    text = "用U盘的首席技术官张三在互联网公司"
    assert converted("s2twp", text, "U盘", "张三", "互联网公司") == (
        "用隨身碟的技術長張三在網際網路公司",
        ["隨身碟", "張三", "網際網路公司"],
        0,
    )


@pytest.mark.parametrize(
    ("script", "text", "surface", "expected"),
    [
        # Cases from CLUENER, where OpenCC would write 長鬍 (beard), 國曆 (calendar) and 領檯 (desk)
        ("s2tw", "文化部长胡斯尼", "胡斯尼", ("文化部長胡斯尼", ["胡斯尼"], 1)),
        ("s2tw", "美国历史学家", "历史学家", ("美國歷史學家", ["歷史學家"], 1)),
        ("s2tw", "带领台湾电影", "台湾", ("帶領台灣電影", ["台灣"], 1)),
        # Words of OpenCC that cross the border of the entity
        ("s2twp", "少数组织", "组织", ("少數組織", ["組織"], 1)),
        ("s2twp", "改变量子比特", "量子", ("改變量子位元", ["量子"], 1)),
        # Entity borders inside a word of OpenCC
        ("s2twp", "互联网", "互联", ("互聯網", ["互聯"], 1)),
        ("s2twp", "首席技术官", "技术", ("首席技術官", ["技術"], 1)),
        # Nothing to separate: a word next to the entity, or inside it, changes its length
        ("s2twp", "老挝人民民主共和国", "共和国", ("寮人民民主共和國", ["共和國"], 0)),
        ("s2twp", "在大互联网公司里", "大互联网公司", ("在大網際網路公司裡", ["大網際網路公司"], 0)),
    ],
)
def test_an_entity_is_converted_as_if_it_were_alone(
    script: str, text: str, surface: str, expected: tuple[str, list[str], int]
) -> None:
    assert converted(script, text, surface) == expected


def test_neighbours_of_a_separately_converted_entity_are_right() -> None:
    assert converted("s2twp", "互联网改变量子比特的历史", "互联网", "改变", "量子", "历史") == (
        "網際網路改變量子位元的歷史",
        ["網際網路", "改變", "量子", "歷史"],
        1,
    )


@given(
    st.sampled_from(["s2tw", "s2twp", "t2tw", "t2s"]),
    st.lists(
        st.tuples(MIXED | st.sampled_from(["互联", "网", "首席", "技术官", "改变", "量子", "U盘"]), st.booleans())
    ),
)
def test_every_entity_is_converted_as_if_it_were_alone(script: str, parts: list[tuple[str, bool]]) -> None:
    text = "".join(part for part, _ in parts)
    ends = list(accumulate(len(part) for part, _ in parts))
    entities = [
        Entity(end - len(part), end, "X")
        for (part, is_entity), end in zip(parts, ends, strict=True)
        if part and is_entity
    ]
    record = record_converter(script)(Record(text, entities, "f:1"))
    alone = Converter(script)
    assert [record.text[e.start : e.end] for e in record.entities] == [
        alone(text[e.start : e.end]).text for e in entities
    ]


# (entities, separately converted ones) of each corpus; the latter join their neighbours, as in 部长|胡斯尼.
RESCUED = {
    ("cluener2020", "s2tw"): (27042, 12),
    ("cluener2020", "s2twp"): (27042, 18),
    ("resume_ner", "s2tw"): (16567, 0),
    ("resume_ner", "s2twp"): (16567, 0),
    ("uner_zh_gsd", "t2tw"): (7713, 0),
}


@pytest.mark.slow
@pytest.mark.parametrize(("name", "script"), RESCUED)
def test_every_entity_of_real_corpora_is_converted_as_if_alone(name: str, script: str, corpora: Path) -> None:
    converter, alone = RecordConverter(script), Converter(script)
    n_entities = 0
    for path in [path for paths in find_splits(corpora / name).values() for path in paths]:
        for record in FORMATS[guess_format(path)](path):
            checked = check_record(record, Tally())
            found = converter(checked)
            assert len(found.entities) == len(checked.entities)
            for before, after in zip(checked.entities, found.entities, strict=True):
                assert found.text[after.start : after.end] == alone(checked.text[before.start : before.end]).text
            n_entities += len(found.entities)
    assert (n_entities, converter.rescued) == RESCUED[name, script]
