"""Rules for addresses: a road or a house number, extended to the left by its district, county and postal code.

    106臺北市 大安區 龍泉里3鄰 泰順街 16巷2弄5號之1 3樓
    ◀──────── head ──────────  road ── tail ─────────▶

No sign marks where a road name begins (我住在中山路5號). If no district is before the road, its name begins after a
character that ends a word, such as 在. Medical licenses (醫字第012345號) are found here too, because they end with 號.
Source: 郵政 "中文地址書寫原則" (Chunghwa Post) and the local rules for house numbers (道路命名及門牌編釘辦法).
"""

import re
from collections.abc import Iterator

from .findings import Finding
from .places import county_names, district_names, fold_place

NUMERAL = "[0-9〇零一二三四五六七八九十百]"
_SPACE = r"[ \n]?"  # scanned forms break lines between any two parts
# From the end of the road name on: 三段129巷2弄5號之1 3樓之2, 12號B1, 7號 1204室.
TAIL = re.compile(
    rf"{_SPACE}(?:[東西南北]?{NUMERAL}{{1,3}} ?段)?{_SPACE}(?:{NUMERAL}{{1,4}} ?巷)?"
    rf"{_SPACE}(?:{NUMERAL}{{1,4}} ?[弄衖])?"
    rf"{_SPACE}(?P<number>{NUMERAL}{{1,5}}(?:[之\-]{NUMERAL}{{1,4}})?(?:[、~至]{NUMERAL}{{1,5}})? ?號"
    rf"(?:之(?:[0-9]{{1,3}}|[一二三四五六七八九十]{{1,3}}(?!樓)))?)?"
    rf"(?P<floor> ?(?:地下|B)?{NUMERAL}{{1,3}} ?(?:樓|[Ff](?![a-z])|層)(?:(?:之|-){NUMERAL}{{1,3}}室?)?"
    rf"| ?B[0-9](?![0-9A-Za-z])(?:之{NUMERAL}{{1,2}})?)?"
    rf"(?: ?(?:[A-Z]|{NUMERAL}){{1,5}} ?室)?"
)
HOUSE_NUMBER = re.compile(rf"{NUMERAL}{{1,5}}(?:[之\-]{NUMERAL}{{1,4}})? ?$")
# 醫字第 012345 before 號.
LICENSE_NUMBER = re.compile(r"[\u4e00-\u9fff]{1,8}字第 ?[0-9]{4,6} ?$")
# Between a district and the end of a road name: a village, a neighborhood, the name of the road (龍泉里3鄰 泰順).
BETWEEN = re.compile(rf" ?(?:[\u4e00-\u9fff]{{1,4}}[里村])? ?(?:{NUMERAL}{{1,3}}鄰)? ?([\u4e00-\u9fff0-9]{{0,7}})")
# 8F.-2, No. 180, Sec. 3, Minquan E. Rd., Taipei City 105: the order of the post office, from the room to the city.
ENGLISH_ADDRESS = re.compile(
    r"(?<![A-Za-z0-9])(?:(?:Rm\.?|Room) ?[0-9A-Z]{1,5}, ?)?"
    r"(?:(?:B?[0-9]{1,2}F\.?(?:-[0-9]{1,3})?|[0-9]{1,2}(?:st|nd|rd|th) Floor),? ?)?"
    r"No\. ?[0-9]{1,4}(?:-[0-9]{1,3})?(?P<parts>, ?[A-Za-z0-9.,'\- ]{4,120})"
)
ENGLISH_ROAD = re.compile(r"\b(?:Rd|Road|St|Street|Blvd|Boulevard|Ave|Avenue|Ln|Lane)\b")
ENGLISH_AREA = re.compile(r"\b(?:City|County|Dist\.|District|Township|Taiwan|R\.O\.C\.\)?)(?: [0-9]{3,6})?(?![0-9])")
POSTAL = re.compile(r"(?<![0-9\-])[0-9]{3}(?:-?[0-9]{2,3})? ?$")
CHARS_BEFORE = 20  # characters before a road or a house number in which a district is searched
MAX_BARE_NAME = 4  # characters of a road name without a district
# Characters of other phrases between a district and 號: 臺北市10月5號, 中正區公所第3號公告.
NOT_IN_ADDRESS = frozenset("第的在有與及於是所月日年期")
# Characters that end a word before a road name: verbs and particles such as 在 and 往, signs, and 區 of a district.
ENDS_WORD = frozenset(
    "在於住到至從為是的址往由與和及向去來,.。:;、!?，；！？()「」『』/|·\n\r\t 區鄉鎮市縣了我家寄送搬回或洽繫係沿過地"
)
# Road names that begin with such a character, and are not cut: 向上路, 市府路.
ROAD_STARTS = frozenset(
    "和平 和興 和美 和順 和成 和緯 和祥 向上 向陽 向榮 至善 至真 至誠 市府 市民 市政 縣民 縣政 縣府".split()
)
# Words that end with 路, and are no road names.
ROAD_WORDS = frozenset(
    ("道路", "公路", "鐵路", "網路", "線路", "電路", "馬路", "一路", "思路", "出路", "高速公路", "沿路", "走路")
)
# Professions in the numbers of medical licenses, written before 字第.
MEDICAL_PROFESSIONS = frozenset(
    "醫 牙醫 中醫 牙 藥 藥師 藥劑生 護 護理 護理師 護士 助產 助產師 醫檢 檢驗 醫放 放射 物理 物治 職治 職能 營養 呼吸 "
    "心理 諮心 諮商 諮商心理 臨心 臨床心理 專護 "
    "物理治療 職能治療 語言治療 呼吸治療 醫事檢驗 醫事放射 語療 聽力 聽 牙技 驗光 醫檢師 營養師".split()
)


def find_address(view: str, place: int) -> Finding | None:
    """Find the address around 路, 街 or 大道, or the house number or medical license that ends with 號.

    view (str): The text with full-width characters replaced by half-width ones (`fold_widths`); offsets are the same.
    place (int): Position of 路, 街, 道 or 號.
    RETURNS (Optional[Finding]): An ADDRESS from the postal code to the room, a MEDICAL_LICENSE, or None.
    """
    if view[place] == "號":
        return _find_by_number(view, place)
    if view[place] == "道" and view[place - 1 : place] != "大":
        return None
    tail = TAIL.match(view, place + 1)
    assert tail is not None  # the pattern also matches the empty string
    stop = tail.end() if tail[0].strip() else place + 1
    head = _district_before(view, place)
    if head is not None:
        return Finding(head, stop, "ADDRESS", _score_address(tail, stop, place), "address_in_district")
    if tail["number"] is None:
        return None
    begin = _bare_name_start(view, place)
    return None if begin is None else Finding(begin, stop, "ADDRESS", 0.85, "road_and_number")


def find_english_address(view: str, start: int, end: int) -> Iterator[Finding]:
    """Find addresses as the post office writes them in English, such as No. 180, Minquan E. Rd., Taipei City 105.

    view (str): The text with full-width characters replaced by half-width ones (`fold_widths`); offsets are the same.
    start (int), end (int): The span of an ASCII stretch (a sequence of ASCII characters).
    YIELDS (Finding): ADDRESS.
    """
    for match in ENGLISH_ADDRESS.finditer(view, start, end):
        parts = match["parts"]
        if ENGLISH_ROAD.search(parts):
            area = list(ENGLISH_AREA.finditer(parts))
            stop = match.start("parts") + (area[-1].end() if area else len(parts.rstrip(" ,")))
            yield Finding(match.start(), stop, "ADDRESS", 0.9, "english_address")


def _score_address(tail: "re.Match[str]", stop: int, place: int) -> float:
    """Return the score of an address: 0.97 with a house number, 0.6 with a section and lane (三段12巷), else 0.4.

    Without a house number, the score is 0.6 if at least four characters follow the road name.

    tail (re.Match[str]): The match of TAIL (section, lane, house number, floor), which begins after the road name.
    stop (int): End of the address.
    place (int): Position of the last character of the road name.
    """
    if tail["number"] is not None:
        return 0.97
    return 0.6 if stop > place + 4 else 0.4


def _find_by_number(view: str, place: int) -> Finding | None:
    """Find the address without a road (秀林鄉富世村富世291號), or the medical license, that ends with 號.

    view (str): The text with full-width characters replaced by half-width ones (`fold_widths`); offsets are the same.
    place (int): Position of 號.
    RETURNS (Optional[Finding]): An ADDRESS or a MEDICAL_LICENSE, or None.
    """
    before = view[max(0, place - CHARS_BEFORE) : place]
    house = HOUSE_NUMBER.search(before)
    if house is None:
        return None
    license_number = LICENSE_NUMBER.search(before) if "字第" in before else None
    if license_number is not None:
        return _medical_license(view, place - len(before) + license_number.start(), place + 1)
    begin = place - len(before) + house.start()
    head = _district_before(view, begin - 1)
    if head is None or view[begin - 1] in "區鄉鎮市縣" or not _has_district(view[head:begin]):
        return None
    tail = TAIL.match(view, begin)
    stop = place + 1 if tail is None or tail["number"] is None else tail.end()
    return Finding(head, stop, "ADDRESS", 0.9, "house_number_in_district")


def _has_district(area: str) -> bool:
    """Return whether the text before a house number has a district, and not only a postal code or a county.

    A county alone is not enough for an address: 臺中市3號候選人 is a candidate in an election.
    """
    name = area.lstrip("0123456789- ")
    return fold_place(name[:3]) not in county_names() or any(char in "區鄉鎮市" for char in name[3:])


def _medical_license(view: str, begin: int, stop: int) -> Finding | None:
    """Find the certificate number of a health profession: 醫字第012345號, 護理字第…號, 藥字第…號.

    view (str): The text with full-width characters replaced by half-width ones (`fold_widths`); offsets are the same.
    begin (int): Position of the first character to search for the profession: up to eight characters before 字第.
    stop (int): Position after 號.
    RETURNS (Optional[Finding]): A MEDICAL_LICENSE from the name of the profession to 號. None if there is no name of a
        profession before 字第, or if the number is that of a case in court.

    Source: 醫師法, 護理人員法, 藥師法 and 衛生福利部 "醫事人員證書" (Ministry of Health and Welfare).
    """
    kind = view[begin : view.index("字第", begin)]
    if "年度" in kind:  # the number of a case in court: 112年度醫字第1234號
        return None
    for length in range(min(4, len(kind)), 0, -1):
        if kind[-length:] in MEDICAL_PROFESSIONS:
            return Finding(begin + len(kind) - length, stop, "MEDICAL_LICENSE", 0.95, "medical_license")
    return None


def _district_before(view: str, road: int) -> int | None:
    """Return the start of an address that has a district or county before its road, or else None.

    The address begins with the postal code, if there is one; else with the county, if there is one; else with the
    district.

    view (str): The text with full-width characters replaced by half-width ones (`fold_widths`); offsets are the same.
    road (int): Position of the last character of the road name.
    """
    for end in range(road, max(road - CHARS_BEFORE, 0), -1):
        if view[end - 1] not in "區鄉鎮市縣":
            continue
        begin = _division_start(view, end)
        if begin is None:
            continue
        between = BETWEEN.fullmatch(view, end, road + 1)
        return None if between is None or not NOT_IN_ADDRESS.isdisjoint(between[0]) else begin
    return None


def _division_start(view: str, end: int) -> int | None:
    """Return the start of the district or county that ends at a position, or None if none ends there.

    If a county is before the district, the start of the county is returned. If a postal code is before the county or
    the district, the start of the postal code is returned.

    view (str): The text with full-width characters replaced by half-width ones (`fold_widths`); offsets are the same.
    end (int): Position after the last character of the district or county.
    """
    begin = _name_start(view, end, district_names(), (4, 3, 2))
    if begin is not None:
        gap = begin - (view[begin - 1 : begin] == " ")
        county = _name_start(view, gap, county_names(), (3, 2))
        begin = begin if county is None else county
    else:
        begin = _name_start(view, end, county_names(), (3,))
    if begin is None:
        return None
    postal = POSTAL.search(view, max(0, begin - 8), begin)
    return begin if postal is None else postal.start()


def _name_start(view: str, end: int, names: frozenset[str], lengths: tuple[int, ...]) -> int | None:
    """Return the start of a name that ends at position `end` (exclusive), or None if no name ends there.

    view (str): The text with full-width characters replaced by half-width ones (`fold_widths`); offsets are the same.
    names (frozenset[str]): The names as `fold_place` returns them.
    lengths (tuple[int, ...]): Numbers of characters of the names, in the order in which they are tried.
    """
    for length in lengths:
        if end >= length and fold_place(view[end - length : end]) in names:
            return end - length
    return None


def _bare_name_start(view: str, road: int) -> int | None:
    """Return the start of a road name that has no district before it, or None for a word such as 網路.

    view (str): The text with full-width characters replaced by half-width ones (`fold_widths`); offsets are the same.
    road (int): Position of the last character of the road name.
    """
    begin = road
    earliest = max(0, road - MAX_BARE_NAME)
    while begin > earliest and view[begin - 1] >= "\u4e00" and not _ends_word(view, begin - 1):
        begin -= 1
    name = view[begin : road + 1]
    return None if len(name) < 2 or name in ROAD_WORDS else begin


def _ends_word(view: str, place: int) -> bool:
    """Return whether the character at a position ends a word, so that a road name may begin after it (在, 向).

    The same character may be a part of a road name, such as 向 in 向上路. Then it ends no word.

    view (str): The text with full-width characters replaced by half-width ones (`fold_widths`); offsets are the same.
    place (int): Position of the character.
    """
    if view[place] not in ENDS_WORD:
        return False
    return view[place : place + 2] not in ROAD_STARTS and view[place - 1 : place + 1] != "自由"
