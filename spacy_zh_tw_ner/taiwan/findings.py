"""Labels of personal data, spans that rules find, and the context words that raise or lower their scores."""

import re
from typing import NamedTuple

LABELS = (
    "NATIONAL_ID",
    "RESIDENT_ID",
    "COMPANY_ID",
    "NHI_CARD",
    "PASSPORT",
    "DRIVER_LICENSE",
    "MEDICAL_LICENSE",
    "MILITARY_ID",
    "HOUSEHOLD_ID",
    "PHONE",
    "LICENSE_PLATE",
    "BANK_ACCOUNT",
    "CREDIT_CARD",
    "EMAIL",
    "URL",
    "IP",
    "LINE_ID",
    "PTT_ID",
    "SOCIAL",
    "SECRET",
    "ADDRESS",
    "BIRTHDAY",
    "DATE",
)
OTHER = "OTHER"  # label of context words of numbers that are not personal data
# Labels whose word may be in the sentence before: 機票要護照嗎？舊的 312345678.
OF_TEXT = {"PASSPORT", "NHI_CARD", "BANK_ACCOUNT", "DRIVER_LICENSE", "LICENSE_PLATE", "HOUSEHOLD_ID", "MILITARY_ID"}
FOR_ONE = {OTHER, "BIRTHDAY"}  # labels of context words that count for one number only
MAX_LINE, TABLE = 120, 800  # characters of a line before a value, and of the lines above it, in a table
BEFORE, AFTER = 24, 8  # characters in which context words are searched
BEFORE_SENTENCE = 48  # characters in which they are searched if the sentence has none

STRONG = {
    "NATIONAL_ID": "身分證字號 身份證字號 身分證統一編號 身分證號碼 身分證號 身份證號 身分證 身份證 證號 身證 身分",
    "RESIDENT_ID": "居留證號碼 居留證號 居留證 統一證號 外僑居留證 居留",
    "COMPANY_ID": "營利事業統一編號 統一編號 公司統編 買方統編 統編 VAT",
    "NHI_CARD": "健保卡卡號 健保卡號碼 健保卡號 健保卡 健保IC卡",
    "PASSPORT": "護照號碼 護照號 護照 Passport passport PASSPORT",
    "DRIVER_LICENSE": "駕照號碼 駕照號 駕照 駕駛執照 管轄編號",
    "MILITARY_ID": "兵籍號碼 兵籍號 兵籍 軍人身分證",
    "HOUSEHOLD_ID": "戶號 戶口名簿",
    "PHONE": (
        "聯絡電話 連絡電話 住家電話 公司電話 電話號碼 電話 手機號碼 手機 行動電話 市話 傳真 專線 來電 門號 簡訊 "
        "TEL Tel tel Phone phone Mobile mobile FAX Fax"
    ),
    "LICENSE_PLATE": "車牌號碼 車牌 車號 牌照號碼 牌照 號牌 懸掛",
    "BANK_ACCOUNT": "銀行帳號 匯款帳號 收款帳號 轉帳帳號 帳戶號碼 帳號 帳戶 戶頭 匯到 匯款至 匯款 轉帳 轉到 存摺",
    "CREDIT_CARD": "信用卡卡號 信用卡號 信用卡 卡號 刷卡 金融卡",
    "BIRTHDAY": "出生年月日 出生日期 出生 生日 生於 誕生 DOB Birthday birthday",
    OTHER: (
        "訂單編號 訂單號碼 訂單 單號 發票號碼 發票 條碼 貨號 料號 型號 批號 產品編號 商品編號 商品 案號 掛號 包裹 "
        "ISBN 股票代號 代號 序號 編號 號碼為 保證書 保單號碼 保單 存證信函 流水號 版本 公文 文號 收文 發文 日期 "
        "交易編號 追蹤 order Order SKU"
    ),
}
WEAK = {
    "COMPANY_ID": "有限公司 公司 買受人 賣方 買方 行號 廠商 商號 營業人 抬頭 開立",
    "BANK_ACCOUNT": (
        "銀行 郵局 農會 信用合作社 台銀 臺銀 土銀 合庫 一銀 華銀 彰銀 北富銀 國泰世華 兆豐 玉山 台新 永豐 中信 "
        "元大 凱基 聯邦 星展"
    ),
    "LICENSE_PLATE": "汽車 機車 計程車 轎車 貨車 肇事 停車 拖吊 車輛 車主 駕駛 騎乘 車",
    "PHONE": "聯絡 打給 撥打 分機",
    "MILITARY_ID": "退伍 退令 服役 役別 軍官 士官 義務役 眷屬",
}


class Finding(NamedTuple):
    """A span of a text that a rule has found: `start` to `end` (exclusive) in characters, and a score from 0 to 1."""

    start: int
    end: int
    label: str
    score: float
    rule: str


class Context(NamedTuple):
    """The nearest context word of a number: its label, or "" without one, and whether it is a strong hint."""

    label: str
    is_strong: bool


_WORDS = {word: Context(label, True) for label, words in STRONG.items() for word in words.split()}
# Forms set words of two characters apart: 戶　號, 出　生.
_WORDS |= {f"{word[0]} {word[1]}": context for word, context in _WORDS.items() if len(word) == 2 and not word.isascii()}
_WORDS |= {word: Context(label, False) for label, words in WEAK.items() for word in words.split()}
# Longer words first: 統一編號 is not 編號.
_CUES = re.compile("|".join(map(re.escape, sorted(_WORDS, key=len, reverse=True))))
_SENTENCE_END = re.compile("[。!?;！？；]")
NO_CONTEXT = Context("", False)


def find_context(view: str, start: int, end: int, known: dict[int, Context] | None = None) -> Context:
    """Find the context word nearest to a number: the last one before it in its sentence, or one just after it.

    view (str): The text after `fold_widths`.
    start (int), end (int): The number.
    known (Optional[dict[int, Context]]): Contexts before numbers by their start, which the function adds to: numbers
        that are joined from the same piece on have the same.
    RETURNS (Context): Words such as 訂單 and 生日 count only if no further number is in between.
    """
    before = None if known is None else known.get(start)
    if before is None:
        before = _context_before(view, start)
        if known is not None:
            known[start] = before
    if before is not NO_CONTEXT:
        return before
    after = _CUES.search(view, end, min(len(view), end + AFTER))
    if after is not None and _WORDS[after[0]].label != OTHER:
        return _WORDS[after[0]]
    column = find_column_context(view, start)
    if column is not None:
        return column
    earlier = _context_before(view, start, of_sentence=False)
    return Context(earlier.label, False) if earlier.label in OF_TEXT else NO_CONTEXT


def _context_before(view: str, start: int, *, of_sentence: bool = True) -> Context:
    before = view[max(0, start - (BEFORE if of_sentence else BEFORE_SENTENCE)) : start]
    if of_sentence:
        before = _SENTENCE_END.split(before)[-1]
    weak = NO_CONTEXT
    for match in reversed([*_CUES.finditer(before)]):
        context = _WORDS[match[0]]
        if context.label in FOR_ONE and sum(map(str.isdigit, before[match.end() :])) >= 4:
            continue
        if context.is_strong:
            return context if weak is NO_CONTEXT or context.label != OTHER else weak
        weak = context if weak is NO_CONTEXT else weak
    return weak


def find_column_context(view: str, start: int) -> Context | None:
    """Find the context word in the header of the column of a table whose cells are set off by tabs or "|".

        姓名 | 出生年月日 | 帳號
        林美 | 58.07.11   | …          the second cell: BIRTHDAY

    view (str): The text after `fold_widths`.
    start (int): The value.
    RETURNS (Optional[Context]): The word, NO_CONTEXT if the cell of the header has none, or None outside of such a
        table. The header is the nearest line above, within `TABLE` characters, without digits and with as many cells.
    """
    line_start = view.rfind("\n", max(0, start - MAX_LINE), start) + 1
    if not line_start:  # none so near; the slice below would be the whole text
        return None
    before = view[line_start:start]
    border = "\t" if "\t" in before else "|"
    n_before = before.count(border)
    if not n_before:
        return None
    for line in reversed(view[max(0, line_start - TABLE) : line_start - 1].split("\n")):
        cells = line.split(border)
        if len(cells) <= n_before:
            return None
        if not any(map(str.isdigit, line)):
            word = _CUES.search(cells[n_before])
            return NO_CONTEXT if word is None else _WORDS[word[0]]
    return None
