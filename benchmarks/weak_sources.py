"""Write the word lists and the settings of weak sources of persons, places and organizations in Chinese texts.

The words are those of jieba's dictionary, and the names of countries and cities in the Unicode CLDR, from the package
Babel. No annotated text is used; which patterns are worth their place was decided with the labels of UNER's dev.
"""

import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from benchmarks.word_lists import jieba_words, write_lists
from spacy_zh_tw_ner.taiwan.name_words import COMMON_SURNAMES, COMPOUND_SURNAMES

LOCALES = ("zh", "zh_Hant_TW", "zh_Hant_HK")
# Names of CLDR that are also words or not names of places
NOT_PLACES = set(
    "世界 中美 根息 東加 歐盟 聯合國 歐元區 未知區域 未知地區 未知城市 偽區域 偽地區 偽比迪 昭和基地 自由市 "
    "獅子山 凱西 戴維斯 威克 達爾文".split()
)
HAN = re.compile("[\u4e00-\u9fff]{2,}")
# Words of jieba's dictionary with these endings are hardly ever anything but places.
PLACE_ENDING = re.compile(
    "..+(?:[省市縣區鄉鎮州郡盟旗江河湖島山灣海港路街嶺峽寺門橋站]|群島|半島|山脈|海峽|盆地|高原|平原|運河|機場|自治[區州縣]|共和國|[王帝公]國)"
)
# Nouns with these endings may be parts of names.
NAME_ENDING = re.compile(
    ".*(?:[國省市縣區鄉鎮村州島山河江湖海灣港站路街道橋寺廟宮殿門城堡谷嶺峽線綫園館教軍隊黨局署部院團社報台賽盃陸場校會庭帝王宗祖朝代"
    "戰民司廠礦田泉樓室所店行學人族語號星]|公司|集團|銀行|酒店|飯店|大廈|教堂|航空|組織|聯盟|國際)"
)
# Surnames that are more often other words
WORDS = "高簡温白鐘古紀賀伍常龍萬粘車項包談邊塗申沙辛官易聞華寧梅"
FUNCTION = "的了是在於與和或也就而但被把這其他她它我你們有無不沒很更最"
NOT_NAMES = FUNCTION + "及都將從向對為由以那上下前後中內外年月日時個些種第一二三四五六七八九十兩每各該此並等曾"
BEFORE_PLACE = "在到往從於由自與和及或是為對向的入赴回離經至抵了個位屬將"
AFTER_PLACE = (
    "人 民 語 話 裔 籍 境內 境外 各地 地區 政府 總統 國王 皇帝 首都 東部 西部 南部 北部 中部 沿海 歷史 經濟 文化 "
    "社會 的 是 在 於 與 和 及 或 最 之 第 所 則 也 亦 有 為 以 並"
)
PLACES_OF = (
    "省|市|縣|區|鄉|鎮|村|島|山|河|江|湖|灣|港|路|街|橋|寺|廟|公園|廣場|線|鐵路|門|宮|城|洋|海|大學|學院|學校|醫院|站|機場|體育場|"
    "半島|帝國|博物館|大陸|教堂"
)
ORGANIZATIONS_OF = (
    "銀行|公司|集團|協會|學會|基金會|委員會|聯合會|聯盟|政府|黨|軍|隊|局|署|社|出版社|航空|電台|電視台|足協|足總|"
    "商會|教會|教廷|法院|部|會"
)
EMPERORS = "太高世中玄肅代德順憲穆宣懿真仁英神哲徽欽孝理度成武文景光聖思熹"
# Syllables of persons, besides those that are in few other words
NAME_SYLLABLES = "安葉根甫申華傑麗妮婭歐法費得文山金羅李本考武木東代吉巴拿崙貝漢林"
# Names in angle brackets are replaced by regular expressions.
SOURCES = r"""
labels = ["PER", "ORG", "LOC"]
accept = 0.5
consider = 0.5

# Three characters, of which the first is a surname, and which are in no word of the dictionary: 王小明
[[source]]
name = "persons"
type = "patterns"
precision = 0.65
lists = { surname = ["words/surname.txt"] }
exclude = [
  "words/other.txt", "words/idiom.txt", "words/noun.txt", "words/proper.txt", "words/place.txt", "words/sure_place.txt",
]
patterns = { PER = ['(?<!<syllable>|[·‧・•])\L<surname>(?!<syllable>{2})<char>{2}(?!<syllable>{2}|[·‧・•])'] }

# 威廉·華納 and 唐太宗 are persons.
[[source]]
name = "foreign and imperial names"
type = "patterns"
precision = 0.9
[source.patterns]
PER = ['<name_syllable>{1,7}(?:[·‧・•]<name_syllable>{1,7})+', '[唐宋明漢晉魏隋元清周]?<emperor>[宗祖](?![教派])']

# Characters that are in no word of the dictionary, and look like a name, are in some entity of any extent and label.
[[source]]
name = "unknown words"
type = "patterns"
precision = 0.85
lists = { surname = ["words/surname.txt"] }
exclude = ["words/other.txt", "words/idiom.txt", "words/noun.txt"]
[source.patterns]
"*" = ['<syllable>{2,8}', '(?=.?<syllable>.?<syllable>)(?=(?<entity><char>{3}))', '(?=(?<entity>\L<surname><char>{2}))']

[[source]]
name = "foreign names"
type = "patterns"
precision = 0.85
lists = { foreign = ["words/sure_foreign.txt"] }
patterns = { "*" = ['<syllable>{3,8}', '\L<foreign>'] }

# 南京 is a place, but not in 南京大學, which is another one, nor in 南京某軍, where it is only in some entity.
[[source]]
name = "places"
type = "patterns"
precision = { LOC = 0.7, ORG = 0.55, "*" = 0.9 }
[source.lists]
place = ["words/sure_place.txt", "taiwan:places"]
before = ["words/before_place.txt"]
after = ["words/after_place.txt"]
[source.patterns]
LOC = [
  '(?<![大小新老東西南北中神聖古]|<char>·)\L<place>++(?!<longer>)',
  '\L<place>+(?:<places_of>)(?!<longer>)',
  '(?<=\L<before>|<begin>)\L<place>+<char>{0,6}(?:<places_of>)(?=\L<after>|<end>)',
]
ORG = ['\L<place>+(?:<organizations_of>)(?!<longer>)']
"*" = ['\L<place>']

[[source]]
name = "new places"
type = "patterns"
precision = 0.8
exclude = ["words/common_place.txt", "words/other.txt"]
lists = { before = ["words/before_place.txt"], after = ["words/after_place.txt"] }
patterns = { LOC = ['(?<=\L<before>|<begin>)<char>{1,3}[省縣市鄉鎮村湖河江島山站寺](?=\L<after>|<end>)'] }

[[source]]
name = "words"
type = "gazetteer"
precision = { PER = 0.7, O = 0.98 }
labels = { NAME = "" }  # they only keep other words from being found in names
[source.words]
PER = ["words/sure_person.txt"]
O = ["words/other.txt", "words/idiom.txt", "words/plain_noun.txt"]
NAME = [
  "words/noun.txt", "words/proper.txt", "words/person.txt", "words/place.txt", "words/organization.txt",
  "words/foreign.txt",
]

[[source]]
name = "characters"
type = "patterns"
precision = 0.99
patterns = { O = ["[，。；：？！、「」『』（）《》<function>]"] }
"""


def write_sources(jieba: Path, folder: Path) -> Path:
    """Write `sources.toml`, and the word lists that it names to `words`, unless they exist; return its path.

    jieba (Path): The file dict.txt of jieba.
    folder (Path): Folder to write to.
    """
    words, path = folder / "words", folder / "sources.toml"
    if not (words / "plain_noun.txt").exists():
        write_lists(jieba_words(jieba), words)
        lists = {file.stem: file.read_text(encoding="utf-8").split() for file in words.glob("*.txt")}
        write_lists(derived_lists(lists), words)
    foreign = (words / "foreign.txt").read_text(encoding="utf-8").split()
    others = [(words / f"{name}.txt").read_text(encoding="utf-8") for name in ("other", "noun", "idiom")]
    path.write_text(settings(syllables(foreign, others)), encoding="utf-8")
    return path


def derived_lists(lists: dict[str, list[str]]) -> dict[str, Iterable[str]]:
    """Return the lists that are derived from the words of each kind: sure places, sure persons, plain nouns and so on.

    lists (dict[str, list[str]]): Kind → words, as `jieba_words` names the kinds.
    """
    places = {word for word in lists["place"] if PLACE_ENDING.fullmatch(word)}
    # 北京 is a place because 北京市 is, too.
    places |= {word[:-1] for word in places if word[-1] in "省市縣州"} & set(lists["place"]) | set(cldr_places())
    surnames = [*(set(COMMON_SURNAMES) - set(WORDS)), *COMPOUND_SURNAMES]
    others = {word for kind in ("other", "noun", "idiom") for word in lists[kind]} | places
    return {
        "sure_place": places,
        "sure_person": {w for w in lists["person"] if len(w) == 3 and w[0] in surnames} - others,
        "sure_foreign": (word for word in lists["foreign"] if len(word) > 2),
        "surname": surnames,
        "plain_noun": (word for word in lists["noun"] if not NAME_ENDING.fullmatch(word)),
        "common_place": (word for word in lists["noun"] if NAME_ENDING.fullmatch(word)),
        "before_place": BEFORE_PLACE,
        "after_place": AFTER_PLACE.split(),
    }


def cldr_places() -> set[str]:
    """Return the names of territories and cities in the CLDR, in Traditional Chinese."""
    from babel import Locale
    from opencc import OpenCC

    convert, found = OpenCC("s2tw").convert, set[str]()
    for code in LOCALES:
        locale = Locale.parse(code)
        cities = (zone.get("city", "") for zone in locale.time_zones.values())
        for name in (*locale.territories.values(), *cities):
            match = HAN.match(convert(name) if code == "zh" else name)  # 剛果（金夏沙） is 剛果
            if match:
                found |= {match[0], re.sub("^中國(.+)特別行政區$", r"\1", match[0])}
    return found - NOT_PLACES


def syllables(foreign: Iterable[str], others: Iterable[str]) -> str:
    """Return the characters that are at least twice as frequent in foreign names as in other words."""
    names, rest = Counter("".join(foreign)), Counter("".join(others))
    share = names.total() / rest.total()
    return "".join(char for char, n in names.most_common() if n >= 8 and n > 2 * share * rest[char])


def settings(syllable: str) -> str:
    """Return the content of `sources.toml`.

    syllable (str): Characters of foreign names.
    """
    content = SOURCES
    for name, pattern in {
        "syllable": f"[{syllable}]",
        "name_syllable": f"[{syllable}{NAME_SYLLABLES}]",
        "char": rf"[^\P{{Han}}{NOT_NAMES}]",
        "begin": "^|[，。、；：「（《0-9]",
        "end": "$|[，。、；：」（）》0-9]",
        "emperor": f"[{EMPERORS}]",
        "places_of": PLACES_OF,
        "organizations_of": ORGANIZATIONS_OF,
        "function": FUNCTION,
        "longer": rf"[^\P{{Han}}{NOT_NAMES}]{{0,2}}(?:{PLACES_OF}|{ORGANIZATIONS_OF})",
    }.items():
        content = content.replace(f"<{name}>", pattern)
    return content
