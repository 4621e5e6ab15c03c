"""Find the context words that raise or lower the scores of numbers.

A context word is a word near a number that says which kind of number it is: 統編 in 統編04595257.
"""

import re
from bisect import bisect_left
from collections.abc import Iterator
from functools import cached_property
from typing import NamedTuple

from .findings import one_of

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
_CONTEXT_WORD = re.compile(one_of(_CONTEXTS))
_WORD_OR_SENTENCE_END = re.compile(one_of((*_CONTEXTS, *"。!?;！？；")))


class ContextFinder:
    """Finds the context words of the numbers in one text. All context words are found in one pass when first needed.

    view (str): The text with half-width in place of full-width characters, from `fold_widths`.
    """

    def __init__(self, view: str) -> None:
        self._view = view
        self._before: dict[int, Context] = {}

    @cached_property
    def _places(self) -> list[tuple[int, int, Context | None]]:
        """(start, end, context) of each context word and of each character that ends a sentence, in order of the text.

        The context of a character that ends a sentence is None.
        """
        matches = _WORD_OR_SENTENCE_END.finditer(self._view)
        return [(match.start(), match.end(), _CONTEXTS.get(match[0])) for match in matches]

    def find(self, start: int, end: int) -> Context:
        """Find the context word of a number.

        Four places are searched in this order: the same sentence before the number, the characters just after the
        number, the header of its table column, and earlier sentences. In earlier sentences, only words for the labels
        in `LABELS_FROM_EARLIER_SENTENCE` count, and strong words count as weak ones.

        start (int), end (int): The span of the number.
        RETURNS (Context): The word, or `NO_CONTEXT`.
        """
        context = self.find_near(start, end)
        if context is not NO_CONTEXT:
            return context
        column = find_column_context(self._view, start)
        if column is not None:
            return column
        earlier = self._nearest_before(start, CHARS_BEFORE_SENTENCE, same_sentence=False)
        return Context(earlier.label, False) if earlier.label in LABELS_FROM_EARLIER_SENTENCE else NO_CONTEXT

    def find_near(self, start: int, end: int) -> Context:
        """Find the context word of a number in the same sentence before it or, if there is none, just after it.

        start (int), end (int): The span of the number.
        RETURNS (Context): The word, or `NO_CONTEXT`.
        """
        if start not in self._before:  # numbers that begin at the same place share the words before them
            self._before[start] = self._nearest_before(start, CHARS_BEFORE, same_sentence=True)
        before = self._before[start]
        return self._first_after(end) if before is NO_CONTEXT else before

    def _first_after(self, end: int) -> Context:
        """Return the first context word in the `CHARS_AFTER` characters after a number.

        end (int): End of the number.
        RETURNS (Context): The word; `NO_CONTEXT` if there is none, or if the label of the first one is `OTHER`.
        """
        match = _CONTEXT_WORD.search(self._view, end, end + CHARS_AFTER)
        context = NO_CONTEXT if match is None else _CONTEXTS[match[0]]
        return NO_CONTEXT if context.label == OTHER else context

    def _nearest_before(self, start: int, n_chars: int, *, same_sentence: bool) -> Context:
        """Return the context word that is nearest before a number, or `NO_CONTEXT`.

        A strong word takes precedence over a weak word that is nearer, unless the label of the strong word is `OTHER`.

        start (int): Start of the number.
        n_chars (int): Number of characters before it that are searched.
        same_sentence (bool): Whether only words in the sentence of the number count.
        """
        weak = NO_CONTEXT
        for end_of_word, context in self._words_before(start, start - n_chars, same_sentence):
            if context.label in SINGLE_NUMBER_LABELS and sum(map(str.isdigit, self._view[end_of_word:start])) >= 4:
                continue
            if context.is_strong:
                return context if weak is NO_CONTEXT or context.label != OTHER else weak
            weak = context if weak is NO_CONTEXT else weak
        return weak

    def _words_before(self, start: int, earliest: int, same_sentence: bool) -> Iterator[tuple[int, Context]]:
        """Yield the end position and the context of each context word before a number, the nearest word first.

        start (int): Start of the number.
        earliest (int): Position where the search ends; words before it are ignored.
        same_sentence (bool): Whether only words in the sentence of the number are searched.
        """
        for index in range(bisect_left(self._places, (start,)) - 1, -1, -1):
            start_of_word, end, context = self._places[index]
            if end <= earliest or (same_sentence and context is None):
                return
            if start_of_word < earliest:  # the end of a longer word may be a word: 編號 of 統一編號
                match = _CONTEXT_WORD.search(self._view, earliest, end)
                context = None if match is None else _CONTEXTS[match[0]]
            if context is not None and end <= start:
                yield end, context


def find_column_context(view: str, start: int) -> Context | None:
    """Find the context word in the header of a table column. Tabs or "|" separate the cells.

        姓名 | 出生年月日 | 帳號
        林美 | 58.07.11   | …          the second cell: BIRTHDAY

    The header is the nearest line above that has no digits and has a cell in the column of the value. Lines within
    `MAX_TABLE` characters are searched.

    view (str): The text with half-width in place of full-width characters, from `fold_widths`.
    start (int): Position of the value.
    RETURNS (Optional[Context]): The word; `NO_CONTEXT` if the cell of the header has no context word; None if the value
        is not in a table with a header.
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
