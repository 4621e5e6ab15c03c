"""Personal data in texts as people write them: labels and borders of findings, and texts without any."""

import re
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from spacy_zh_tw_ner.corpora.formats.markup import read_markup
from spacy_zh_tw_ner.taiwan import LABELS, scan
from spacy_zh_tw_ner.taiwan.scanner import find_candidates
from spacy_zh_tw_ner.taiwan.widths import fold_widths

# The syntax tree of patterns has no public module.
_parser: Any = import_module("re._parser" if sys.version_info >= (3, 11) else "sre_parse")
MODULES = (
    "scanner",
    "findings",
    "context_words",
    "account_rules",
    "secret_rules",
    "number_rules",
    "number_scores",
    "numbers",
    "text_rules",
    "addresses",
    "address_parts",
    "date_rules",
    "numeric_dates",
    "widths",
    "phone",
    "identifiers",
)
PIECES = st.sampled_from(
    [
        *"A1２９0-－ 　\n().:/@#_+號路街年月日里區市縣曆醫字第，。",
        *(
            "A123456789",
            "04595257",
            "0912",
            "-345-678",
            "統編",
            "訂單",
            "臺北市",
            "大安區",
            "中山路",
            "5號",
            "民國75年",
        ),
        *(
            "LINE ID",
            "密碼是",
            "a@b.tw",
            "https://x.tw",
            "生日",
            "1986/3/2",
            "4111111111111111",
            "農曆三月",
            "\ud800",
            "𠮷",
        ),
    ]
)


def found(text: str, min_score: float = 0.5) -> list[tuple[str, str]]:
    return [(text[f.start : f.end], f.label) for f in scan(text, min_score=min_score)]


@pytest.mark.parametrize(
    ("text", "surface", "label"),
    [
        ("編號：Ａ１２３４５６７８９。", "Ａ１２３４５６７８９", "NATIONAL_ID"),
        ("他的A123456789是真的", "A123456789", "NATIONAL_ID"),
        ("身分證 A123 456 789 號", "A123 456 789", "NATIONAL_ID"),
        ("身分證字號A12345\n6789", "A12345\n6789", "NATIONAL_ID"),
        ("居留證A800000014", "A800000014", "RESIDENT_ID"),
        ("舊式 AA00000009", "AA00000009", "RESIDENT_ID"),
        ("統編04595257", "04595257", "COMPANY_ID"),
        ("統一編號：０４５９５２５７", "０４５９５２５７", "COMPANY_ID"),
        ("買受人：大同行 04595257", "04595257", "COMPANY_ID"),
        ("04595257（統編）", "04595257", "COMPANY_ID"),
        ("健保卡號 0000 1234 5678", "0000 1234 5678", "NHI_CARD"),
        ("護照號碼：312345678", "312345678", "PASSPORT"),
        ("駕照管轄編號 123456789012", "123456789012", "DRIVER_LICENSE"),
        ("醫字第012345號", "醫字第012345號", "MEDICAL_LICENSE"),
        ("持有護理字第123456號證書", "護理字第123456號", "MEDICAL_LICENSE"),
        ("兵籍號碼：玄A123456", "玄A123456", "MILITARY_ID"),
        ("兵籍號碼：玄字第689297號，役別", "玄字第689297號", "MILITARY_ID"),
        ("兵籍號碼地字第 026908 號，退伍", "地字第 026908 號", "MILITARY_ID"),
        ("戶號：F1234567", "F1234567", "HOUSEHOLD_ID"),
        ("打0912-345-678給我", "0912-345-678", "PHONE"),
        ("手機０９１２３４５６７８", "０９１２３４５６７８", "PHONE"),
        ("+886-912-345-678", "+886-912-345-678", "PHONE"),
        ("請洽（02）2311-3731分機12。", "（02）2311-3731分機12", "PHONE"),
        ("02-2311-3731#123", "02-2311-3731#123", "PHONE"),
        ("電話 02-2311\n-3731", "02-2311\n-3731", "PHONE"),
        ("車號ABC-1235", "ABC-1235", "LICENSE_PLATE"),
        ("那台計程車TAA-123肇逃", "TAA-123", "LICENSE_PLATE"),
        ("車牌 1234-AB", "1234-AB", "LICENSE_PLATE"),
        ("匯款帳號：822-1234-5678-9012", "822-1234-5678-9012", "BANK_ACCOUNT"),
        ("卡號4111 1111 1111 1111", "4111 1111 1111 1111", "CREDIT_CARD"),
        ("寄到ming.wang@gmail.com。", "ming.wang@gmail.com", "EMAIL"),
        ("信箱ｍｉｎｇ＠ｇｍａｉｌ．ｃｏｍ", "ｍｉｎｇ＠ｇｍａｉｌ．ｃｏｍ", "EMAIL"),
        ("看https://example.com/a?b=1。", "https://example.com/a?b=1", "URL"),
        ("網址 www.example.tw/x，", "www.example.tw/x", "URL"),
        ("上shop.example.com.tw買", "shop.example.com.tw", "URL"),
        ("來源 192.168.10.20 連線", "192.168.10.20", "IP"),
        ("來源 2001:b000::1 連線", "2001:b000::1", "IP"),
        ("LINE ID：ming_wang", "ming_wang", "LINE_ID"),
        ("加賴：wang-88", "wang-88", "LINE_ID"),
        ("PTT ID是windbell", "windbell", "PTT_ID"),
        ("推 windbell: 認真回", "windbell", "PTT_ID"),
        ("IG：@ming.eats", "@ming.eats", "SOCIAL"),
        ("密碼是P@ssw0rd", "P@ssw0rd", "SECRET"),
        ("密碼為「abc123」", "abc123", "SECRET"),
        ("密碼：abc123（請更改）", "abc123", "SECRET"),
        ("密碼是abc123！快改", "abc123", "SECRET"),
        ("看https://example.com，abc", "https://example.com", "URL"),
        ("發票CA-95097065，統編04595257", "04595257", "COMPANY_ID"),
        ("統一編號\n04595257", "04595257", "COMPANY_ID"),
        ("api_key=abcDEF123456", "abcDEF123456", "SECRET"),
        ("AKIAABCDEFGHIJKLMNOP", "AKIAABCDEFGHIJKLMNOP", "SECRET"),
        ("住106臺北市大安區泰順街16巷2弄5號3樓之1", "106臺北市大安區泰順街16巷2弄5號3樓之1", "ADDRESS"),
        ("我住在中山路５號", "中山路５號", "ADDRESS"),
        ("台北市 信義區 市府路 1號", "台北市 信義區 市府路 1號", "ADDRESS"),
        ("花蓮縣秀林鄉富世村富世291號", "花蓮縣秀林鄉富世村富世291號", "ADDRESS"),
        ("新北市板橋區縣民大道二段七號", "新北市板橋區縣民大道二段七號", "ADDRESS"),
        ("高雄市前鎮區中山二路2號25樓之3室", "高雄市前鎮區中山二路2號25樓之3室", "ADDRESS"),
        ("屏東縣恆春鎮墾丁路 237 號。", "屏東縣恆春鎮墾丁路 237 號", "ADDRESS"),
        ("台北大安區和平東路一段162號", "台北大安區和平東路一段162號", "ADDRESS"),
        ("他住自由路5號", "自由路5號", "ADDRESS"),
        ("在市府路1號", "市府路1號", "ADDRESS"),
        ("南竿鄉介壽村76號", "南竿鄉介壽村76號", "ADDRESS"),
        ("登入帳號 0912345678", "0912345678", "PHONE"),
        ("+886937123456", "+886937123456", "PHONE"),
        ("手機 0 9 1 2 3 4 5 6 7 8", "0 9 1 2 3 4 5 6 7 8", "PHONE"),
        ("請洽民生路4號二樓", "民生路4號二樓", "ADDRESS"),
        ("40458台中市北區三民路三段129號B1", "40458台中市北區三民路三段129號B1", "ADDRESS"),
        ("市話2311-3731分機12", "2311-3731分機12", "PHONE"),
        ("IG @foodie_tw", "@foodie_tw", "SOCIAL"),
        ("wifi密碼 hello2024", "hello2024", "SECRET"),
        ("http://localhost:8080/a", "http://localhost:8080/a", "URL"),
        ("她1993年生", "1993年", "BIRTHDAY"),
        ("113/4/27開庭", "113/4/27", "DATE"),
        ("醫字第 012345 號", "醫字第 012345 號", "MEDICAL_LICENSE"),
        ("生日：1986/03/02", "1986/03/02", "BIRTHDAY"),
        ("生日 3月2日", "3月2日", "BIRTHDAY"),
        ("生日：農曆三月初三", "農曆三月初三", "BIRTHDAY"),
        ("出生於民國七十五年", "民國七十五年", "BIRTHDAY"),
        ("農曆七月半普渡", "農曆七月半", "DATE"),
        ("民國75年3月2日生", "民國75年3月2日", "BIRTHDAY"),
        ("出生年月日0750302", "0750302", "BIRTHDAY"),
        ("於民國113年4月27日開庭", "民國113年4月27日", "DATE"),
        ("農曆三月初三進香", "農曆三月初三", "DATE"),
        ("一百一十三年四月二十七日", "一百一十三年四月二十七日", "DATE"),
        ("發票日期 20240505", "20240505", "DATE"),
        ("中　華　民　國　114　年　11　月　6　日", "中　華　民　國　114　年　11　月　6　日", "DATE"),
        ("事故日期：2025 / 11 / 08", "2025 / 11 / 08", "DATE"),
        ("Wed Nov 12 03:01 login", "Nov 12", "DATE"),
        ("[12/Nov/2025:22:01] GET", "12/Nov/2025", "DATE"),
        ("arrived on Sept. 3, 2025 by air", "Sept. 3, 2025", "DATE"),
        ("12.08（一）開會", "12.08", "DATE"),
        ("臘月廿四以後不接單", "臘月廿四", "DATE"),
        ("九月十二我再去", "九月十二", "DATE"),
        (
            "8F.-2, No. 180, Sec. 3, Minquan E. Rd., Taipei City 105. Thanks",
            "8F.-2, No. 180, Sec. 3, Minquan E. Rd., Taipei City 105",
            "ADDRESS",
        ),
        ("住南路328巷12弄3號之2四樓B室", "南路328巷12弄3號之2四樓B室", "ADDRESS"),
        ("那台 PX-5802 根本擋路", "PX-5802", "LICENSE_PLATE"),
        ("車牌號碼N9K-281號", "N9K-281", "LICENSE_PLATE"),
        ("pwd 先用 Welcome#5928, 再改", "Welcome#5928", "SECRET"),
        ("DB_PASS=8MFdnLepDvXTcCT56AW8", "8MFdnLepDvXTcCT56AW8", "SECRET"),
        ("提款卡都是 3436。", "3436", "SECRET"),
        ("登入用 admin / Fw@8680Nei；", "Fw@8680Nei", "SECRET"),
        ("合庫006 5892386681078 杜先生", "5892386681078", "BANK_ACCOUNT"),
        ("退伍令字號 玄字第135254號", "玄字第135254號", "MILITARY_ID"),
        ("戶　號：Ｉ７８０８９２６", "Ｉ７８０８９２６", "HOUSEHOLD_ID"),
        ("GitHub leo-off67", "leo-off67", "SOCIAL"),
        ("客戶編號C001，0912-345-678", "0912-345-678", "PHONE"),
        ("蒲女士　女　38/12/25　主訴：", "38/12/25", "BIRTHDAY"),
        ("病患民國38年12月25日（76歲）", "民國38年12月25日", "BIRTHDAY"),
        ("一樓大門按 0424# 然後搭電梯", "0424#", "SECRET"),
        ("兵單是玄字第113060號，後備", "玄字第113060號", "MILITARY_ID"),
        ("物理治療字第006411號", "物理治療字第006411號", "MEDICAL_LICENSE"),
        ("護照號碼：P6658211A（效期", "P6658211A", "PASSPORT"),
        ("匯到(807)27346105998044\n3. 主刀", "(807)27346105998044", "BANK_ACCOUNT"),
        ("阿嬤農曆八月初三過九十大壽", "農曆八月初三", "BIRTHDAY"),
        ("叫他加我 yuting_wen", "yuting_wen", "LINE_ID"),
        ("幫我跟板主 tofuQ2 說", "tofuQ2", "PTT_ID"),
        ("學生3月2日開學", "3月2日", "DATE"),
        ("臺北市10月5號", "10月5號", "DATE"),
        ("面試是九月四日14:30", "九月四日", "DATE"),
        ("今年十二月三十一日", "十二月三十一日", "DATE"),
        ("於5/20回診", "5/20", "DATE"),
        ("1/2（五）出發", "1/2", "DATE"),
        ("我3/8才去過", "3/8", "DATE"),
        ("時間113.09.21下午", "113.09.21", "DATE"),
        ("2025-06-14T03:25:30", "2025-06-14", "DATE"),
        ("保固至2026/03", "2026/03", "DATE"),
        ("您的生日08/01快到了", "08/01", "BIRTHDAY"),
        ("姓名　出生日期　關係\n林美　58.07.11　配偶", "58.07.11", "BIRTHDAY"),
        ("客服：請問您的生日，用來核對。\n客戶：七十六年二月三日", "七十六年二月三日", "BIRTHDAY"),
        ("密碼已改為Qt!113-cam，僅主委知道", "Qt!113-cam", "SECRET"),
        ("密碼每學期更換，本學期為Sp!113b", "Sp!113b", "SECRET"),
        ("加油密碼2468）", "2468", "SECRET"),
        ("解密金鑰d2f20ec673a5c2e471819e63不得外寄", "d2f20ec673a5c2e471819e63", "SECRET"),
        ("Authorization: Bearer BF7yJYVyKzh34KqYbKg9", "BF7yJYVyKzh34KqYbKg9", "SECRET"),
        ("轉三萬到806-98284922377020", "806-98284922377020", "BANK_ACCOUNT"),
        ("帳號：（700）39165936931685", "（700）39165936931685", "BANK_ACCOUNT"),
        ("郵局7000021-05641160628828", "7000021-05641160628828", "BANK_ACCOUNT"),
        ("是這個帳號嗎？8775760378283，玉山的", "8775760378283", "BANK_ACCOUNT"),
        ("要護照嗎？舊的389049306", "389049306", "PASSPORT"),
        ("母親護照號碼B3658248將到期", "B3658248", "PASSPORT"),
        ("健保卡掉了，新的卡號000011674224", "000011674224", "NHI_CARD"),
        ("王小姐/0904-454-316/台北市", "0904-454-316", "PHONE"),
        ("汽車二、BCL-3878之修理費", "BCL-3878", "LICENSE_PLATE"),
        ("地址：高雄市旗山區延平一路\n４４５號", "高雄市旗山區延平一路\n４４５號", "ADDRESS"),
        ("加我的LINE，ID是mumu_0817", "mumu_0817", "LINE_ID"),
        ("加賴 ticket5566", "ticket5566", "LINE_ID"),
        ("官方帳號暫定@qfes_pta", "@qfes_pta", "LINE_ID"),
        ("LINE對話截圖（兄長帳號cheng_1977）", "cheng_1977", "LINE_ID"),
        ("Threads上那個@noodle_and_rice就是我", "@noodle_and_rice", "SOCIAL"),
        ("追蹤IG@vote_chai", "@vote_chai", "SOCIAL"),
        ("論壇ragequit77（PTT帳號）", "ragequit77", "PTT_ID"),
    ],
)
def test_personal_data_is_found(text: str, surface: str, label: str) -> None:
    assert found(text) == [(surface, label)]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0912-345-67",
        "A123456788",
        "B199999999",
        "XA123456789",
        "04595257",  # the check digit alone
        "訂單編號04595257",
        "2024-04595257",
        "ISBN 978-957-12-3456-3",
        "股票代號2330",
        "客服0800-080-123、110、1922",
        "型號ABC-1235",
        "發票號碼CA-95097065",
        "刑法第339條之4",
        "判刑1年2月",
        "處有期徒刑12年6月",
        "加入1/2杯牛奶",
        "第3/5頁",
        "血壓120/80",
        "路由器韌體113.04.27",
        "材料編號4-5-3/3-3-4",
        "信用卡有效期限 12/28",
        "到期2028/11",
        "驗證碼為139737，請勿告訴他人",
        "一次性密碼482913",
        "密碼錯誤3次",
        "密碼可撥0800-080-123詢問",
        "改撥(02)412-8185",
        "北市教國字第1133782543號函",
        "LINE Bank與LINE TV",
        "我IG story沒看",
        "民國69年的手抄本",
        "VAS 6/10",
        "金鑰服務版本升為 5.2.1。",
        "府地字第075855號函",
        "想給 5/5 星",
        "出席 9/11 人",
        "netmask 255.255.255.0",
        "里程 35,210 km，還車",
        "提款卡末四碼 3456",
        "總分065-300-165",
        "112年度醫字第1234號民事判決",
        "公司營收04595257元",
        "匯款1000000000元",
        "臺北市中正區公所第3號公告",
        "臺中市3號候選人",
        "1993年生產",
        "大學三年生",
        "身分證A123456788",
        "2024年",
        "第5號",
        "三號公路",
        "知道一路上",
        "版本1.2.3.4",
        "12:30:45",
        "LINE Pay 100元",
        "密碼太短",
        "@",
        "a@b",
        "https://",
    ],
)
def test_texts_without_personal_data_have_no_findings(text: str) -> None:
    assert found(text) == []


def test_adjacent_findings_have_exact_borders() -> None:
    text = "陳小姐 0928-111-222 高雄市左營區博愛二路777號 LINE ID:abcd1234"
    assert found(text) == [
        ("0928-111-222", "PHONE"),
        ("高雄市左營區博愛二路777號", "ADDRESS"),
        ("abcd1234", "LINE_ID"),
    ]


def test_numbers_in_a_list_with_slashes_are_each_found() -> None:
    assert found("0901-366-738／03-399-3028") == [("0901-366-738", "PHONE"), ("03-399-3028", "PHONE")]
    assert found("洽(02)2700-1111、2700-2222") == [("(02)2700-1111", "PHONE"), ("2700-2222", "PHONE")]
    assert found("住院期間：114/02/11－114/02/19") == [("114/02/11", "DATE"), ("114/02/19", "DATE")]


def test_a_column_of_a_table_has_the_word_of_its_header() -> None:
    assert found("姓名|生日|到期\n林美|1988/6/9|2030/12/01") == [("1988/6/9", "BIRTHDAY"), ("2030/12/01", "DATE")]
    assert found("姓名\t帳號\n林美\t0040888539629") == [("0040888539629", "BANK_ACCOUNT")]


def test_context_raises_and_lowers_scores() -> None:
    def score(text: str) -> float:
        return max((f.score for f in find_candidates(text) if f.label == "COMPANY_ID"), default=0.0)

    assert score("訂單04595257") < score("04595257") < 0.5 < score("公司04595257") < score("統編04595257")
    assert score("04595258") == 0.0
    assert 0.0 < score("統編04595258") < 0.5  # misspelt
    assert score("統編20240101") == score("統編04595257")  # a valid number that reads as a date
    assert score("公司20240101") < 0.5


def test_labels_and_threshold() -> None:
    text = "統編04595257，手機0912-345-678"
    assert [f.label for f in scan(text, labels=["PHONE"])] == ["PHONE"]
    assert scan(text, labels=[]) == []
    assert [f.label for f in scan("04595257", min_score=0.3)] == ["COMPANY_ID"]
    assert {f.label for f in find_candidates(text)} <= set(LABELS)


@given(st.one_of(st.text(), st.lists(PIECES, max_size=30).map("".join)))
@example("(02")
@example("+" * 50)
@example("號")
@example("字第1234號")
def test_findings_in_any_text_are_in_range_and_do_not_overlap(text: str) -> None:
    assert len(fold_widths(text)) == len(text)
    end = 0
    for finding in scan(text, min_score=0.0):
        assert end <= finding.start < finding.end <= len(text)
        assert 0.0 <= finding.score <= 1.0
        assert finding.label in LABELS
        surface = text[finding.start : finding.end]
        assert surface == surface.strip()
        end = finding.end


@given(st.text("A12390-", max_size=30))
def test_full_width_text_has_the_same_findings(text: str) -> None:
    full = text.translate({code: code + 0xFEE0 for code in range(33, 127)})
    assert scan(full, min_score=0.0) == scan(text, min_score=0.0)


@pytest.mark.parametrize("name", ["dev", "dev2", "dev3"])
def test_accounts_and_secrets_have_one_of_their_words_nearby(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their rules are skipped if none of these words is near; no finding may be lost by that."""
    folder = Path(__file__).parents[2] / "assets" / "pii" / name
    texts = [record.text for path in sorted(folder.glob("*.txt")) for record in read_markup(path)]
    before = [find_candidates(text) for text in texts]
    monkeypatch.setattr("spacy_zh_tw_ner.taiwan.scanner._AccountWords.are_near", lambda *_: True)
    assert [find_candidates(text) for text in texts] == before


@given(st.lists(PIECES, max_size=30).map("".join))
def test_no_account_and_no_secret_is_far_from_its_words(text: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        before = find_candidates(text)
        patch.setattr("spacy_zh_tw_ner.taiwan.scanner._AccountWords.are_near", lambda *_: True)
        assert find_candidates(text) == before


def count_calls(function: Callable[[], object]) -> int:
    calls = 0

    def count(frame: object, event: str, argument: object) -> None:
        nonlocal calls
        calls += event in {"call", "c_call"}

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        function()
    finally:
        sys.setprofile(before)
    return calls


HOSTILE = (
    *("1", "1 ", "1-", "1-1 ", "A1", "A 1 ", "(1", "09 ", "4111 ", "A123456789", "04595257 ", "1.1.1.", "1/1/1 ", ":1"),
    *(
        "a@",
        "@a.",
        "a.tw/(",
        "https://",
        "www.",
        "LINE ID:",
        "LINE ID",
        "密碼",
        "密碼是",
        "推 a",
        "LINE @a_1 ",
        "LINE a_1 ",
        "token a1b2 ",
        "生日1/2\n",
        "AAA-1111 ",
        "1月1日",
        "sk-",
        "eyJaaaaaaaaa.",
    ),
    *(
        "號",
        "1號",
        "路1",
        "中山路",
        "臺北市",
        "臺北市大安區",
        "大安區三里",
        "字第1234號",
        "年",
        "1年",
        "民國1年1月",
        "曆一",
        "統編",
        "訂單1",
    ),
)


@pytest.mark.parametrize("unit", HOSTILE)
def test_twice_the_text_is_at_most_twice_the_work(unit: str) -> None:
    texts = [unit * (size // len(unit)) for size in (3000, 6000)]
    once, twice = (count_calls(lambda text=text: scan(text)) for text in texts)  # type: ignore[misc]
    assert twice <= 2.1 * once + 100


def patterns() -> list[Any]:
    names = {}
    for module in MODULES:
        for name, value in vars(import_module(f"spacy_zh_tw_ner.taiwan.{module}")).items():
            if isinstance(value, re.Pattern):
                names[module, name] = pytest.param(value, id=f"{module}.{name}")
    return list(names.values())


def most_repeats(tree: Any, longest: int = 1) -> float:
    """Return the largest product of the counts of nested repeats; a repeat of one character set counts as one."""
    most: float = longest
    for operator, argument in tree:
        name = str(operator)
        if name in {"MAX_REPEAT", "MIN_REPEAT"}:
            _, count, body = argument
            factor = float("inf") if count == _parser.MAXREPEAT else int(count)
            single = len(body) == 1 and str(body[0][0]) in {"IN", "LITERAL", "NOT_LITERAL", "ANY"}
            most = max(most, 1 if single else factor * most_repeats(body))
        elif name == "SUBPATTERN":
            most = max(most, most_repeats(argument[3]))
        elif name == "BRANCH":
            most = max([most, *map(most_repeats, argument[1])])
        elif name in {"ASSERT", "ASSERT_NOT"}:
            most = max(most, most_repeats(argument[1]))
    return most


@pytest.mark.parametrize("pattern", patterns())
def test_no_pattern_nests_repeats(pattern: "re.Pattern[str]") -> None:
    """Nested repeats can take exponential time. The patterns repeat single characters, or a group at most once."""
    assert most_repeats(_parser.parse(pattern.pattern)) <= 1


def test_nested_repeats_would_be_found() -> None:
    assert most_repeats(_parser.parse("(?:a+)+b")) == float("inf")
    assert most_repeats(_parser.parse("(?:a+b)?c{1,5}")) == 1
