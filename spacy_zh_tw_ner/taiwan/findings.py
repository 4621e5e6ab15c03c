"""Labels of personal data, the spans that rules find, and the context words that raise or lower their scores.

A context word is a word near a number that says which kind of number it is: 統編 in 統編04595257.
"""

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
OTHER = "OTHER"  # label of context words for numbers that are not personal data, such as 訂單
# The context word of these labels may be in the sentence before: 機票要護照嗎？舊的 312345678.
LABELS_FROM_EARLIER_SENTENCE = {
    "PASSPORT",
    "NHI_CARD",
    "BANK_ACCOUNT",
    "DRIVER_LICENSE",
    "LICENSE_PLATE",
    "HOUSEHOLD_ID",
    "MILITARY_ID",
}
# A context word of these labels counts for the first number after it only: 訂單A1234，電話 0912-345-678.
SINGLE_NUMBER_LABELS = {OTHER, "BIRTHDAY"}
CHARS_BEFORE, CHARS_AFTER = 24, 8  # characters before and after a number in which its context word is searched
CHARS_BEFORE_SENTENCE = 48  # characters that are searched if its own sentence has no context word
# Characters of a table that are searched: of its line before the value, and of the lines above.
MAX_LINE, MAX_TABLE = 120, 800

# Words that name the number itself.
STRONG_WORDS = {
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
# Words that are often near such a number, but do not name it.
WEAK_WORDS = {
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
    """A span of a text that a rule has found.

    start, end (int): Offsets in code points; `end` is exclusive.
    label (str): One of `LABELS`, or PERSON or ORG if `names` has found it.
    score (float): How certain the rule is, from 0 to 1.
    rule (str): The name of the rule, such as "national_id_checksum".
    """

    start: int
    end: int
    label: str
    score: float
    rule: str


class Context(NamedTuple):
    """The context word nearest to a number, such as 統編 or 公司.

    label (str): The label that the word points to; `OTHER` for a number that is not personal data; "" without a word.
    is_strong (bool): Whether the word is one of `STRONG_WORDS`.
    """

    label: str
    is_strong: bool


NO_CONTEXT = Context("", False)
_CONTEXTS = {word: Context(label, True) for label, words in STRONG_WORDS.items() for word in words.split()}
# Forms put a space between the two characters of a word: 戶　號, 出　生.
_CONTEXTS |= {f"{word[0]} {word[1]}": c for word, c in _CONTEXTS.items() if len(word) == 2 and not word.isascii()}
_CONTEXTS |= {word: Context(label, False) for label, words in WEAK_WORDS.items() for word in words.split()}
# Longer words first, because 統一編號 (COMPANY_ID) contains 編號 (OTHER).
_CONTEXT_WORD = re.compile("|".join(map(re.escape, sorted(_CONTEXTS, key=len, reverse=True))))
_SENTENCE_END = re.compile("[。!?;！？；]")


def find_context(view: str, start: int, end: int, cache: dict[int, Context] | None = None) -> Context:
    """Find the context word of a number: a word near it that says what it is, such as 電話.

    The places are searched in this order: the same sentence before the number, the characters just after it, the header
    of its table column, and the sentence before. There, only words for `LABELS_FROM_EARLIER_SENTENCE` count, and they
    raise the score less.

    view (str): The text as `fold_widths` returns it.
    start (int), end (int): The span of the number.
    cache (Optional[dict[int, Context]]): Contexts before numbers, by the start of the number. The function adds to it,
        because numbers that begin at the same place share the words before them.
    RETURNS (Context): The word, or `NO_CONTEXT`.
    """
    before = None if cache is None else cache.get(start)
    if before is None:
        before = _context_before(view, start)
        if cache is not None:
            cache[start] = before
    if before is not NO_CONTEXT:
        return before
    after = _CONTEXT_WORD.search(view, end, min(len(view), end + CHARS_AFTER))
    if after is not None and _CONTEXTS[after[0]].label != OTHER:
        return _CONTEXTS[after[0]]
    column = find_column_context(view, start)
    if column is not None:
        return column
    earlier = _context_before(view, start, same_sentence=False)
    return Context(earlier.label, False) if earlier.label in LABELS_FROM_EARLIER_SENTENCE else NO_CONTEXT


def find_column_context(view: str, start: int) -> Context | None:
    """Find the context word in the header of a table column. Tabs or "|" separate the cells.

        姓名 | 出生年月日 | 帳號
        林美 | 58.07.11   | …          the second cell: BIRTHDAY

    The header is the nearest line above, within `MAX_TABLE` characters, without digits and with a cell in this column.

    view (str): The text as `fold_widths` returns it.
    start (int): Position of the value.
    RETURNS (Optional[Context]): The word; `NO_CONTEXT` if the header cell has none; None if there is no such table.
    """
    line_start = view.rfind("\n", max(0, start - MAX_LINE), start) + 1
    if not line_start:  # without a line break, the slice below would be the text from its beginning
        return None
    before = view[line_start:start]
    border = "\t" if "\t" in before else "|"
    column = before.count(border)
    if not column:
        return None
    for line in reversed(view[max(0, line_start - MAX_TABLE) : line_start - 1].split("\n")):
        cells = line.split(border)
        if len(cells) <= column:
            return None
        if not any(map(str.isdigit, line)):
            word = _CONTEXT_WORD.search(cells[column])
            return NO_CONTEXT if word is None else _CONTEXTS[word[0]]
    return None


def _context_before(view: str, start: int, *, same_sentence: bool = True) -> Context:
    """Return the context word that is nearest before a number, or `NO_CONTEXT`.

    A strong word takes precedence over a weak word that is nearer, unless the label of the strong word is `OTHER`.

    same_sentence (bool): True to search the `CHARS_BEFORE` characters before the number, within its sentence. False to
        search the `CHARS_BEFORE_SENTENCE` characters before the number, whatever sentence they are in.
    """
    before = view[max(0, start - (CHARS_BEFORE if same_sentence else CHARS_BEFORE_SENTENCE)) : start]
    if same_sentence:
        before = _SENTENCE_END.split(before)[-1]
    weak = NO_CONTEXT
    for match in reversed([*_CONTEXT_WORD.finditer(before)]):
        context = _CONTEXTS[match[0]]
        if context.label in SINGLE_NUMBER_LABELS and sum(map(str.isdigit, before[match.end() :])) >= 4:
            continue
        if context.is_strong:
            return context if weak is NO_CONTEXT or context.label != OTHER else weak
        weak = context if weak is NO_CONTEXT else weak
    return weak
