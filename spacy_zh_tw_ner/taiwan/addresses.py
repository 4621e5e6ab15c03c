"""Rules for addresses: a road or a house number, grown back to its district, county and postal code.

    106臺北市 大安區 龍泉里3鄰 泰順街 16巷2弄5號之1 3樓
    ◀──────── head ──────────  road ── tail ─────────▶

A road name has no fixed beginning (我住在中山路5號): without a district it begins after a character that ends a word.
Source: 郵政 "中文地址書寫原則" (Chunghwa Post) and the local rules for house numbers (道路命名及門牌編釘辦法).
"""

import re
from collections.abc import Iterator

from .findings import Finding
from .places import county_names, district_names, fold_place

N = "[0-9〇零一二三四五六七八九十百]"
_S = r"[ \n]?"  # scans break lines anywhere
TAIL = re.compile(
    rf"{_S}(?:[東西南北]?{N}{{1,3}} ?段)?{_S}(?:{N}{{1,4}} ?巷)?{_S}(?:{N}{{1,4}} ?[弄衖])?"
    rf"{_S}(?P<number>{N}{{1,5}}(?:[之\-]{N}{{1,4}})?(?:[、~至]{N}{{1,5}})? ?號"
    rf"(?:之(?:[0-9]{{1,3}}|[一二三四五六七八九十]{{1,3}}(?!樓)))?)?"
    rf"(?P<floor> ?(?:地下|B)?{N}{{1,3}} ?(?:樓|[Ff](?![a-z])|層)(?:(?:之|-){N}{{1,3}}室?)?"
    rf"| ?B[0-9](?![0-9A-Za-z])(?:之{N}{{1,2}})?)?"
    rf"(?: ?(?:[A-Z]|{N}){{1,5}} ?室)?"
)
HOUSE = re.compile(rf"{N}{{1,5}}(?:[之\-]{N}{{1,4}})? ?$")
LICENSE = re.compile(r"[\u4e00-\u9fff]{1,8}字第 ?[0-9]{4,6} ?$")
# Between a district and a road: a village, a neighborhood, the name of the road.
BETWEEN = re.compile(rf" ?(?:[\u4e00-\u9fff]{{1,4}}[里村])? ?(?:{N}{{1,3}}鄰)? ?([\u4e00-\u9fff0-9]{{0,7}})")
ENGLISH = re.compile(
    r"(?<![A-Za-z0-9])(?:(?:Rm\.?|Room) ?[0-9A-Z]{1,5}, ?)?"
    r"(?:(?:B?[0-9]{1,2}F\.?(?:-[0-9]{1,3})?|[0-9]{1,2}(?:st|nd|rd|th) Floor),? ?)?"
    r"No\. ?[0-9]{1,4}(?:-[0-9]{1,3})?(?P<parts>, ?[A-Za-z0-9.,'\- ]{4,120})"
)
ROAD = re.compile(r"\b(?:Rd|Road|St|Street|Blvd|Boulevard|Ave|Avenue|Ln|Lane)\b")
AREA = re.compile(r"\b(?:City|County|Dist\.|District|Township|Taiwan|R\.O\.C\.\)?)(?: [0-9]{3,6})?(?![0-9])")
POSTAL = re.compile(r"(?<![0-9\-])[0-9]{3}(?:-?[0-9]{2,3})? ?$")
REACH, MAX_NAME, MAX_BARE = 20, 7, 4
# Characters of other phrases with a number: 10月5號, 區公所第3號公告.
NO_ADDRESS = frozenset("第的在有與及於是所月日年期")
ENDS_WORD = frozenset(
    "在於住到至從為是的址往由與和及向去來,.。:;、!?，；！？()「」『』/|·\n\r\t 區鄉鎮市縣了我家寄送搬回或洽繫係沿過地"
)
# Names of roads that begin with, or hold, such a character.
ROAD_STARTS = frozenset(
    "和平 和興 和美 和順 和成 和緯 和祥 向上 向陽 向榮 至善 至真 至誠 市府 市民 市政 縣民 縣政 縣府".split()
)
ROAD_WORDS = frozenset(
    ("道路", "公路", "鐵路", "網路", "線路", "電路", "馬路", "一路", "思路", "出路", "高速公路", "沿路", "走路")
)


def find_address(view: str, place: int) -> Finding | None:
    """Find the address with a road character at a place: 路, 街, 大道; or a house number without a road: 號.

    view (str): The text after `fold_widths`.
    place (int): Position of the character.
    RETURNS (Optional[Finding]): The whole address, or None.
    """
    if view[place] == "號":
        return _numbered_place(view, place)
    if view[place] == "道" and view[place - 1 : place] != "大":
        return None
    tail = TAIL.match(view, place + 1)
    assert tail is not None  # it matches the empty string
    stop = tail.end() if tail[0].strip() else place + 1
    head = _district_before(view, place)
    if head is not None:
        return Finding(head, stop, "ADDRESS", _score(tail, stop, place), "address_in_district")
    if tail["number"] is None:
        return None
    begin = _bare_name(view, place)
    return None if begin is None else Finding(begin, stop, "ADDRESS", 0.85, "road_and_number")


def find_english_address(view: str, start: int, end: int) -> Iterator[Finding]:
    """Find addresses as the post office writes them in English, such as No. 180, Minquan E. Rd., Taipei City 105.

    view (str): The text after `fold_widths`.
    start (int), end (int): A stretch of ASCII.
    YIELDS (Finding): ADDRESS.
    """
    for match in ENGLISH.finditer(view, start, end):
        parts = match["parts"]
        if ROAD.search(parts):
            area = list(AREA.finditer(parts))
            stop = match.start("parts") + (area[-1].end() if area else len(parts.rstrip(" ,")))
            yield Finding(match.start(), stop, "ADDRESS", 0.9, "english_address")


def _score(tail: "re.Match[str]", stop: int, place: int) -> float:
    """Return a high score for a house number; a road alone is where many people live."""
    if tail["number"] is not None:
        return 0.97
    return 0.6 if stop > place + 4 else 0.4


def _numbered_place(view: str, place: int) -> Finding | None:
    """Find an address without a road, such as 秀林鄉富世村富世291號, or the number of a medical license."""
    before = view[max(0, place - REACH) : place]
    house = HOUSE.search(before)
    if house is None:
        return None
    license_number = LICENSE.search(before) if "字第" in before else None
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
    """Return whether an area is more than a county, as 臺中市3號候選人 is no address."""
    name = area.lstrip("0123456789- ")
    return fold_place(name[:3]) not in county_names() or any(char in "區鄉鎮市" for char in name[3:])


def _medical_license(view: str, begin: int, stop: int) -> Finding | None:
    """Find 醫字第012345號, 護理字第…, 藥字第…: the certificate numbers of health professions.

    Source: 醫師法, 護理人員法, 藥師法 and 衛生福利部 "醫事人員證書" (Ministry of Health and Welfare).
    """
    kind = view[begin : view.index("字第", begin)]
    if "年度" in kind:  # the number of a case in court: 112年度醫字第1234號
        return None
    for length in range(min(4, len(kind)), 0, -1):
        if kind[-length:] in MEDICAL:
            return Finding(stop - (stop - begin) + len(kind) - length, stop, "MEDICAL_LICENSE", 0.95, "medical_license")
    return None


MEDICAL = frozenset(
    "醫 牙醫 中醫 牙 藥 藥師 藥劑生 護 護理 護理師 護士 助產 助產師 醫檢 檢驗 醫放 放射 物理 物治 職治 職能 營養 呼吸 "
    "心理 諮心 諮商 諮商心理 臨心 臨床心理 專護 "
    "物理治療 職能治療 語言治療 呼吸治療 醫事檢驗 醫事放射 語療 聽力 聽 牙技 驗光 醫檢師 營養師".split()
)


def _district_before(view: str, road: int) -> int | None:
    """Return where the address begins whose road name ends at a position, if a district or county is before it."""
    for end in range(road, max(road - REACH, 0), -1):
        if view[end - 1] not in "區鄉鎮市縣":
            continue
        begin = _admin_start(view, end)
        if begin is None:
            continue
        between = BETWEEN.fullmatch(view, end, road + 1)
        return None if between is None or not NO_ADDRESS.isdisjoint(between[0]) else begin
    return None


def _admin_start(view: str, end: int) -> int | None:
    """Return where the district or county that ends at a position begins, with the county and postal code before it."""
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
    for length in lengths:
        if end >= length and fold_place(view[end - length : end]) in names:
            return end - length
    return None


def _bare_name(view: str, road: int) -> int | None:
    """Return where a road name without a district begins, or None if what is before is no name."""
    begin = road
    while begin > 0 and road - begin < MAX_BARE and view[begin - 1] >= "\u4e00" and not _ends_word(view, begin - 1):
        begin -= 1
    name = view[begin : road + 1]
    return None if len(name) < 2 or name in ROAD_WORDS else begin


def _ends_word(view: str, place: int) -> bool:
    if view[place] not in ENDS_WORD:
        return False
    return view[place : place + 2] not in ROAD_STARTS and view[place - 1 : place + 1] != "自由"
