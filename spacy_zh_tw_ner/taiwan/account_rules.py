"""Rules for account names on LINE, PTT and social media, by the words around them.

    加我的LINE，ID是 mumu_0817      LINE_ID, because LINE is the nearest platform before the account
    粉專 @morninglight.cy           SOCIAL; a name with "@" (a handle) needs no word such as ID

Accounts are searched in ASCII stretches (sequences of ASCII characters). The words are searched in the stretch of the
account and in the `CHARS_BEFORE` characters before this stretch.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator
from typing import NamedTuple

from .findings import Finding

CHARS_BEFORE = 30
CHARS_BEFORE_ACCOUNT = 200  # characters before 帳號 or ID in which the platform of the account is searched

# Words for platforms: in Latin letters, which must not be part of a longer word, and in Chinese.
_PLATFORMS = {
    "LINE_ID": ("LINE Line line", "賴 官方帳號 加好友 好友 加我"),
    "PTT_ID": ("PTT Ptt ptt", "批踢踢 鄉民 站內信 推文 板主 版主 水桶 留言"),
    "SOCIAL": (
        "IG ig Instagram instagram FB fb Facebook facebook Twitter twitter Threads threads Telegram telegram TG WeChat "
        "wechat TikTok Tiktok tiktok Plurk plurk Discord discord YouTube Youtube Dcard YT GitHub Github github Skype "
        "skype Steam",
        "臉書 推特 微信 抖音 噗浪 小紅書 粉專 粉絲團 粉絲專頁 限動 脆",
    ),
}
# The lookahead lists the first characters, so that most places are rejected at once.
PLATFORM = re.compile(
    r"(?=[LlPpIiFfTtWwDdYyGgSs賴官加好批鄉站推板版水留臉微抖噗小粉限脆])(?:"
    + "|".join(
        f"(?P<{label}>(?<![A-Za-z])(?:{'|'.join(latin.split())})(?![A-Za-z])|{'|'.join(chinese.split())})"
        for label, (latin, chinese) in _PLATFORMS.items()
    )
    + ")"
)
# At least one of these is near each account that has no "@" and no "(PTT" after it.
ACCOUNT_WORDS = (
    *(word for words in _PLATFORMS.values() for word in " ".join(words).split()),
    *"帳號 代號 使用者 ID id 作者 推 噓 →".split(),
)
HANDLE = re.compile(r"@[A-Za-z0-9_][A-Za-z0-9._\-]{2,29}(?![A-Za-z0-9@])")
EMAIL_BEFORE_HANDLE = re.compile(r"[A-Za-z0-9._%+\-@/]")  # the "@" of ming@mail.tw begins no handle
ACCOUNT = re.compile(r"(?<![A-Za-z0-9._%+\-@/])[A-Za-z0-9][A-Za-z0-9._\-]{1,29}(?![A-Za-z0-9@/])")
# Without a platform nearby: 對方帳號 cheng_1977.
NAMED_ACCOUNT = re.compile(
    r"(?:帳號|代號|使用者|(?<![A-Za-z])(?:ID|id))(?:是|為|叫|:)? ?"
    r"(?P<name>[A-Za-z][A-Za-z0-9._\-]{3,19})(?![A-Za-z0-9@/])"
)
# Words and signs that may be between a platform and its account: LINE的ID是：ming_wang.
_GAP_WORDS = "ID|Id|id|帳號|帳戶|好友|搜尋|聯絡|暱稱|帳|名稱|私訊|使用者|名|加|我|的|是|為|叫|請|或|可|版"
GAP = re.compile(rf"{_GAP_WORDS}|[ :,=()「」『』【】\[\]\"'，、。/]")
# The end of a gap after which even a plain word is an account: PTT ID是windbell, but not LINE Pay.
NAMED = re.compile(r"(?:ID|Id|id|帳號|帳戶|暱稱|[:=是為叫(]) ?[「『\"']?$")
SENTENCE_END, LATIN_LETTER = re.compile("[。!?！？\n]"), re.compile("[A-Za-z]")
# Accounts on PTT at the beginning of a comment (推 windbell: 認真回) and of a post (作者: windbell (風鈴)).
AUTHOR = re.compile(r"(?:作者:? ?|(?:^|(?<=[\s:]))(?:推|噓|→) ?)(?P<author>[A-Za-z][A-Za-z0-9_]{1,15})(?= ?:| \()")
PLATFORM_AFTER = re.compile(r" ?\((?:PTT|ptt|Ptt|批踢踢)")  # ragequit77（PTT帳號）
# Products with the name of their platform, such as LINE Pay and IG story, are not accounts.
PRODUCTS = frozenset(
    (
        "line pay linepay bank today tv points notify beacon app bot oa at group music shop id api login works go taxi "
        "mobile ptt fb ig instagram facebook threads youtube discord telegram com reels story stories live messenger "
        "marketplace"
    ).split()
)
PTT_FORM = re.compile(r"[A-Za-z][A-Za-z0-9]{1,11}")
# Words before an official account of LINE, which begins with "@": 預約請加 @morning_light.
OFFICIAL = re.compile("(?:加|預約|搜尋|官方)[^!-~。\n]{0,4}$")


class Platform(NamedTuple):
    """A word for a platform in a text, such as LINE or 批踢踢.

    label (str): LINE_ID, PTT_ID or SOCIAL.
    end (int): The position after the word.
    """

    label: str
    end: int


def find_accounts(view: str, start: int, end: int) -> Iterator[Finding]:
    """Find accounts on LINE, PTT and social media in one ASCII stretch.

    Sources: the account rules of LINE (4 to 20 characters) and of PTT (2 to 12 letters and digits).

    view (str): The text with half-width in place of full-width characters, from `fold_widths`.
    start (int), end (int): The span of the stretch, which is a sequence of ASCII characters.
    YIELDS (Finding): LINE_ID, PTT_ID and SOCIAL. An account that several rules find is yielded several times.
    """
    for match in AUTHOR.finditer(view, max(0, start - 4), end):
        yield Finding(*match.span("author"), "PTT_ID", 0.85, "author")
    platforms = [
        Platform(str(match.lastgroup), match.end())
        for match in PLATFORM.finditer(view, max(0, start - CHARS_BEFORE), end)
    ]
    if view.find("@", start, end) >= 0:
        for match in HANDLE.finditer(view, start, end):
            platform, begin = _nearest(platforms, match.start()), match.start()
            is_after_platform = platform is not None and platform.end == begin  # 追蹤IG@vote_chai
            if begin == start or is_after_platform or EMAIL_BEFORE_HANDLE.match(view, begin - 1) is None:
                yield _handle(view, match, platform)
    for match in NAMED_ACCOUNT.finditer(view, max(0, start - 4), end):
        if match.start("name") >= start and _nearest(platforms, match.start()) is None:
            yield from _account_of_distant_platform(view, match)
    if platforms:
        for match in ACCOUNT.finditer(view, start, end):
            platform = _nearest(platforms, match.start())
            if platform is not None:
                yield from _account_after_platform(view, match, platform)
    if view.find("(", end - 1, end + 1) >= 0 or view.find("PTT", start, end) >= 0:
        for match in ACCOUNT.finditer(view, start, end):
            if PLATFORM_AFTER.match(view, match.end()) and PTT_FORM.fullmatch(match[0]):
                yield Finding(*match.span(), "PTT_ID", 0.8, "account_before_platform")


def _nearest(platforms: list[Platform], place: int) -> Platform | None:
    """Return the last word for a platform that ends at or before a position; None if there is none.

    platforms (list[Platform]): The words in the text around an account, in the order of the text.
    place (int): The position.
    """
    index = bisect_right(platforms, place, key=lambda platform: platform.end)
    return platforms[index - 1] if index else None


def _handle(view: str, match: "re.Match[str]", platform: Platform | None) -> Finding:
    """Return a finding for a handle (a name with "@").

    view (str): The text with half-width in place of full-width characters, from `fold_widths`.
    match (re.Match[str]): The match of HANDLE.
    platform (Optional[Platform]): The last word for a platform before the handle, which determines the label. PTT has
        no handles, so the label is SOCIAL after a word for PTT. If it is None, the label is LINE_ID after a word for
        official accounts, such as 預約, and otherwise SOCIAL.
    """
    begin, stop = match.start(), match.start() + len(match[0].rstrip(".-"))
    if platform is not None:
        label = "SOCIAL" if platform.label == "PTT_ID" else platform.label
        return Finding(begin, stop, label, 0.9, "handle_after_platform")
    if OFFICIAL.search(view, max(0, begin - 8), begin):
        return Finding(begin, stop, "LINE_ID", 0.6, "handle_of_official_account")
    has_signs = any(not char.isalpha() for char in view[begin + 1 : stop])
    return Finding(begin, stop, "SOCIAL", 0.55 if has_signs else 0.3, "handle")


def _account_of_distant_platform(view: str, match: "re.Match[str]") -> Iterator[Finding]:
    """Yield a finding, or none, for an account after a word such as 帳號 or ID that has no word for a platform near it.

    The label is that of a word for a platform in the six characters after the account. If there is none, it is that of
    the last such word in the `CHARS_BEFORE_ACCOUNT` characters before. Without any such word, an account with a sign
    such as "." after ID gets the label LINE_ID. Accounts of letters only or of digits only are not found.

    view (str): The text with half-width in place of full-width characters, from `fold_widths`.
    match (re.Match[str]): The match of NAMED_ACCOUNT.

    在PTT賣過票，…… 帳號 windbell77      PTT_ID, by the word PTT
    帳號 windbell77 已水桶               PTT_ID, by the word 水桶: moderators of PTT suspend (水桶) accounts
    ID: ming.wang88                      LINE_ID: most accounts that people give without a platform are from LINE
    """
    name = match["name"]
    if name.isalpha() or name.isdigit():
        return
    platforms = [*PLATFORM.finditer(view, max(0, match.start() - CHARS_BEFORE_ACCOUNT), match.start())]
    platforms += [*PLATFORM.finditer(view, match.end(), match.end() + 6)]
    if not platforms and not name.isalnum() and "ID" in match[0].upper():
        yield Finding(*match.span("name"), "LINE_ID", 0.5, "account_named_id")
    if platforms and (platforms[-1].lastgroup != "PTT_ID" or PTT_FORM.fullmatch(name)):
        yield Finding(*match.span("name"), str(platforms[-1].lastgroup), 0.55, "account_in_text_of_platform")


def _account_after_platform(view: str, match: "re.Match[str]", platform: Platform) -> Iterator[Finding]:
    """Yield a finding, or none, for a possible account without "@" after a word for a platform.

    The words and signs of GAP, such as ID and 是, may be between the platform and the account. If other words are
    between them, the account is only found if it contains a sign such as "_", and its score is lower.

    view (str): The text with half-width in place of full-width characters, from `fold_widths`.
    match (re.Match[str]): The match of ACCOUNT.
    platform (Platform): The last word for a platform before the account.
    """
    begin = match.start()
    name, gap = match[0].rstrip("._-"), view[platform.end : begin]
    stop = begin + len(name)
    is_near, is_named = GAP.sub("", gap) == "", NAMED.search(gap) is not None
    if len(name) < 3 or name.isdigit() or name.lower() in PRODUCTS or not (is_near or is_named):
        return
    if platform.label == "PTT_ID" and PTT_FORM.fullmatch(name) is None:
        return
    if platform.label == "LINE_ID" and not 4 <= len(name) <= 20:
        return
    if not is_near:  # LINE 的截圖（對方帳號 cheng_1977）
        if not name.isalnum() and not SENTENCE_END.search(gap) and not LATIN_LETTER.search(gap):
            yield Finding(begin, stop, platform.label, 0.6, "account_in_sentence_of_platform")
        return
    has_signs = not name.isalpha() and (gap != "" or name[0].isalpha())
    if not is_named and not has_signs:  # LINE Pay, IG story
        return
    yield Finding(begin, stop, platform.label, 0.9 if is_named else 0.7, "account_after_platform")
