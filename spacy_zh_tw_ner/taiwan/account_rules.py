"""Rules for what only the words around it show to be personal: accounts of LINE, PTT and social media, and secrets.

    加我的LINE，ID是 mumu_0817      the nearest platform is LINE: LINE_ID
    粉專 @morninglight.cy           a handle with "@" needs no word such as ID between
    密碼已改為「Qt!113」             a secret after 為, 是, a colon or nothing at all

The words are searched in the `REACH` characters before a stretch of ASCII and in the stretch.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator
from typing import NamedTuple

from .findings import Finding

REACH = 30
TEXT = 200  # characters before an account in which its platform is searched if it follows 帳號
_PLATFORMS = {
    "LINE_ID": r"(?<![A-Za-z])(?:LINE|Line|line)(?![A-Za-z])|賴|官方帳號|加好友|好友|加我",
    "PTT_ID": r"(?<![A-Za-z])(?:PTT|Ptt|ptt)(?![A-Za-z])|批踢踢|鄉民|站內信|推文|[板版]主|水桶|留言",
    "SOCIAL": (
        r"(?<![A-Za-z])(?:IG|ig|Instagram|instagram|FB|fb|Facebook|facebook|Twitter|twitter|Threads|threads|Telegram"
        r"|telegram|TG|WeChat|wechat|TikTok|Tiktok|tiktok|Plurk|plurk|Discord|discord|YouTube|Youtube|Dcard|YT|GitHub|Github|github|Skype|skype|Steam)(?![A-Za-z])"
        r"|臉書|推特|微信|抖音|噗浪|小紅書|粉專|粉絲團|粉絲專頁|限動|脆"
    ),
}
# The lookahead lists the first characters: most places fail at once.
PLATFORM = re.compile(
    r"(?=[LlPpIiFfTtWwDdYyGgSs賴官加好批鄉站推板版水留臉微抖噗小粉限脆])(?:"
    + "|".join(f"(?P<{label}>{words})" for label, words in _PLATFORMS.items())
    + ")"
)
HANDLE = re.compile(r"@[A-Za-z0-9_][A-Za-z0-9._\-]{2,29}(?![A-Za-z0-9@])")
NO_HANDLE_BEFORE = re.compile(r"[A-Za-z0-9._%+\-@/]")  # an address of e-mail
ACCOUNT = re.compile(r"(?<![A-Za-z0-9._%+\-@/])[A-Za-z0-9][A-Za-z0-9._\-]{1,29}(?![A-Za-z0-9@/])")
NAMED_ACCOUNT = re.compile(
    r"(?:帳號|代號|使用者|(?<![A-Za-z])(?:ID|id))(?:是|為|叫|:)? ?"
    r"(?P<name>[A-Za-z][A-Za-z0-9._\-]{3,19})(?![A-Za-z0-9@/])"
)
# Between a platform and an account: words such as ID and 帳號, signs, and little else.
_GAP_WORDS = "ID|Id|id|帳號|帳戶|好友|搜尋|聯絡|暱稱|帳|名稱|私訊|使用者|名|加|我|的|是|為|叫|請|或|可|版"
GAP = re.compile(rf"{_GAP_WORDS}|[ :,=()「」『』【】\[\]\"'，、。/]")
NAMED = re.compile(r"(?:ID|Id|id|帳號|帳戶|暱稱|[:=是為叫(]) ?[「『\"']?$")
SENTENCE_END, ASCII = re.compile("[。!?！？\n]"), re.compile("[A-Za-z]")
# The colon after the author of a comment, and the title after the author of a post.
AUTHOR = re.compile(
    r"(?:作者:? ?|(?:^|(?<=[\s:])|(?<=^))(?:推|噓|→) ?)(?P<author>[A-Za-z][A-Za-z0-9_]{1,15})(?= ?:| \()"
)
PLATFORM_AFTER = re.compile(r" ?\((?:PTT|ptt|Ptt|批踢踢)")
# Not accounts: products that are named after their platform.
PRODUCTS = frozenset(
    (
        "line pay linepay bank today tv points notify beacon app bot oa at group music shop id api login works go taxi "
        "mobile ptt fb ig instagram facebook threads youtube discord telegram com reels story stories live messenger "
        "marketplace"
    ).split()
)
PTT_FORM = re.compile(r"[A-Za-z][A-Za-z0-9]{1,11}")
SECRET_WORD = re.compile(
    r"(?=[密帳金通口權門大開提保A-Zpsta])(?:密碼|帳密|金鑰|密鑰|通行碼|口令|權杖|門鎖|門禁|大門|開機|提款卡|保險箱|(?:[A-Z_]{1,40}_)?(?:PASS|KEY|TOKEN|SECRET)(?![A-Za-z])|[Pp][Ww](?![A-Za-z])|(?:[Pp]ass(?:word|wd|code|phrase)?|PASSWORD|pwd|PWD|[Ss]ecret|SECRET|[Tt]oken|TOKEN"
    r"|[Aa][Pp][Ii][_ \-]?[Kk](?:ey|EY)|PIN)(?:[_ ](?:key|KEY|id|ID))?(?![A-Za-z])(?: ?碼)?)"
)
BEARER = re.compile(r"(?:[Bb]earer|Basic) (?P<secret>[A-Za-z0-9_\-.+/=]{12,2000})")
MIXED = re.compile(r"(?<![!-~])[A-Za-z0-9][A-Za-z0-9._\-]{0,30}[!@#$%^&*+][!#-&*-+\--:<-~]{0,30}(?![A-Za-z0-9])")
LOGIN = re.compile("密碼|admin|root|登入|帳號|[Ww]i-?[Ff]i|門鎖|login")
FAR = 60  # characters before a token in which a word for a login counts
WEAK_SECRET_WORDS = frozenset(("門鎖", "門禁", "大門", "開機", "提款卡", "保險箱"))
PIN = re.compile("[A-Z]?[0-9]{4,12}[#*]?")
DOOR_CODE = re.compile(r"(?<![0-9A-Za-z#\-])[0-9]{4,8}#(?![0-9A-Za-z])")
DOOR = re.compile("門|密碼|鎖|梯")
NO_PIN = re.compile("[末後前]|卡號|電話|序號|型號")
ONE_TIME = re.compile(r"一次性|動態|簡訊|OTP|驗證|臨時性")
# What may be between a word for a secret and its value; the last sign says that a value follows.
SECRET_GAP = re.compile(
    r"[\"' ]{0,2}(?P<link>[^!-~。！？\n]{0,20}(?:[:=]|是|為|成|「|『|用|[換改設][了好過]?，?) ?"
    r"[\"'「『 ]{0,2})?[\"'「『( ]{0,2}"
)
SECRET = re.compile(r"[!#-&*-+\--:<-~][!#-&(-+\--~]{2,127}")
NOT_SECRET = re.compile(
    r"[A-Za-z]*:?|[0-9]{1,3}|[0-9]{1,3}\.[0-9.]+|09[0-9]{2}-?[0-9]{3}-?[0-9]{3}|[0-9]{2,4}[/.\-][0-9]{1,2}[/.\-][0-9]{1,2}.*|[0-9]{1,2}[/:~\-][0-9]{1,2}"
    r"|https?:.*|[A-Za-z0-9._]+@[A-Za-z0-9\-]+\.[A-Za-z0-9.\-]+|[*xX●•_.\-]+"
)
AMOUNT_AFTER = re.compile(r" ?[元次個天年月日碼位人分秒字]")


class Cue(NamedTuple):
    """The word for a platform that is nearest before a place: its label, and the position after it."""

    label: str
    end: int


def find_accounts(view: str, start: int, end: int) -> Iterator[Finding]:
    """Find LINE_ID, PTT_ID and SOCIAL in one ASCII stretch.

    Sources: the account rules of LINE (4 to 20 characters) and of PTT (2 to 12 letters and digits).

    view (str): The text after `fold_widths`.
    start (int), end (int): The stretch.
    YIELDS (Finding): Accounts.
    """
    for match in AUTHOR.finditer(view, max(0, start - 4), end):
        yield Finding(*match.span("author"), "PTT_ID", 0.85, "author")
    cues = [Cue(str(match.lastgroup), match.end()) for match in PLATFORM.finditer(view, max(0, start - REACH), end)]
    if view.find("@", start, end) >= 0:
        for match in HANDLE.finditer(view, start, end):
            cue, begin = _nearest(cues, match.start()), match.start()
            if begin == start or NO_HANDLE_BEFORE.match(view, begin - 1) is None or (cue and cue.end == begin):
                yield _handle(view, match, cue)
    for match in NAMED_ACCOUNT.finditer(view, max(0, start - 4), end):
        if match.start("name") >= start and _nearest(cues, match.start()) is None:
            yield from _far_account(view, match)
    if cues:
        for match in ACCOUNT.finditer(view, start, end):
            cue = _nearest(cues, match.start())
            if cue is not None:
                yield from _account(view, match, cue)
    if view.find("(", end - 1, end + 1) >= 0 or view.find("PTT", start, end) >= 0:
        for match in ACCOUNT.finditer(view, start, end):
            if PLATFORM_AFTER.match(view, match.end()) and PTT_FORM.fullmatch(match[0]):
                yield Finding(*match.span(), "PTT_ID", 0.8, "account_before_platform")


def _nearest(cues: list[Cue], place: int) -> Cue | None:
    index = bisect_right(cues, place, key=lambda cue: cue.end)
    return cues[index - 1] if index else None


def _trimmed(view: str, begin: int, stop: int) -> int:
    while stop > begin and view[stop - 1] in "._-":
        stop -= 1
    return stop


OFFICIAL = re.compile("(?:加|預約|搜尋|官方)[^!-~。\n]{0,4}$")


def _handle(view: str, match: "re.Match[str]", cue: Cue | None) -> Finding:
    begin, stop = match.start(), match.end() - len(match[0]) + len(match[0].rstrip(".-"))
    if cue is not None:
        return Finding(begin, stop, "SOCIAL" if cue.label == "PTT_ID" else cue.label, 0.9, "handle_after_platform")
    if OFFICIAL.search(view, max(0, begin - 8), begin):  # official accounts of LINE begin with @
        return Finding(begin, stop, "LINE_ID", 0.6, "handle_of_official_account")
    is_telling = any(not char.isalpha() for char in view[begin + 1 : stop])
    return Finding(begin, stop, "SOCIAL", 0.55 if is_telling else 0.3, "handle")


def _far_account(view: str, match: "re.Match[str]") -> Iterator[Finding]:
    """Yield 帳號 windbell77 with the label of the platform that the text named last, or 水桶 names after it."""
    name = match["name"]
    if name.isalpha() or name.isdigit():
        return
    words = [*PLATFORM.finditer(view, max(0, match.start() - TEXT), match.start())]
    words += [*PLATFORM.finditer(view, match.end(), match.end() + 6)]
    if (
        not words and not name.isalnum() and "ID" in match[0].upper()
    ):  # most accounts that people give are those of LINE
        yield Finding(*match.span("name"), "LINE_ID", 0.5, "account_named_id")
    if words and (words[-1].lastgroup != "PTT_ID" or PTT_FORM.fullmatch(name)):
        yield Finding(*match.span("name"), str(words[-1].lastgroup), 0.55, "account_in_text_of_platform")


def _account(view: str, match: "re.Match[str]", cue: Cue) -> Iterator[Finding]:
    begin, stop = match.start(), _trimmed(view, *match.span())
    name, gap = view[begin:stop], view[cue.end : begin]
    is_near, is_named = GAP.sub("", gap) == "", NAMED.search(gap) is not None
    if len(name) < 3 or name.isdigit() or name.lower() in PRODUCTS or not (is_near or is_named):
        return
    if cue.label == "PTT_ID" and PTT_FORM.fullmatch(name) is None:
        return
    if cue.label == "LINE_ID" and not 4 <= len(name) <= 20:
        return
    if not is_near:  # LINE 的截圖（對方帳號 cheng_1977）
        if not name.isalnum() and not SENTENCE_END.search(gap) and not ASCII.search(gap):
            yield Finding(begin, stop, cue.label, 0.6, "account_in_sentence_of_platform")
        return
    is_telling = not name.isalpha() and (gap != "" or name[0].isalpha())
    if not is_named and not is_telling:  # LINE Pay, IG story
        return
    yield Finding(begin, stop, cue.label, 0.9 if is_named else 0.7, "account_after_platform")


def find_secrets(view: str, start: int, end: int) -> Iterator[Finding]:
    """Find passwords, keys and tokens after their words in one ASCII stretch. One-time codes (驗證碼) are left out.

    view (str): The text after `fold_widths`.
    start (int), end (int): The stretch.
    YIELDS (Finding): SECRET.
    """
    before = max(0, start - REACH)
    for match in BEARER.finditer(view, start, end):
        yield Finding(*match.span("secret"), "SECRET", 0.95, "bearer")
    if view.find("#", start, end) > 0:
        for match in DOOR_CODE.finditer(view, start, end):
            if DOOR.search(view, max(0, match.start() - FAR), match.start()):
                yield Finding(*match.span(), "SECRET", 0.55, "door_code")
    for match in MIXED.finditer(view, start, end):
        stop = _end_of_secret(view, *match.span())
        if _is_mixed(view[match.start() : stop]) and LOGIN.search(view, max(0, match.start() - FAR), match.start()):
            yield Finding(match.start(), stop, "SECRET", 0.6, "mixed_signs_after_login")
    for word in SECRET_WORD.finditer(view, before, end):
        gap = SECRET_GAP.match(view, word.end())
        assert gap is not None  # it matches the empty string
        value = SECRET.match(view, gap.end(), min(len(view), gap.end() + 128))
        if value is None or value.start() < start or ONE_TIME.search(view, max(0, word.start() - 4), word.start()):
            continue
        begin, stop = value.start(), _end_of_secret(view, *value.span())
        surface = view[begin:stop]
        is_weak = word[0] in WEAK_SECRET_WORDS
        if is_weak and (len(gap["link"] or "") > 6 or PIN.fullmatch(surface) is None or NO_PIN.search(gap[0])):
            continue
        if len(surface) < 4 or (AMOUNT_AFTER.match(view, stop) and surface.isdigit()):
            continue
        if NOT_SECRET.fullmatch(surface) and not (
            gap["link"] and surface.isalpha() and gap["link"].strip() in (":", "=")
        ):
            continue
        # Chinese words between the two, as in 密碼每學期更換，本學期為 Sp!113, make a plain number less likely.
        is_far = len(gap["link"] or "") > 4
        yield Finding(
            begin, stop, "SECRET", 0.6 if is_weak or (is_far and surface.isdigit()) else 0.95, "secret_after_word"
        )


def _is_mixed(token: str) -> bool:
    """Return whether a token has letters, digits and a sign that people put into passwords."""
    has_letter, has_digit = any(map(str.isalpha, token)), any(map(str.isdigit, token))
    return has_letter and has_digit and NOT_SECRET.fullmatch(token) is None


def _end_of_secret(view: str, begin: int, stop: int) -> int:
    while stop > begin and view[stop - 1] in ".,;:()[]{}\"'?/":
        stop -= 1
    return stop
