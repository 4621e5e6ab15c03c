"""Generalise dates to their year, and addresses and places to their county or municipality."""

import re

from ..taiwan.places import COUNTIES

_COUNTY = re.compile("|".join(COUNTIES).replace("臺", "[臺台]"))
_DIGIT = "[0-9０-９]"
_NUMERAL = "[0-9０-９零〇○一二三四五六七八九十百千兩元]"
# 民國75年, 西元1986年, 七十五年, 1986年. The number of numerals is limited, so that hostile texts take linear time.
_YEAR = re.compile(rf"((中華民國|民國|西元|公元)?(前)?\s?{_NUMERAL}{{1,9}}\s?年)")
# 1986-03-02, 1986/3/2, 75.3.2; _COMPACT: 19860302
_NUMERIC = re.compile(rf"((民國|西元|公元)?\s?({_DIGIT}{{2,4}}))\s?[-/.－／．]\s?{_DIGIT}{{1,2}}(?!{_DIGIT})")
_COMPACT = re.compile(rf"({_DIGIT}{{4}}){_DIGIT}{{4}}(?!{_DIGIT})")


def generalise(label: str, surface: str) -> str | None:
    """Return the year of a date, or the county of an address or a place.

    label (str): DATE or BIRTHDAY to return the year; ADDRESS, GPE, LOC or any other label to return the county.
    surface (str): The text of the entity, such as 民國75年3月2日 or 臺北市大安區和平東路一段1號.
    RETURNS (Optional[str]): The year or county as the entity spells it (民國75年, 臺北市); None if it has none.
    """
    if label in ("DATE", "BIRTHDAY"):
        return _year(surface.strip())
    return county(surface)


def county(surface: str) -> str | None:
    """Return the first county or municipality in a text as the text spells it (with 臺 or 台), or None."""
    found = _COUNTY.search(surface)
    return None if found is None else found[0]


def _year(surface: str) -> str | None:
    """Return the year of a date as the date spells it, or None if it has no year.

    An era and 年 belong to the year: 民國75年 in 民國75年3月2日, and 1986 in 1986/3/2.
    """
    for pattern in (_YEAR, _NUMERIC, _COMPACT):
        found = pattern.search(surface) if pattern is _YEAR else pattern.match(surface)
        if found is not None:
            return found[1]
    return None
