"""Divide addresses into their parts, from the postal code to the room.

    106 台北市大安區龍泉里3鄰泰順街十六巷2弄5號之1 3樓
    postcode:106 county:臺北市 district:大安區 village:龍泉里 neighbourhood:3
    road:泰順街 lane:16 alley:2 number:5-1 floor:3

Source: the order of the parts is that of "中文地址書寫原則" (Chunghwa Post); the administrative divisions are those of
`places`.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple
from unicodedata import normalize as normalize_unicode

from .addresses import NUMERAL
from .numerals import normalize_cardinal
from .places import DISTRICTS
from .widths import fold_widths

LONGEST = 64  # characters
HAN = ((0x3400, 0x4DBF), (0x4E00, 0x9FFF))  # first and last code points


def han_except(characters: str) -> str:
    """Return a character class, for regular expressions, of the Han characters without some of them.

    characters (str): The characters to leave out. Characters that are not Han have no effect.
    """
    left_out = set(map(ord, characters))
    parts = []
    for first, last in HAN:
        begin = first
        for code in [*sorted(code for code in left_out if first <= code <= last), last + 1]:
            if begin < code:
                parts.append(f"{chr(begin)}-{chr(code - 1)}")
            begin = code + 1
    return f"[{''.join(parts)}]"


ENDS = "號巷弄衖樓段鄰室之"  # the last characters of parts
H = han_except(ENDS)
WORD = han_except(ENDS + NUMERAL)  # of the names of sections and lanes
PLACE = han_except(ENDS + "路街")  # of localities without roads
POSTCODE = re.compile(r"([0-9]{3})-?([0-9]{2,3})?(?![0-9])")
# 之1 3樓: the blank between the two numbers separates them. Other white space does not matter.
SEPARATED = re.compile(rf"(號\s*之\s*{NUMERAL}{{1,3}})\s+(?={NUMERAL}{{1,3}}\s*(?:樓|層|F))")
# The beginning of a district that there is not, or not in this county
UNKNOWN_DISTRICT = re.compile(rf"{H}{{1,3}}[區鄉鎮縣市](?!路|街|大道|民|政|府|場)")
# 臺北路 and 嘉義東街 are roads; 嘉義中山路 may be one, or 中山路 in 嘉義.
COUNTY_ROAD = re.compile(
    "(?:" + "|".join(county[:-1] for county in DISTRICTS) + ")[一二三四五東西南北]{0,2}(?:路|街|大道)"
)
ROAD_NUMBER = re.compile("[0-9]{1,2}(?=路|街|大道)")
REST = re.compile(
    rf"(?:(?P<village>{H}{{1,4}}?[里村])(?![里村]))?"
    rf"(?:(?P<neighbourhood>{NUMERAL}{{1,3}})鄰)?"
    rf"(?:(?P<road>{H}{{1,7}}?(?:[0-9]{{1,2}})?(?:路|街|大道))|(?P<locality>{PLACE}{{1,6}}?))?"
    rf"(?:(?P<section>{NUMERAL}{{1,3}}|{WORD}{{2,3}})段)?"
    rf"(?:(?P<lane>{NUMERAL}{{1,4}}|{WORD}{{2,4}})巷)?"
    rf"(?:(?P<alley>{NUMERAL}{{1,4}})[弄衖])?"
    rf"(?:(?P<number>{NUMERAL}{{1,5}})(?:[之\-](?P<inner>{NUMERAL}{{1,4}}))?號(?:之(?P<outer>{NUMERAL}{{1,3}})(?!{NUMERAL}))?)?"
    rf",?(?:(?P<under>地下|B)?(?P<floor>{NUMERAL}{{1,3}})(?:樓|層|F)(?:[之\-](?P<unit>{NUMERAL}{{1,3}})(?!{NUMERAL})室?)?"
    r"|B(?P<basement>[0-9]{1,2}))?"
    rf",?(?:(?P<room>[A-Z]?[0-9]{{1,4}}|[A-Z]|{NUMERAL}{{1,4}})室)?"
)
NUMERALS = re.compile(f"{NUMERAL}+")
NAMED = ("section", "lane", "room")  # parts with a number or a name: 新生巷, 斗苑路芳苑段, A室
NUMBERS = ("neighbourhood", "alley", "number", "inner", "outer", "floor", "unit", "basement")


class Address(NamedTuple):
    """Parts of an address. A part is None if the address lacks it. Numbers are in ASCII digits, and 台 is written 臺.

    postcode: The postal code. county: The 縣 or 市; a short form (台北) is completed.
    district: The 鄉, 鎮, 市 or 區. village: The 村 or 里.
    neighbourhood: Number of the 鄰. locality: Name of a place without roads, such as 富世 in 富世291號.
    road: Name of the road, including 路, 街 or 大道. section: Number or name of the 段.
    lane: Number or name of the 巷. alley: Number of the 弄. number: House number; 5-1 for 5號之1 and for 5之1號.
    floor: Number of the floor; B1 for 地下1樓. room: Number of the room, or of the flat (2 in 3樓之2).
    """

    postcode: str | None = None
    county: str | None = None
    district: str | None = None
    village: str | None = None
    neighbourhood: str | None = None
    locality: str | None = None
    road: str | None = None
    section: str | None = None
    lane: str | None = None
    alley: str | None = None
    number: str | None = None
    floor: str | None = None
    room: str | None = None


def normalize_address(text: str) -> Address | None:
    """Divide an address into its parts.

    text (str): Such as 台北市大安區泰順街16巷5號3樓.
    RETURNS (Optional[Address]): None if any part is not understood, if the district does not belong to the county, if
        the text can be divided in several ways, or if it has several addresses (5、7號).
    """
    if len(text) > 4 * LONGEST:
        return None
    folded = normalize_unicode("NFKC", fold_widths(text)).replace("台", "臺")
    plain = "".join(SEPARATED.sub(r"\1,", folded).upper().split())
    if not 0 < len(plain) <= LONGEST:
        return None
    found = POSTCODE.match(plain)
    postcode = None if found is None else found[1] + (found[2] or "")
    readings = {
        address
        for county, district, place in _divisions(plain, 0 if found is None else found.end())
        if found is None or county is not None or district is not None
        for address in [_parse(plain[place:], Address(postcode, county, district))]
        if address is not None
    }
    if found is not None and not readings:  # a house number is no postal code: 106號
        return None
    return readings.pop() if len(readings) == 1 else None


def _divisions(text: str, place: int) -> Iterator[tuple[str | None, str | None, int]]:
    """Yield each reading of the text at a position of an address as a county, a district, both or neither.

    A short name may have several readings: 新竹 is 新竹市 or 新竹縣. An unknown name of a district has none.

    text (str): The address.
    place (int): The position.
    YIELDS (tuple[Optional[str], Optional[str], int]): County, district, and the position after them. A name that the
        address lacks is None.
    """
    counties = [county for county in DISTRICTS if text.startswith(county, place)]
    if counties:
        (county,) = counties
        place += len(county)
        district = _first_of(DISTRICTS[county], text, place)
        if district is not None or UNKNOWN_DISTRICT.match(text, place) is None:
            yield county, district, place + len(district or "")
        return
    short = [county for county in DISTRICTS if text.startswith(county[:-1], place)]  # 新竹 is 新竹市 or 新竹縣
    completed = False
    for county in short:
        district = _first_of(DISTRICTS[county], text, place + len(county) - 1)
        if district is not None:
            completed = True
            yield county, district, place + len(county) - 1 + len(district)
    if completed:
        return
    district = _first_of([name for names in DISTRICTS.values() for name in names], text, place)
    begins_road = not short or COUNTY_ROAD.match(text, place) is not None
    if district is not None or (begins_road and UNKNOWN_DISTRICT.match(text, place) is None):
        yield None, district, place + len(district or "")


def _first_of(names: list[str] | tuple[str, ...], text: str, place: int) -> str | None:
    """Return the longest of `names` that begins at position `place` of a text, or None."""
    found = [name for name in names if text.startswith(name, place)]
    return max(found, key=len, default=None)


def _parse(text: str, area: Address) -> Address | None:
    """Parse the part of an address that follows the district.

    text (str): The text after the district.
    area (Address): The postal code, county and district.
    RETURNS (Optional[Address]): `area` with the other parts; None if the text is not understood, or is ambiguous.
    """
    match = REST.fullmatch(text)
    if match is None:
        return None
    parts = match.groupdict()
    if not _is_one_reading(parts, area):
        return None
    numerals = [name for name in (*NUMBERS, *NAMED) if NUMERALS.fullmatch(parts[name] or "")]
    numbers = {name: normalize_cardinal(parts[name] or "") for name in numerals}
    if not all(isinstance(number, int) for number in numbers.values()):
        return None
    written = {name: parts[name] for name in NAMED} | {name: str(number) for name, number in numbers.items()}
    inner = written.get("inner") or written.get("outer")
    number = written.get("number")
    floor, unit = written.get("floor"), written.get("unit")
    if parts["under"] is not None:
        floor = f"B{floor}"
    address = area._replace(
        village=parts["village"],
        neighbourhood=written.get("neighbourhood"),
        locality=parts["locality"],
        road=None if parts["road"] is None else ROAD_NUMBER.sub(_in_words, parts["road"]),
        section=written["section"],
        lane=written["lane"],
        alley=written.get("alley"),
        number=f"{number}-{inner}" if inner is not None else number,
        floor=f"B{written['basement']}" if "basement" in written else floor,
        room=unit or written["room"],
    )
    return address if any(address) else None


def _is_one_reading(parts: dict[str, str | None], area: Address) -> bool:
    """Return whether the text of an address can be divided into its parts in only one way.

    False also for parts that no address has together, such as a section without a road (the land number 大安段一小段).

    parts (dict[str, Optional[str]]): Named groups of the pattern REST, which has matched the text after the district:
        name, such as "road" → text; None for a part that the text lacks.
    area (Address): The postal code, county and district.
    """
    village, road, locality = parts["village"], parts["road"], parts["locality"]
    if village is not None:
        # Only townships (鄉) have 村; 鎮, 市 and 區 have 里.
        if area.district is not None and (village[-1] == "村") is not (area.district[-1] == "鄉"):
            return False
        # 大里三街: the road 三街 in 大里, or the road 大里三街; 佳里興 is one place.
        name = re.sub("(路|街|大道)$", "", road or locality or "")
        if (road or locality) and parts["neighbourhood"] is None and len(name) < 2:
            return False
    has_number = parts["number"] is not None or parts["lane"] is not None
    if locality is not None and not (has_number and (village or area.district)):
        return False
    if parts["section"] is not None and road is None:  # a land number: 大安段一小段
        return False
    pairs = (("inner", "outer"), ("unit", "room"))
    return all(parts[one] is None or parts[other] is None for one, other in pairs)


def _in_words(match: "re.Match[str]") -> str:
    """Return the Chinese numeral for a match of ROAD_NUMBER, such as 一 for the 1 of 自強1路, or 十二 for 12.

    `re.sub` calls this function for the one or two digits before 路, 街 or 大道, and puts the numeral in their place.
    """
    tens, ones = divmod(int(match[0]), 10)
    digits = " 一二三四五六七八九"
    return f"{digits[tens] if tens > 1 else ''}{'十' if tens else ''}{digits[ones]}".replace(" ", "")
