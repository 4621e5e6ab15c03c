"""Norms of characters: tables of folds, and the conversion of scripts."""

import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spacy_zh_tw_ner.tokenization.char_tokenizer import plain_norms
from spacy_zh_tw_ner.tokenization.conversion import ScriptConverter
from spacy_zh_tw_ner.tokenization.folds import FOLDS, VARIANTS, WIDTHS, fold_table

SCRIPTS = ("s2t", "s2tw", "t2tw", "tw2t", "t2s", "tw2s", "s2twp", "tw2sp")
WORDS = [*"国台湾后发里面头干么着 臺灣ａA1，\n\x00", "互联网", "打印机", "鼠标", "首席技术官", "網際網路"]


def test_every_fold_maps_one_character_to_another() -> None:
    for table in FOLDS.values():
        assert [(char, norm) for char, norm in table.items() if len(char) != 1 or len(norm) != 1 or char == norm] == []


def test_folding_is_idempotent() -> None:
    for table in FOLDS.values():
        assert set(table).isdisjoint(table.values())


def test_widths_contain_all_letters_and_digits() -> None:
    half = string.digits + string.ascii_letters
    full = (
        "０１２３４５６７８９"
        "ａｂｃｄｅｆｇｈｉｊｋｌｍｎｏｐｑｒｓｔｕｖｗｘｙｚ"
        "ＡＢＣＤＥＦＧＨＩＪＫＬＭＮＯＰＱＲＳＴＵＶＷＸＹＺ"
    )
    assert [WIDTHS[char] for char in full] == list(half)
    assert len(WIDTHS) == len(full) + len("％＄＋－／＠＃＆＊＝＿＜＞")


def test_widths_are_the_half_width_forms_of_unicode() -> None:
    assert {char: norm for char, norm in WIDTHS.items() if ord(char) - 0xFEE0 != ord(norm)} == {}


@pytest.mark.parametrize("sign", "，。！？：；（）「」、～…．")
def test_no_fold_changes_punctuation(sign: str) -> None:
    assert sign not in fold_table(["width", "variants"])
    assert plain_norms().get(sign, sign) == sign


def test_variants_fold_to_the_more_frequent_character() -> None:
    pairs = {"臺": "台", "裏": "裡", "着": "著", "羣": "群", "爲": "為", "峯": "峰", "麪": "麵"}
    assert {char: VARIANTS[char] for char in pairs} == pairs


def test_fold_table_joins_folds_in_lower_case() -> None:
    assert fold_table([]) == {}
    assert fold_table(["variants"]) == VARIANTS
    assert fold_table(["width"])["Ａ"] == "a"
    assert fold_table(["width"])["ａ"] == "a"
    both = fold_table(["width", "variants"])
    assert (both["臺"], both["％"]) == ("台", "%")
    assert set(both) == set(WIDTHS) | set(VARIANTS)


def test_an_unknown_fold_is_an_error_that_lists_the_choices() -> None:
    with pytest.raises(ValueError, match=r"\[ZT003\] CharTokenizer: normalize='nfkc' is unknown.*'variants', 'width'"):
        fold_table(["width", "nfkc"])


def test_plain_norms_undo_the_base_norms_of_spacy() -> None:
    from spacy.lang.norm_exceptions import BASE_NORMS

    norms = plain_norms()
    assert "，" in BASE_NORMS
    assert BASE_NORMS["，"] == ","
    assert {char for char in BASE_NORMS if len(char) == 1} <= set(norms)
    # The lower case of İ is two characters: it may stay, or lose its dot.
    single = {char: norm for char, norm in norms.items() if len(char.lower()) == 1}
    assert {char: norm for char, norm in single.items() if norm != char.lower()} == {}
    assert {len(norm) for norm in norms.values()} == {1}


@pytest.mark.parametrize(
    ("script", "text", "converted"),
    [
        ("s2tw", "皇后在后面，头发发现", "皇后在後面，頭髮發現"),
        ("s2tw", "国立台湾大学", "國立台灣大學"),
        ("s2twp", "鼠标和打印机", "滑鼠和印表機"),
        ("s2twp", "互联网的台式机", "互聯網的台式機"),
        ("s2t", "里面", "裏面"),
        ("t2s", "國立臺灣大學", "国立台湾大学"),
        ("tw2s", "裡面", "里面"),
        ("t2tw", "裏面", "裡面"),
        ("tw2t", "裡面", "裏面"),
    ],
)
def test_scripts_are_converted_in_context(script: str, text: str, converted: str) -> None:
    assert ScriptConverter(script)(text) == converted


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from(SCRIPTS),
    st.lists(st.sampled_from(WORDS) | st.characters(exclude_categories=["Cs"])).map("".join),
)
def test_conversion_keeps_the_length_of_every_text(script: str, text: str) -> None:
    assert len(ScriptConverter(script)(text)) == len(text)


@pytest.mark.parametrize("script", SCRIPTS)
def test_characters_without_conversion_are_kept(script: str) -> None:
    text = "\x00 \n\u3000\ue000👨🏻\u200d🚒𠮷e\u0301ＡＢ１，。"
    assert ScriptConverter(script)(text) == text


@pytest.mark.parametrize("script", ["s2twq", "", "S2TW", "zh-tw"])
def test_an_unknown_script_is_an_error_that_lists_the_choices(script: str) -> None:
    with pytest.raises(ValueError, match=rf"\[ZT004\] Unknown script '{script}'.*'s2tw'"):
        ScriptConverter(script)
