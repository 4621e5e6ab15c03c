"""Test `spacy.blank("zh_tw")`: tokenizer, config, stop words and numbers."""

from pathlib import Path

import opencc
import pytest
import spacy
from spacy import displacy
from spacy.language import Language
from spacy.tokens import Span

from spacy_zh_tw_ner.language import TraditionalChinese
from spacy_zh_tw_ner.language.defaults import STOP_WORDS, like_num
from spacy_zh_tw_ner.tokenization.char_tokenizer import CharTokenizer


def test_blank_pipeline_has_characters_as_tokens(nlp: Language) -> None:
    assert type(nlp) is TraditionalChinese
    assert nlp.lang == nlp.vocab.lang == "zh_tw"
    assert type(nlp.tokenizer) is CharTokenizer
    doc = nlp("國立臺灣大學")
    assert [token.text for token in doc] == list("國立臺灣大學")
    assert doc.lang_ == "zh_tw"
    assert {token.lang_ for token in doc} == {"zh_tw"}


def test_config_has_the_default_tokenizer(nlp: Language) -> None:
    assert nlp.config["nlp"]["lang"] == "zh_tw"
    assert nlp.config["nlp"]["tokenizer"]["@tokenizers"] == "spacy-zh-tw-ner.CharTokenizer.v1"


def test_writing_system_has_no_case_and_no_letters(nlp: Language) -> None:
    assert nlp.vocab.writing_system == {"direction": "ltr", "has_case": False, "has_letters": False}


def test_max_length_is_ten_million_characters_and_can_be_set() -> None:
    assert spacy.blank("zh_tw").max_length == 10_000_000
    small = TraditionalChinese(max_length=5)
    assert len(small("一二三四五")) == 5
    with pytest.raises(ValueError, match="E088"):
        small("一二三四五六")


def test_blank_pipeline_is_saved_and_loaded(tmp_path: Path) -> None:
    settings = {"group": ["digit"], "normalize": ["variants"], "script": None}
    tokenizer = {"@tokenizers": "spacy-zh-tw-ner.CharTokenizer.v1", **settings}
    nlp = spacy.blank("zh_tw", config={"nlp": {"tokenizer": tokenizer}})
    nlp.to_disk(tmp_path / "blank")
    loaded = spacy.load(tmp_path / "blank")
    assert type(loaded) is TraditionalChinese
    assert loaded.config == nlp.config
    assert loaded.tokenizer.config == settings
    text = "臺北２０２４年 7月"
    assert [(t.text, t.norm_, t.whitespace_) for t in loaded(text)] == [
        (t.text, t.norm_, t.whitespace_) for t in nlp(text)
    ]
    assert [t.norm_ for t in loaded(text)][:3] == ["台", "北", "２０２４"]


def test_displacy_renders_entities_of_the_language(nlp: Language) -> None:
    doc = nlp("蔡英文在臺北市。")
    doc.ents = [Span(doc, 0, 3, label="PERSON"), Span(doc, 4, 7, label="GPE")]
    html = displacy.render(doc, style="ent", page=True, jupyter=False)
    assert 'lang="zh_tw"' in html
    marks = [part.split("</mark>")[0] for part in html.split("<mark")[1:]]
    assert ["蔡英文" in mark and "PERSON" in mark for mark in marks] == [True, False]
    assert ["臺北市" in mark and "GPE" in mark for mark in marks] == [False, True]


def test_stop_words_are_traditional() -> None:
    for script in ("s2tw", "s2t"):
        convert = opencc.OpenCC(script).convert
        assert {word: convert(word) for word in STOP_WORDS if convert(word) != word} == {}


def test_stop_words_are_words_of_one_to_five_han_characters() -> None:
    assert [word for word in STOP_WORDS if not 1 <= len(word) <= 5] == []
    assert [word for word in STOP_WORDS if not all("\u4e00" <= char <= "\u9fff" for char in word)] == []
    assert len(STOP_WORDS) > 300


def test_stop_words_are_function_words(nlp: Language) -> None:
    assert {"的", "了", "我們", "因為", "裡", "為什麼", "與", "於"} <= STOP_WORDS
    assert STOP_WORDS.isdisjoint(
        {"臺", "北", "市", "人", "國", "臺灣", "總統", "公司", "一", "三", "百", "的话", "们", "这"}
    )
    assert [token.is_stop for token in nlp("我的書")] == [True, True, False]


@pytest.mark.parametrize(
    "text",
    [
        *"〇零一二三四五六七八九十兩廿卅",
        *"壹貳參叁肆伍陸柒捌玖拾佰仟",
        *"百千萬億兆",
        *("一百二十三萬", "壹佰貳拾", "二〇二四", "三千半", "五百億", "兩兆"),
        *("第三", "負三", "三分之二", "百分之五", "三點一四", "負三點五", "三‧五"),
        *("1", "0", "2024", "1,200", "1,234,567", "1.5", "-5", "+3", "±2", "1/2", "~3"),
        *("１", "２０２４", "１，２００", "１．５", "３／４", "－５"),
        *("3萬", "３萬", "1.5億", "1,200萬", "3百萬"),
    ],
)
def test_like_num_accepts_numbers(text: str) -> None:
    assert like_num(text)


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "起", "第", "負", "點", "半", "分之", "年", "月", "元", "人", "市", "的", "幾", "數", "多"),
        *("一起", "一些", "十分", "萬華", "三重區", "九份", "百貨", "第一銀行", "五月天", "一點", "三點"),
        *("，", "。", "%", "％", ".", "-", "+", "/", "１２３年", "a1", "5G", "1.2.3", "1,20", "1/", "/2", "NT$"),
    ],
)
def test_like_num_rejects_other_texts(text: str) -> None:
    assert not like_num(text)


def test_like_num_of_single_characters(nlp: Language) -> None:
    doc = nlp("一起買參本，共３百萬元")
    assert "".join(token.text for token in doc if token.like_num) == "一參３百萬"


def test_like_num_of_grouped_digits() -> None:
    tokenizer = {"@tokenizers": "spacy-zh-tw-ner.CharTokenizer.v1", "group": ["digit", "latin"]}
    nlp = spacy.blank("zh_tw", config={"nlp": {"tokenizer": tokenizer}})
    assert [token.text for token in nlp("iPhone１５有128GB") if token.like_num] == ["１５", "128"]
