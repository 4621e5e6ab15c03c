"""Normal forms of quantities: a number and a unit, with unit codes of UCUM (https://ucum.org)."""

import re
from decimal import Decimal
from typing import NamedTuple

from .numerals import Number, clean, normalize_cardinal


class Quantity(NamedTuple):
    """A number with a unit.

    amount (int | Decimal | Fraction): The number.
    unit (str): A UCUM code, or the Chinese name of a traditional unit that UCUM does not have.
    """

    amount: Number
    unit: str


# Codes with the names of the unit after NFKC, which turns ㎏ into kg and ㎡ into m2. Letter case counts: mW is not MW.
UNITS = {
    "m": "公尺 米 m",
    "cm": "公分 厘米 cm",
    "mm": "公厘 毫米 mm",
    "km": "公里 千米 km",
    "um": "微米 μm um",
    "nm": "奈米 nm",
    "[in_i]": "英吋 英寸 吋 inch",
    "[ft_i]": "英尺 英呎 呎 ft",
    "[mi_i]": "英里 英哩 哩 mile",
    "[nmi_i]": "海里 海浬 浬",
    "m2": "平方公尺 平方米 m2 m²",
    "cm2": "平方公分 cm2",
    "km2": "平方公里 km2",
    "har": "公頃 ha",
    "m3": "立方公尺 立方米 m3",
    "cm3": "立方公分 cm3",
    "kg": "公斤 千克 kg KG Kg",
    "g": "公克 克 g",
    "mg": "毫克 mg",
    "ug": "微克 μg ug mcg",
    "t": "公噸 噸",
    "[lb_av]": "英磅 磅 lb lbs",
    "[oz_av]": "盎司 oz",
    "L": "公升 升 L l",
    "mL": "毫升 ml mL ML cc CC c.c.",
    "dL": "分升 dl dL",
    "Cel": "℃ °C",
    "[degF]": "℉ °F",
    "kW.h": "度電 千瓦小時 千瓦時 瓩時 kWh",
    "W": "瓦 瓦特 W",
    "kW": "千瓦 瓩 kW",
    "MW": "百萬瓦 MW",
    "GW": "GW",
    "V": "伏特 V",
    "A": "安培 A",
    "mA": "毫安 mA",
    "mA.h": "毫安時 mAh",
    "Hz": "赫茲 赫 Hz",
    "kHz": "千赫 kHz",
    "MHz": "兆赫 MHz",
    "GHz": "GHz",
    "cal": "小卡",
    "kcal": "大卡 千卡 kcal",
    "hPa": "百帕 hPa",
    "dB": "分貝 dB",
    "[ppm]": "ppm PPM",
    "kBy": "KB kB",
    "MBy": "MB",
    "GBy": "GB",
    "TBy": "TB",
    "Mbit/s": "Mbps",
    "Gbit/s": "Gbps",
    "km/h": "公里/小時 km/h kph",
    "m/s": "公尺/秒 m/s",
    "[ly]": "光年",
    # Traditional units keep their names: UCUM has none of them, and 斤 is not 600 g everywhere.
    "台斤": "台斤 臺斤",
    "斤": "斤",
    "台兩": "台兩 臺兩",
    "坪": "坪",
    "甲": "甲",
}
CODES = {name: code for code, names in UNITS.items() for name in names.split()}
_NAMES = "|".join(re.escape(name) for name in sorted(CODES, key=len, reverse=True))
_NUMBER = r"[-負\d零〇一二三四五六七八九兩十百千萬億兆點.,半分之又]+?"
TEMPERATURE = re.compile(rf"(攝氏|華氏)(零下)?({_NUMBER})度?C?", re.ASCII)
SPEED = re.compile(rf"(?:時速|每小時)({_NUMBER})(?:公里|km)", re.ASCII)
CONCENTRATION = re.compile(rf"每(公升|分升|毫升|公斤|立方公尺|平方公尺)({_NUMBER})({_NAMES})", re.ASCII)
MEASURE = re.compile(rf"({_NUMBER})({_NAMES})(半)?", re.ASCII)


def normalize_quantity(text: str) -> Quantity | None:
    """Return the number and the unit of a quantity.

    text (str): Such as 三公斤, 兩公尺半, 1.2萬公里, 攝氏零下二度, 時速60公里, 每公升0.25毫克, 30坪.
    RETURNS (Optional[Quantity]): None for estimates, ranges, units with several meanings (30度), and other texts.
    """
    # The single character ℃, and ° followed by C, become the same text.
    text = clean(text.replace("℃", "°C").replace("℉", "°F"))
    if match := MEASURE.fullmatch(text):
        return _quantity(match[1], CODES[match[2]], half=match[3] is not None)
    if match := TEMPERATURE.fullmatch(text):
        value = _quantity(match[3], "Cel" if match[1] == "攝氏" else "[degF]")
        return value._replace(amount=-value.amount) if value is not None and match[2] else value
    if match := SPEED.fullmatch(text):
        return _quantity(match[1], "km/h")
    if match := CONCENTRATION.fullmatch(text):
        return _quantity(match[2], f"{CODES[match[3]]}/{CODES[match[1]]}")
    return None


def _quantity(number: str, unit: str, *, half: bool = False) -> Quantity | None:
    """Return a quantity.

    number (str): The number as written, such as 三, 1.2萬 or 半.
    unit (str): Unit of the result: a UCUM code, or the Chinese name of a traditional unit.
    half (bool): Whether 半 follows the unit, as in 兩公尺半; then 0.5 is added to the number.
    RETURNS (Optional[Quantity]): None if the number is not understood, or `half` is set and it is not a whole number.
    """
    amount = Decimal("0.5") if number == "半" else normalize_cardinal(number)
    if amount is None or (half and not isinstance(amount, int)):
        return None
    return Quantity(amount + Decimal("0.5") if half and isinstance(amount, int) else amount, unit)
