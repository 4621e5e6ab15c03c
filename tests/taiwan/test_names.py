"""Names that rules find in forms, tables and chats, and before titles."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spacy_zh_tw_ner.taiwan import names
from spacy_zh_tw_ner.taiwan.names import NAME_LABELS, SCORES, find_names
from spacy_zh_tw_ner.taiwan.widths import fold_widths

PERSONS = {
    "姓名：王小明\n電話：": ["王小明"],
    "客戶：王小明、李大同 敬上": ["王小明", "李大同"],
    "被　告　潘世民": ["潘世民"],
    "姓名：拉瓦克．督固": ["拉瓦克．督固"],
    "英文姓名HSU, YA-CHI，航班": ["HSU, YA-CHI"],
    "被告費聖凱應給付原告": ["費聖凱"],
    "請警員戴立言協助": ["戴立言"],
    "母親陳林阿桃已故": ["陳林阿桃"],
    "由主管屈副理簽收": ["屈"],
    "李志明先生您好": ["李志明"],
    "登記人是我爸施進發。": ["施進發"],
    "旅客 MA CHEN/HSIUMAN 兩位": ["MA CHEN/HSIUMAN"],
    "恩恩媽：說到這個": ["恩恩媽"],
    "或問「蘭姐」": ["蘭姐"],
    "敝姓單，很高興": ["單"],
    "友人邊姓女子": ["邊"],
    "請阿榮伯過來": ["阿榮伯"],
    "問問（小魚）": ["小魚"],
    "由工讀生小庭接聽": ["小庭"],
    "妙妙阿姨": ["妙妙"],
    "作者 fish43 (炸豆腐)": ["炸豆腐"],
    "03　　夔立安　　98.01.": ["夔立安"],
    "08:15 倪爸 我到了": ["倪爸"],
    "2024/5/1, 8:15 AM Sunny: ok": ["Sunny"],
    "09:03 Jason Wen：hello": ["Jason Wen"],
    "湯維倫】您好": ["湯維倫"],
    "序\t姓名\t英文\t電話\n01\t昌明德\tCHANG/MINGTE\t0912345678": ["昌明德", "CHANG/MINGTE"],
}
ORGANIZATIONS = {
    "請洽海角物流。": ["海角物流"],
    "匯到臺灣銀行員林分行，": ["臺灣銀行員林分行"],
    "抬頭：禾果設計有限公司": ["禾果設計有限公司"],
    "在中和國光派出所領回": ["中和國光派出所"],
    "可以找消基會": ["消基會"],
    "車行：順安交通有限公司": ["順安交通有限公司"],
    "亞太通訊行土城店": ["亞太通訊行土城店"],
    "與 EASTGATE TRADING CO., LTD. 簽約": ["EASTGATE TRADING CO., LTD."],
}


def found(text: str, label: str) -> set[str]:
    return {text[f.start : f.end] for f in find_names(text) if f.label == label}


@pytest.mark.parametrize("text", PERSONS)
def test_persons_are_found(text: str) -> None:
    assert found(text, "PERSON") >= set(PERSONS[text])


@pytest.mark.parametrize("text", ORGANIZATIONS)
def test_organizations_are_found(text: str) -> None:
    assert found(text, "ORG") >= set(ORGANIZATIONS[text])


@pytest.mark.parametrize(
    "text",
    ["各位先生女士，", "08:15 客服 您好", "訂單編號 93187364", "今天天氣很好。", "08:15 系統通知 已收回", "1\t2\n3\t4"],
)
def test_words_that_are_no_names(text: str) -> None:
    assert not [*find_names(text)]


@given(st.text(alphabet="王小明 姓名：、\t|\n0183:AaB.．先生爸阿有限公司分行（()", max_size=60))
@settings(max_examples=300)
def test_findings_are_spans_with_a_label_and_a_score(text: str) -> None:
    for start, end, label, score, rule in find_names(text):
        assert 0 <= start < end <= len(text)
        assert label in NAME_LABELS
        assert 0.5 <= score < 1
        assert rule.startswith(("person_", "organization_"))
        assert text[start:end].strip()


def test_full_width_text_has_the_findings_of_half_width_text() -> None:
    text = "姓名:HSU/YA-CHI 8:15"
    wide = "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text)
    assert fold_widths(wide) == text
    assert {f[:3] for f in find_names(wide)} == {f[:3] for f in find_names(text)}


def test_no_pattern_repeats_without_a_bound() -> None:
    """Bounded repetitions keep the time linear in the length of hostile texts."""
    patterns = [pattern for _, pattern in names.COMPILED] + [
        names.FIELD,
        names.LIST,
        names.CELL,
        names.BRANCH,
        names.FIRM,
    ]
    for pattern in patterns:
        without_classes = re.sub(r"\[[^\]]*\]", "", pattern.pattern.replace("\\]", ""))
        assert not re.search(r"(?<!\\)[*+]|,\}", without_classes), pattern.pattern
    assert {rule for rule, _ in names.COMPILED} | {"field"} == set(SCORES)


def test_a_list_of_names_ends_at_a_limit() -> None:
    text = "客戶：" + "、".join(["甲乙"] * 100)
    assert sum(f.rule == "person_field" for f in find_names(text)) == 1 + names.MAX_LIST
