"""Normal forms of amounts of money: an ISO 4217 currency and a decimal amount."""

import re
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from .numerals import clean, normalize_cardinal, parse_numeral

TAIWAN = "TWD"


class Money(NamedTuple):
    """An amount of money.

    currency (str): ISO 4217 code.
    amount (Decimal): The amount in units of the currency, negative if the text has a minus sign.
    """

    currency: str
    amount: Decimal


# ISO 4217 codes with the names and signs of the currency after NFKC. Signs of several currencies ($, ¥) are left out.
CURRENCIES = {
    "TWD": "新臺幣 新台幣 臺幣 台幣 NT$ NTD$ NTD NT TWD",
    "USD": "美金 美元 US$ USD$ USD",
    "JPY": "日圓 日元 日幣 JPY JP¥",
    "CNY": "人民幣 RMB CNY CN¥",
    "EUR": "歐元 EUR €",
    "GBP": "英鎊 GBP £",
    "HKD": "港幣 港元 港圓 HK$ HKD",
    "KRW": "韓元 韓圓 韓圜 韓幣 KRW ₩",
    "AUD": "澳幣 澳元 AUD AU$ A$",
    "CAD": "加幣 加元 CAD CA$ C$",
    "SGD": "新加坡幣 SGD S$",
    "NZD": "紐幣 紐元 NZD NZ$",
    "THB": "泰銖 泰幣 THB ฿",
    "VND": "越南盾 VND ₫",
    "IDR": "印尼盾 IDR",
    "MYR": "馬幣 令吉 MYR",
    "PHP": "菲律賓披索 PHP ₱",
    "INR": "印度盧比 INR ₹",
    "CHF": "瑞士法郎 瑞郎 CHF",
}
CODES = {name: code for code, names in CURRENCIES.items() for name in names.split()}
_NAMES = "|".join(re.escape(name) for name in sorted(CODES, key=len, reverse=True))
AMOUNT = re.compile(
    rf"(?P<minus>[-負])?(?P<before>{_NAMES})?(?:\(下同\))?"
    rf"(?P<number>[-\d零〇一二三四五六七八九兩十百千萬億兆點.,半]+?)"
    rf"(?:(?P<unit>[元圓塊箍])錢?(?P<rest>[^元圓塊]*?)[整正]?)?(?P<after>{_NAMES})?[整正]?",
    re.IGNORECASE | re.ASCII,
)
SMALL_UNITS = re.compile(
    r"(?:(?P<tenths>[\d一二三四五六七八九兩])[角毛])?(?:(?P<hundredths>[\d一二三四五六七八九兩])分)?"
)
COINS = re.compile(r"([\d一二三四五六七八九兩])[角毛]")


def normalize_money(text: str, *, default_currency: str | None = TAIWAN) -> Money | None:
    """Return the currency and the amount of a sum of money.

    text (str): Such as 新臺幣三百萬元, NT$1,200, 美金五十元, 壹仟貳佰元整, 三萬五, 1.5億, 一塊五.
    default_currency (Optional[str]): ISO 4217 code for amounts without a currency; in texts from Taiwan, these are in
        New Taiwan dollars. None leaves such amounts without a normal form.
    RETURNS (Optional[Money]): None for estimates, ranges, amounts with $ or ¥, which several currencies use, and other
        texts.
    """
    text = clean(text)
    coin = COINS.fullmatch(text)
    if coin is not None:
        tenths = parse_numeral(coin[1])
        return Money(default_currency, Decimal(tenths) / 10) if default_currency and tenths is not None else None
    match = AMOUNT.fullmatch(text)
    if match is None:
        return None
    currency = _currency(match["before"], match["after"], default_currency)
    amount = _amount(match["number"], match["rest"])
    if currency is None or amount is None:
        return None
    if match["minus"]:
        amount = -amount
    return Money(currency, amount)


def _currency(before: str | None, after: str | None, default: str | None) -> str | None:
    """Return the ISO 4217 code of a currency.

    before, after (Optional[str]): Name of the currency before and after the amount, such as NT$ or 美金; None for none.
    default (Optional[str]): The code if there is no name.
    RETURNS (Optional[str]): The code; None if two different currencies are named, or if there is neither a name nor a
        default.
    """
    codes = {CODES[name.upper()] for name in (before, after) if name}
    if len(codes) > 1:
        return None
    return codes.pop() if codes else default


def _amount(number: str, rest: str | None) -> Decimal | None:
    """Return the value of an amount in units of the currency.

    number (str): The number before the unit, such as 三 in 三元五角.
    rest (Optional[str]): The text after the unit, such as 五 in 一塊五 and 五角 in 三元五角.
    RETURNS (Optional[Decimal]): The value, such as 3.5 for 三元五角; None if one of both texts is not understood.
    """
    value = normalize_cardinal(number)
    if value is None or isinstance(value, Fraction):
        return None
    amount = Decimal(value)
    if not rest:
        return amount
    if not isinstance(value, int) or value < 0:
        return None
    if rest == "半":
        return amount + Decimal("0.5")
    if len(rest) == 1:
        tenths = parse_numeral(rest)
        return amount + Decimal(tenths) / 10 if tenths and rest != "兩" else None
    match = SMALL_UNITS.fullmatch(rest)
    if match is None:
        return None
    parts = [parse_numeral(match[name] or "0") for name in ("tenths", "hundredths")]
    return amount + Decimal(parts[0] or 0) / 10 + Decimal(parts[1] or 0) / 100
